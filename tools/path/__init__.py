"""The one path: from a request to its outcome, with the log before and after every write."""
