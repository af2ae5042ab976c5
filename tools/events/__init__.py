"""Declared events: load that somebody knows of beforehand. They are typed, expire, and can only raise floors."""
