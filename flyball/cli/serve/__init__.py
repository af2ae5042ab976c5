"""`flyball serve`."""
