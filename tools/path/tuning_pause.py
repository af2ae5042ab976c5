"""Pausing the tuning of one agent, or of all: no run begins and the fast loop stands, while verdicts and rollbacks go
on. An integer of the log, so that it binds every process and survives restarts; every change of it is recorded."""

from collections.abc import Sequence
from typing import Protocol

from audit.errors import ClaimLost
from audit.log import Entry, Log
from base.text import storable
from policies.claim_keys import PAUSED
from policies.types import Claim, Principal
from tools.path.journal import actor_of

ALL = "all"
"""The scope that is every agent."""
MAX_REASON = 4096


class Logged(Protocol):
    """What pausing needs."""

    @property
    def log(self) -> Log: ...


async def paused(context: Logged, agent: str) -> str | None:
    """The scope under which this agent's tuning is paused: its own name, or `all`; None where it is not."""
    keys = {scope: PAUSED.of(scope) for scope in (agent, ALL)}
    values = await context.log.values(tuple(keys.values()))
    return next((scope for scope, key in keys.items() if values[key]), None)


async def paused_scopes(context: Logged) -> Sequence[str]:
    """Every scope that is paused."""
    values = await context.log.prefixed(PAUSED.prefix)
    return sorted(PAUSED.name_in(key) for key, value in values.items() if value)


async def turn(context: Logged, scope: str, who: Principal, *, pause: bool, reason: str = "") -> Entry | None:
    """Pause a scope, or let it go on; None where it is so already."""
    key, wanted = PAUSED.of(scope), int(pause)
    while True:
        value = (await context.log.values((key,)))[key]
        if value == wanted:
            return None
        record = context.log.draft(
            "tune.paused" if pause else "tune.resumed",
            actor=actor_of(who),
            reason=storable(reason, MAX_REASON),
            labels={"scope": scope},
        )
        try:
            (entry,) = await context.log.commit(
                (record,), (Claim("equals", key, value), Claim("set", key, wanted))
            )
        except ClaimLost:  # another person has turned it meanwhile: look again
            continue
        return entry
