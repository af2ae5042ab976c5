"""The simulated cluster and the demo."""
