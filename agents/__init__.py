"""Who proposes: the ops agent, the tuner, and the model clients."""
