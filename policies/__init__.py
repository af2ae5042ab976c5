"""What is allowed: policy files, compiled for Casbin, and the gate. Pure: no I/O but its own files."""
