"""Where it is tried: a simulated cluster under load. Production code never imports it."""
