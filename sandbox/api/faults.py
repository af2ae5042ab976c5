"""Injected faults: what can go wrong between us and an apiserver, planned ahead and stored in the world.

A plan is a list (the next matching call takes the first entry) or a seed (a call's number decides).
Its state is in the world's file, so that several processes and a restart go on with the same plan.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Literal

from sandbox.api.store import Key, Transaction

Call = Literal["write", "fence", "read", "usage"]
Pressure = Literal["", "Deferred", "Infeasible", "Error"]
"""How nodes take resizes: as they have room (empty), or as if there was none now, never, or it failed."""


class FaultKind(StrEnum):
    """What happens to the call, and whether it took effect."""

    CONFLICT = "conflict"
    """409, no effect."""
    THROTTLED = "throttled"
    """429, no effect."""
    REFUSED = "refused"
    """Connection refused: never sent."""
    ERROR_BEFORE = "error_before"
    """500, no effect."""
    ERROR_AFTER = "error_after"
    """500, with effect."""
    TIMEOUT_BEFORE = "timeout_before"
    """No answer, no effect."""
    TIMEOUT_AFTER = "timeout_after"
    """No answer, with effect."""
    DELAYED = "delayed"
    """No answer; the call is held on its way until `World.release` lets it arrive."""
    OVERWRITTEN = "overwritten"
    """No answer; the effect came, and another manager has put the old spec back."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One planned fault on the next matching call, after `skip` of them, for `times` of them.

    `target` is `kind/name` (of a resize: `pod/name`), or empty for any object.
    """

    kind: FaultKind
    on: Call = "write"
    target: str = ""
    skip: int = 0
    times: int = 1


@dataclass(frozen=True, slots=True)
class Seeded:
    """Faults by chance that a seed decides: `rate_ppm` of the calls, each of one of `kinds`."""

    seed: int
    rate_ppm: int
    kinds: tuple[FaultKind, ...]
    on: Call = "write"


def plan(txn: Transaction, faults: Sequence[Fault | Seeded]) -> None:
    """Add to the plan."""
    for fault in faults:
        txn.push("faults", {"seeded": isinstance(fault, Seeded), "calls": 0, **asdict(fault)})


def clear(txn: Transaction) -> None:
    """Forget the plan; what is held stays held."""
    for seq, _ in txn.queue("faults"):
        txn.replace("faults", seq, None)


def planned(txn: Transaction, on: Call) -> bool:
    """Whether any fault waits for such calls (so that a read need not take the write lock)."""
    return any(row["on"] == on for _, row in txn.queue("faults"))


def take(txn: Transaction, on: Call, key: Key) -> FaultKind | None:
    """The fault of this call, if any; the plan moves on."""
    for seq, row in txn.queue("faults"):
        if row["on"] != on or row.get("target") not in ("", None, f"{key.kind}/{key.name}"):
            continue
        row["calls"] += 1
        if row["seeded"]:
            txn.replace("faults", seq, row)
            chosen = _chance(row["seed"], row["calls"], row["rate_ppm"], row["kinds"])
            if chosen is not None:
                return chosen
        elif row["calls"] <= row["skip"]:
            txn.replace("faults", seq, row)
        else:
            txn.replace("faults", seq, row if row["calls"] < row["skip"] + row["times"] else None)
            return FaultKind(row["kind"])
    return None


def press(txn: Transaction, workload: Key, pressure: Pressure) -> None:
    """How the nodes take resizes of that workload's pods from now on."""
    kept = {name: had for name, had in _pressures(txn).items() if name != "/".join(workload)}
    if pressure:
        kept["/".join(workload)] = pressure
    txn.set_meta("resize_pressure", json.dumps(kept, sort_keys=True))


def pressure(txn: Transaction, workload: Key) -> str:
    """What `press` asked for of that workload."""
    return _pressures(txn).get("/".join(workload), "")


def _pressures(txn: Transaction) -> dict[str, str]:
    found: dict[str, str] = json.loads(txn.meta("resize_pressure") or "{}")
    return found


def _chance(seed: int, call: int, rate_ppm: int, kinds: Sequence[str]) -> FaultKind | None:
    drawn = int.from_bytes(hashlib.sha256(f"{seed}/{call}".encode()).digest()[:8], "big")
    if drawn % 1_000_000 >= rate_ppm:
        return None
    return FaultKind(kinds[drawn // 1_000_000 % len(kinds)])
