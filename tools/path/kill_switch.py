"""The kill switch: counters in the log, odd while stopped, so it survives restarts and binds every process.

Where the log cannot take a stop, a stop file does (`tools.path.stop_files`); both count.
"""

from dataclasses import dataclass
from typing import Any, Protocol

from audit.errors import ClaimLost
from audit.log import Entry, Log
from audit.record import MAX_TEXT
from base.text import storable
from policies.claim_keys import STOP
from policies.types import Claim, Principal
from tools.path.journal import actor_of
from tools.path.stop_files import StopFile, StopFiles


class Logged(Protocol):
    """What the switch needs: log and stop files, nothing else, so that it works while cluster or policy do not."""

    @property
    def log(self) -> Log: ...

    @property
    def stop_files(self) -> StopFiles: ...


@dataclass(frozen=True, slots=True)
class Stopped:
    """One scope that is stopped: `all`, `cluster/<name>` or `agent:<name>`; by a stop file, or else by the log."""

    scope: str
    file: StopFile | None = None


@dataclass(frozen=True, slots=True)
class Turned:
    """What was recorded (None: nothing new), and whether the scope was in the other state before."""

    entry: Entry | None
    changed: bool


async def throw(context: Logged, scope: str, who: Principal, reason: str) -> Turned:
    """Stop a scope. Where it is stopped already, a reason is recorded all the same."""
    while True:
        value = await _counter(context, scope)
        if value % 2 and not reason:
            return Turned(None, False)
        try:
            return Turned(await _record(context, scope, value, who, reason, stop=True), not value % 2)
        except ClaimLost:  # another person has turned it meanwhile: look again, so that both succeed
            continue


async def lift(context: Logged, scope: str, who: Principal, reason: str) -> Turned:
    """Let a scope go on: first the record, then its stop files are removed. Raises StopFileStays."""
    while True:
        value, by_file = await _counter(context, scope), context.stop_files.stops(scope)
        if not value % 2 and not by_file:
            return Turned(None, False)
        try:
            entry = await _record(context, scope, value, who, reason, stop=False)
        except ClaimLost:
            continue
        context.stop_files.clear(scope)
        return Turned(entry, True)


async def stopped(context: Logged) -> list[Stopped]:
    """Every scope that is stopped now."""
    values = await context.log.prefixed(STOP.prefix)
    found = {name: Stopped(name) for name in (STOP.name_in(k) for k, value in values.items() if value % 2)}
    for file in context.stop_files.found():
        found.setdefault(file.scope, Stopped(file.scope, file))
    return [found[scope] for scope in sorted(found)]


async def _counter(context: Logged, scope: str) -> int:
    name = STOP.of(scope)
    return (await context.log.values((name,)))[name]


async def _record(
    context: Logged, scope: str, value: int, who: Principal, reason: str, *, stop: bool
) -> Entry:
    """The record, and the counter moved on where it says the other state."""
    name = STOP.of(scope)
    record = context.log.draft(
        "killswitch",
        actor=actor_of(who),
        reason=storable(reason, MAX_TEXT) or None,
        labels={"scope": scope, "state": "stopped" if stop else "running"},
        observation=None if stop else _lifted_file(context, scope),
    )
    moved = (Claim("set", name, value + 1),) if (value % 2 == 1) != stop else ()
    (entry,) = await context.log.commit((record,), (Claim("equals", name, value), *moved))
    return entry


def _lifted_file(context: Logged, scope: str) -> dict[str, Any] | None:
    """What the scope's stop file says: the log could not take that stop, and tells of it when it is lifted."""
    file = next((file for file in context.stop_files.found() if file.scope == scope), None)
    if file is None:
        return None
    told = {key: storable(str(file.told.get(key, "")), MAX_TEXT) for key in ("by", "at", "reason")}
    return {"stop_file": {"path": storable(str(file.path), MAX_TEXT), **told}}
