"""The HorizontalPodAutoscaler's rules, as Kubernetes 1.36 computes them."""
