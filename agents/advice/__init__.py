"""Advice on a tuning run: one bounded call of a model, to choose among what is as good, and to explain."""
