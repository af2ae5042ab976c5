"""The guards, one a file, in the order in which they run. The first refusal is the answer."""

from collections.abc import Callable

from policies.guards.approval import approval
from policies.guards.autonomy import autonomy
from policies.guards.ceiling import ceiling
from policies.guards.clock_jump import clock
from policies.guards.cooldown import cooldown
from policies.guards.drift import drift
from policies.guards.envelope import envelope
from policies.guards.freeze import freeze
from policies.guards.identity import identity
from policies.guards.kill_switch import kill_switch
from policies.guards.names import names
from policies.guards.observation import observation
from policies.guards.ownership import ownership
from policies.guards.policy_epoch import policy_epoch
from policies.guards.rules import rules
from policies.guards.taint import taint, taint_by_names
from policies.guards.task import task
from policies.inputs import DecisionInput, Refusal, ScreenInput

IDENTITY_GUARDS: tuple[Callable[[ScreenInput], Refusal | None], ...] = (identity, kill_switch, task, autonomy)
"""By the request alone; asked before a read and again after it."""

PRE_READ_GUARDS: tuple[Callable[[ScreenInput], Refusal | None], ...] = (
    *IDENTITY_GUARDS,
    names,
    taint_by_names,
)
"""Before any read."""

GUARDS: tuple[Callable[[DecisionInput], Refusal | None], ...] = (
    policy_epoch,
    clock,
    observation,
    drift,
    ownership,
    rules,
    ceiling,
    freeze,
    envelope,
    cooldown,
    taint,
    approval,
)
"""After our own read, following IDENTITY_GUARDS."""

READ: tuple[Callable[[DecisionInput], Refusal | None], ...] = (*IDENTITY_GUARDS, rules)
"""For a reading action, after the fetch: now its labels are known."""
