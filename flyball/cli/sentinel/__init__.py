"""Commands that forecast exhaustion and error budgets."""
