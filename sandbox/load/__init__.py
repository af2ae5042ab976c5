"""The Load objects of the sandbox: what the workloads have to do."""
