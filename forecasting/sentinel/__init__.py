"""Failure that can be seen coming: exhaustion, burnt error budgets, changes that made things worse."""
