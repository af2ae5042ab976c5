"""The command line of tests/flyball, for the tests of `flyball metrics`."""

from tests.flyball.conftest import flyball, home

__all__ = ["flyball", "home"]
