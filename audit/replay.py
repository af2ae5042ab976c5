"""Claims replayed: every stored integer must follow from the claims that the records report, in order.

The table of integers is not in the tree; the records are. So a kill switch that was flipped behind the log's
back, or a spent approval made fresh again, shows here. Memory grows with the number of distinct keys.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, get_args

from audit.claims import ClaimKind, settle
from audit.record import Record


@dataclass(frozen=True, slots=True)
class Told:
    """A claim as a record reports it."""

    kind: ClaimKind
    key: str
    value: int
    gap: int = 0


_NAMED: dict[int, dict[str, ClaimKind]] = {
    1: {"once": "once", "raise": "raise", "holds": "equals", "since": "min_gap", "put": "set"},
    2: {kind: kind for kind in get_args(ClaimKind)},
}
"""What records of each version call the claims; version 1 is that of Flyball 0.1."""


def told(records: Iterable[Record]) -> dict[str, int]:
    """What these records, in order, say stood at each key once their claims were taken; of a key that others claim as
    well, it is what stood there then. What was added says nothing of the sum."""
    values: dict[str, int] = {}
    for record in records:
        for fields in record.claims:
            kind = _NAMED[record.v].get(fields["kind"])
            if kind != "add_within":
                values[fields["key"]] = 1 if kind == "once" else fields["value"]
    return values


class Replay:
    def __init__(self) -> None:
        self._values: dict[str, int] = {}

    def take(self, told: Iterable[dict[str, Any]], version: int) -> Iterator[str]:
        """Apply the claims of a record of that version; gives those that could not have been taken then."""
        for fields in told:
            kind = _NAMED.get(version, {}).get(fields["kind"])
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
