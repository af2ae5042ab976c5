"""One file a tool: an ActionSpec or a ReadSpec as data, and the registry that lists them."""
