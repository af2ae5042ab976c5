"""Envelopes as policy sees them: a range of replicas that an agent leases for a while, and moves in."""

SET = "set_envelope"
"""The action that leases one; its arguments name the agent that may move in it."""
END = "end_envelope"
"""The action that ends the lease before its time."""
