"""The simulated apiserver and its store: objects, validation, ownership, quota, injected faults."""
