"""The guards, one a file, in the order in which they run. The first refusal is the answer."""

from collections.abc import Callable, Iterator

from policies.guards.approval import approval
from policies.guards.autonomy import autonomy
from policies.guards.blast_radius import blast_radius
from policies.guards.blast_radius import keys as radius_keys
from policies.guards.budget import budget
from policies.guards.budget import keys as budget_keys
from policies.guards.ceiling import ceiling
from policies.guards.clock_jump import clock
from policies.guards.cooldown import cooldown
from policies.guards.drift import drift
from policies.guards.envelope import envelope
from policies.guards.envelope import keys as envelope_keys
from policies.guards.flip import flip
from policies.guards.flip import keys as flip_keys
from policies.guards.freeze import freeze
from policies.guards.identity import identity
from policies.guards.kill_switch import kill_switch
from policies.guards.names import names
from policies.guards.observation import observation
from policies.guards.ownership import ownership
from policies.guards.policy_epoch import policy_epoch
from policies.guards.quiet import quiet
from policies.guards.rules import rules
from policies.guards.taint import taint, taint_by_names
from policies.guards.task import task
from policies.inputs import DecisionInput, Refusal, ScreenInput
from policies.snapshot import Snapshot
from policies.types import Request

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
    flip,
    budget,
    blast_radius,
    quiet,
    taint,
    approval,
)
"""After our own read, following IDENTITY_GUARDS."""

GUARD_KEYS: tuple[Callable[[Snapshot, Request, int], Iterator[str]], ...] = (
    budget_keys,
    flip_keys,
    radius_keys,
    envelope_keys,
)
"""The log's integers that guards read as their policy wants."""

READ: tuple[Callable[[DecisionInput], Refusal | None], ...] = (*IDENTITY_GUARDS, rules)
"""For a reading action, after the fetch: now its labels are known."""
