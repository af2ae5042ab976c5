"""Claims replayed: every stored integer must follow from what the records tell was claimed, in order.

The table of integers is not in the tree; the records are. So a kill switch that was flipped behind the log's
back, or a spent approval made fresh again, shows here. Memory grows with the number of distinct keys.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, get_args

from audit.claims import ClaimKind, settle


@dataclass(frozen=True, slots=True)
class Told:
    """A claim as a record tells it."""

    kind: ClaimKind
    key: str
    value: int
    gap: int = 0


_NAMED_IN_V1: dict[str, ClaimKind] = {
    "once": "once", "raise": "raise", "holds": "equals", "since": "min_gap", "put": "set",
}  # fmt: skip
"""What records of version 1 (Flyball 0.1) call the claims."""


def _kind(version: int, name: str) -> ClaimKind | None:
    """The claim that a record of that version means; None where it knows none of that name."""
    return _NAMED_IN_V1.get(name) if version == 1 else name if name in get_args(ClaimKind) else None


class Replay:
    def __init__(self) -> None:
        self._values: dict[str, int] = {}

    def take(self, told: Iterable[dict[str, Any]], version: int) -> Iterator[str]:
        """Apply the claims of a record of that version; gives those that could not have been taken then."""
        for fields in told:
            kind = _kind(version, fields["kind"])
            if kind is None:
                yield f"claim {fields['kind']} {fields['key']} is not one that version {version} knows"
                continue
            claim = Told(kind, fields["key"], fields["value"], fields.get("gap", 0))
            stored = self._values.get(claim.key, 0)
            value = settle(claim, stored)
            if value is None:
                yield f"claim {claim.kind} {claim.key} was lost against {stored}, yet the record is there"
            else:
                self._values[claim.key] = value

    def differences(self, stored: Iterable[tuple[str, int]]) -> Iterator[str]:
        """Where the stored integers are not what the records led to (a stored 0 is the same as none)."""
        left = {key: value for key, value in self._values.items() if value}
        for key, value in stored:
            expected = left.pop(key, 0)
            if value != expected:
                yield f"{key} is {value}, the records lead to {expected}"
        for key, expected in left.items():
            yield f"{key} is gone, the records lead to {expected}"
