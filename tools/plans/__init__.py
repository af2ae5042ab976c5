"""Many requests under one digest, previewed together and applied one after another through the path."""
