"""Commands that look: status, get, describe, why, changes, metrics."""
