"""What unattended tuning came to: changes, refusals, and cost and service level beside those of peers."""
