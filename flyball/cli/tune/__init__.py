"""The command `tune`: a tuning pass, and applying its plan."""
