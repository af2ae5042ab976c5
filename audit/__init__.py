"""What happened: an append-only, signed, provable log."""
