"""Notifications: what the log holds that a person must know, sent at least once to those who asked for it."""
