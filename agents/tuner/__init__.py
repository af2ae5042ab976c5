"""The tuner: proposes replicas by a strategy, never writes."""
