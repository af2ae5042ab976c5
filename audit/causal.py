"""Causal order, as the parents of records give it: a decision before its intent, an intent before its outcome.

| record | needs a parent | of kind |
|---|---|---|
| action.intent | `decision` (verdict allow, where the intent is live) | policy.decision |
| action.outcome, unless it ended without a write (refused, failed) | `intent` | action.intent |
| action.in_doubt_resolved | `intent` | action.intent |

Every parent, of whatever relation, must be an earlier record; where its leaf hash is given, it must fit.
"""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple


class Known(NamedTuple):
    """What is known of a stored record."""

    seq: int
    kind: str
    verdict: str | None
    leaf_hash: bytes


_NEEDS = {
    "action.intent": ("decision", "policy.decision"),
    "action.outcome": ("intent", "action.intent"),
    "action.in_doubt_resolved": ("intent", "action.intent"),
}


def faults(seq: int, body: dict[str, Any], known: Callable[[str], Known | None]) -> Iterator[str]:
    """What is wrong with the parents of record `seq`; `known` finds a record by its id."""
    parents = body.get("parents", ())
    found = [(parent["rel"], parent, known(parent["id"])) for parent in parents]
    for rel, parent, record in found:
        if record is None or record.seq >= seq:
            yield f"its {rel} {parent['id']} is not an earlier record"
        elif parent.get("leaf") not in (None, record.leaf_hash.hex()):
            yield f"its {rel} is record {record.seq}, but of another content"
    yield from _missing(body, [(rel, record) for rel, _, record in found if record and record.seq < seq])


def _missing(body: dict[str, Any], found: list[tuple[str, Known]]) -> Iterator[str]:
    kind = body["kind"]
    if kind not in _NEEDS or _ended_without_write(body):
        return
    rel, wanted = _NEEDS[kind]
    fitting = [record for relation, record in found if relation == rel and record.kind == wanted]
    if not fitting:
        yield f"{kind} without an earlier {wanted} as its {rel}"
    elif kind == "action.intent" and body.get("mode") == "live" and fitting[0].verdict != "allow":
        yield f"a live intent on a decision that says {fitting[0].verdict} (record {fitting[0].seq})"


def _ended_without_write(body: dict[str, Any]) -> bool:
    status = body.get("outcome", {}).get("status")
    return body["kind"] == "action.outcome" and status in ("refused", "failed")
