"""Commands about declared events."""
