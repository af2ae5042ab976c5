"""The adapter to Prometheus and to what speaks its API (Thanos, Mimir, Cortex)."""
