"""The Kubernetes adapter: reader, writer, and what its objects mean."""
