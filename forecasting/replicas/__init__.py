"""Recommenders: from what was measured to how much a workload shall have. Pure: numbers in, numbers out."""
