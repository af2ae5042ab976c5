"""The path's own tests work on an installation on a simulated world."""

from tests.kit.states import folder, made_world

__all__ = ["folder", "made_world"]
