"""The Load objects of the sandbox: the load of its workloads."""
