"""The simulated world in motion: demand, serving, autoscaling, samples."""
