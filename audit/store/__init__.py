"""The log's SQLite store."""
