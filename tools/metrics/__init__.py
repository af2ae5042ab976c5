"""Metrics: typed queries with their units, and the adapters that answer them."""
