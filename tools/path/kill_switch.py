"""The kill switch: counters in the log, odd while stopped, so it survives restarts and binds every process."""

from dataclasses import dataclass
from typing import Protocol

from audit.errors import ClaimLost
from audit.log import Entry, Log
from policies.claim_keys import STOP
from policies.types import Claim, Principal
from tools.path.journal import actor_of


class Logged(Protocol):
    """What the switch needs: a log, and nothing else, so that it works while cluster or policy do not."""

    @property
    def log(self) -> Log: ...


@dataclass(frozen=True, slots=True)
class Stopped:
    """One scope that is stopped: `all`, `cluster/<name>` or `agent:<name>`."""

    scope: str


async def throw(context: Logged, scope: str, who: Principal, reason: str) -> Entry | None:
    """Stop a scope; None where it is stopped already."""
    return await _turn(context, scope, who, reason, stopped=True)


async def lift(context: Logged, scope: str, who: Principal, reason: str) -> Entry | None:
    """Let a scope go on; None where it is not stopped."""
    return await _turn(context, scope, who, reason, stopped=False)


async def stopped(context: Logged) -> list[Stopped]:
    """Every scope that is stopped now."""
    values = await context.log.prefixed(STOP.prefix)
    return [Stopped(STOP.name_in(k)) for k, value in sorted(values.items()) if value % 2]


async def _turn(context: Logged, scope: str, who: Principal, reason: str, *, stopped: bool) -> Entry | None:
    """Look again where another person has turned it meanwhile: two people who stop at once both succeed."""
    name = STOP.of(scope)
    while True:
        value = (await context.log.values((name,)))[name]
        if (value % 2 == 1) == stopped:
            return None
        try:
            return await _turned(context, scope, value, who, reason, stopped)
        except ClaimLost:
            continue


async def _turned(
    context: Logged, scope: str, value: int, who: Principal, reason: str, stopped: bool
) -> Entry:
    name = STOP.of(scope)
    record = context.log.draft(
        "killswitch",
        actor=actor_of(who),
        reason=reason or None,
        labels={"scope": scope, "state": "stopped" if stopped else "running"},
    )
    (entry,) = await context.log.commit(
        (record,), (Claim("equals", name, value), Claim("set", name, value + 1))
    )
    return entry
