"""The twin: what would have been, or will be, with other replicas and resources; and how reliable that is."""
