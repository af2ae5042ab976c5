"""Findings of the sentinel, as the log holds them: opened once, resolved once, whichever process looks."""
