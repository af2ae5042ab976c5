"""Every crash test works on an installation of its own."""

from tests.kit.states import folder, made_world

__all__ = ["folder", "made_world"]
