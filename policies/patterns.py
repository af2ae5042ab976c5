"""Matching of names and labels, shared by Casbin's matcher, ceilings and freezes.

A pattern is matched segment by segment; `*` stands only at the end of a segment and never crosses a `/`
(Casbin's keyMatch let `*/web` match everything and `prod*` match `production-secrets/x`).
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Final

Labels = Mapping[str, str] | None | str
"""What is known of an object's labels: a mapping, None (unknown), or UNSEEN."""

UNSEEN: Final = "unseen"
"""Before any read: an allow may still match, a deny not yet. Never used for the final word."""


def fits(value: str, pattern: str) -> bool:
    """Whether one segment fits: literally, or by its prefix where the pattern ends in `*`."""
    if pattern.endswith("*"):
        return value.startswith(pattern[:-1])
    return value == pattern


@lru_cache(maxsize=65536)
def _segments(pattern: str) -> tuple[str, ...]:
    return tuple(pattern.split("/"))


def k8s_match(path: str, pattern: str) -> bool:
    """Whether `namespace/kind/name` fits a pattern of the same three segments; anything else never."""
    parts, wanted = _segments(path), _segments(pattern)
    if len(parts) != 3 or len(wanted) != 3:
        return False
    return fits(parts[2], wanted[2]) and fits(parts[0], wanted[0]) and fits(parts[1], wanted[1])


@lru_cache(maxsize=65536)
def _pairs(selector: str) -> tuple[tuple[str, str], ...]:
    return tuple(tuple(part.split("=", 1)) for part in selector.split(",")) if selector else ()  # type: ignore[misc]


def selector_text(labels: Mapping[str, str]) -> str:
    """A selector as a Casbin row carries it: `key=value` pairs, sorted."""
    return ",".join(f"{key}={value}" for key, value in sorted(labels.items()))


def sel_match(labels: Labels, selector: str, effect: str) -> bool:
    """Whether the labels fit. Unknown labels match a deny and never an allow; no selector matches always."""
    if not selector:
        return True
    if labels is None:
        return effect != "allow"
    if isinstance(labels, str):
        return effect == "allow"
    return all(labels.get(key) == value for key, value in _pairs(selector))
