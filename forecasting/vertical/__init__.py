"""CPU and memory of one pod: the peers (VPA, KRR) and our own recommendations, as pure functions of arrays."""
