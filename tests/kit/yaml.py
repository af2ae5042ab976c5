"""YAML that was parsed once in this process is not parsed again.

The policies and the world that ship with Flyball are the same text in some hundred tests, and a parser written in
Python spends more time on them than everything else together. What the text means depends on the text alone.
"""

from collections.abc import Callable, Iterator
from copy import deepcopy
from functools import lru_cache
from typing import Any

import pytest
from ruamel.yaml import YAML

Parse = Callable[[YAML, Any], Iterator[Any]]


def remember(patch: pytest.MonkeyPatch) -> None:
    """From now on; text that is not YAML raises each time again."""
    patch.setattr(YAML, "compose_all", _once(YAML.compose_all, copied=False))
    patch.setattr(YAML, "load_all", _once(YAML.load_all, copied=True))


def _once(parse: Parse, *, copied: bool) -> Parse:
    """Nodes are only read and need no copy; loaded objects belong to who asked."""

    @lru_cache(256)
    def found(kind: tuple[str, ...], pure: bool, text: str) -> tuple[Any, ...]:
        yaml = YAML(typ=list(kind), pure=pure)
        return tuple(parse(yaml, text))

    def remembered(self: YAML, stream: Any) -> Iterator[Any]:
        if not isinstance(stream, str):
            return parse(self, stream)
        known = found(tuple(self.typ), bool(self.pure), stream)
        return iter(deepcopy(known) if copied else known)

    return remembered
