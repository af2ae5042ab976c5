"""Failures that can be foreseen: exhaustion, spent error budgets, changes that made things worse."""
