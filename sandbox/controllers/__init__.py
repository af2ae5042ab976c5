"""The simulated control plane: workload controllers, scheduler, kubelet, nodes, and changes by others."""
