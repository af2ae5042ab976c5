"""Commands that read, prove and verify the log."""
