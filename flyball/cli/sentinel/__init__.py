"""Commands that foresee: exhaustion and error budgets."""
