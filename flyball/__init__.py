"""How Flyball is run: settings, wiring (the only composition root), the command line."""

__version__ = "0.1.0"
