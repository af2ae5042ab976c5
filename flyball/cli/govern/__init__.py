"""Commands of the governor: policy, agents, kill switch, settings."""
