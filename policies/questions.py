"""Hypothetical questions to the real gate: what would it decide on this request, with that view?

Used by `policy test`, `can-i` and `explain`. The gate that answers is the one that guards.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

from policies.budgets import CHANGES
from policies.claim_keys import POLICY_EPOCH
from policies.decision import Decision
from policies.envelopes import END, LEASES
from policies.errors import RequestInvalid
from policies.gate import Gate
from policies.quantities import UNITS, of_container, quantity
from policies.snapshot import Snapshot
from policies.suppositions import WORKLOADS, moved, spent
from policies.testcase import TestCase
from policies.types import (
    LOCAL_GROUP,
    Approval,
    Delta,
    Mode,
    Observation,
    Principal,
    Request,
    Scope,
    Situation,
    Target,
    digest_of,
)

NOON_MS = 1_767_614_400_000
"""Monday 2026-01-05 12:00 UTC: when a question is asked that names no time."""

LOCAL = "human:local"
_VIEW = digest_of({})


@dataclass(frozen=True, slots=True)
class Question:
    """Who asks for what on which object. `who` is `local`, an agent or a human; numbers are in Delta's units."""

    who: str
    action: str
    target: Target
    wanted: Mapping[str, int]
    current: Mapping[str, int] = field(default_factory=dict)
    behind: str | None = None
    groups: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    field_owner: str | None = None
    at_ms: int = NOON_MS
    approved_by: tuple[str, ...] = ()
    mode: Mode = "live"
    tainted: bool = False
    """Whether the agent's session is supposed to have read untrusted text."""
    asker: Principal | None = None
    """The principal itself, where it is known; else it is made of `who`, `behind` and `groups`."""
    container: str = ""
    """The container that CPU and memory are asked for; policy treats all alike."""
    workloads: int = 1
    """How many its namespace is supposed to have."""
    alerts: int = 0
    rolling_out: bool = False
    spent: Mapping[str, int] = field(default_factory=dict)
    """Of each budget that binds, `changes` or a dimension; `workloads`: others of the namespace that were changed."""
    moved: Literal["up", "down"] | None = None
    """Which way each of its numbers is supposed to have been moved right before."""


def principal_of(question: Question, snapshot: Snapshot) -> Principal:
    """The principal: an agent acts for its owner unless the question names a human."""
    if question.asker is not None:
        return question.asker
    agent = question.who if question.who.startswith("agent:") else None
    human = question.behind or question.who
    if agent is not None and question.behind is None:
        known = snapshot.agents.get(agent)
        human = known.spec.owner if known is not None else "local"
    groups = question.groups
    if human == "local":
        human, groups = LOCAL, tuple(dict.fromkeys((*groups, LOCAL_GROUP)))
    task = None
    if agent is not None:
        everything = tuple(sorted(snapshot.catalogue))
        task = Scope(clusters=(question.target.cluster,), namespaces=None, actions=everything)
    return Principal(agent=agent, on_behalf_of=human, groups=groups, session="question", task=task)


def request_of(question: Question, snapshot: Snapshot) -> Request:
    """The request that the question is about."""
    return Request(
        id="question-" + digest_of([question.who, question.action, str(question.target)])[:12],
        principal=principal_of(question, snapshot),
        tool=question.action,
        action=question.action,
        target=question.target,
        args={**question.wanted, **_mover(question, snapshot)},
        mode=question.mode,
        tainted=question.tainted,
    )


def _mover(question: Question, snapshot: Snapshot) -> dict[str, str]:
    """For whom an envelope is supposed to be: the agent that asks, else the first of the policy."""
    if question.action not in (*LEASES, END):
        return {}
    first = question.who if question.who.startswith("agent:") else min(snapshot.agents, default="")
    return {"agent": first}


def observation_of(question: Question) -> Observation:
    """A view as the question supposes it: present values that are not given equal the wanted ones."""
    deltas = tuple(
        Delta(dimension, of, question.current.get(dimension, after), after)
        for dimension, after in question.wanted.items()
        for of in [question.container if of_container(dimension) else ""]
    )
    return Observation(
        target=question.target,
        at_ms=question.at_ms,
        uid="",
        resource_version="",
        generation=0,
        labels=question.labels,
        view={},
        view_digest=_VIEW,
        deltas=deltas,
        cluster_uid="",
        owner=question.field_owner,
        peers=question.workloads,
        alerts=question.alerts,
        rolling_out=question.rolling_out,
    )


def situation_of(question: Question, gate: Gate, request: Request) -> Situation:
    """Nothing stopped, nothing changed lately but what the question says, this policy in force."""
    snapshot, at_ms = gate.snapshot, question.at_ms
    values = dict.fromkeys(gate.keys(request, at_ms), 0) | {
        POLICY_EPOCH.of(request.target.cluster): snapshot.epoch,
        **dict(spent(snapshot, request, at_ms, question.spent)),
        **dict(moved(snapshot, request, at_ms, question.moved or "")),
    }
    return Situation(question.at_ms, values, ("question", 1), "question")


def votes_of(question: Question, request: Request) -> tuple[Approval, ...]:
    """The votes that the question supposes."""
    return tuple(
        Approval(
            id=f"{index}",
            by=LOCAL if by == "local" else by,
            groups=(LOCAL_GROUP,) if by == "local" else (),
            request_digest=request.digest,
            view_digest=_VIEW,
            expires_ms=question.at_ms + 60_000,
        )
        for index, by in enumerate(question.approved_by)
    )


def lacks_numbers(snapshot: Snapshot, question: Question) -> bool:
    """Whether the action moves numbers and the question names none: then only names can be judged."""
    info = snapshot.catalogue.get(question.action)
    return info is not None and bool(info.dimensions) and not question.wanted


def judge(snapshot: Snapshot, question: Question) -> Decision:
    """What the gate says: by names first, then on the supposed view, where numbers are named."""
    gate = Gate(snapshot)
    request = request_of(question, snapshot)
    situation = situation_of(question, gate, request)
    by_names = gate.screen(request, now_ms=question.at_ms, values=situation.values)
    if by_names.verdict == "deny" or lacks_numbers(snapshot, question):
        return by_names
    return gate.decide(request, observation_of(question), votes_of(question, request), situation)


def question_of(case: TestCase, snapshot: Snapshot, cluster: str) -> Question:
    """The question that a test in a policy file asks. Raises RequestInvalid for a number that is none."""
    namespace, kind, name = case.target.split("/")
    return Question(
        who=case.as_,
        action=case.action,
        target=Target(cluster=case.cluster or cluster, namespace=namespace or None, kind=kind, name=name),
        wanted=numbers(case.value, case.action, snapshot),
        current=numbers(case.current, case.action, snapshot),
        behind=case.for_,
        groups=case.groups,
        labels=case.labels,
        field_owner=case.field_owner,
        at_ms=NOON_MS if case.at is None else case.at,
        approved_by=case.approved_by,
        mode=case.mode,
        tainted=case.tainted,
        workloads=case.workloads,
        alerts=case.alerts,
        rolling_out=case.rolling_out,
        spent={name: _spent(name, amount) for name, amount in case.spent.items()},
        moved=case.moved,
    )


def _spent(name: str, amount: int | str | Decimal) -> int:
    """Raises RequestInvalid."""
    if name not in (CHANGES, WORKLOADS, *UNITS):
        raise RequestInvalid(f"nothing counts {name}", hint=", ".join((CHANGES, WORKLOADS, *UNITS)))
    try:
        return quantity(amount, name if name in UNITS else "replicas")
    except ValueError as error:
        raise RequestInvalid(f"spent.{name}: {error}") from error


def numbers(
    value: int | str | Decimal | Mapping[str, int | str | Decimal] | None, action: str, snapshot: Snapshot
) -> dict[str, int]:
    """`8`, or `{cpuRequest: 500m}`, by dimension and in Delta's units. Raises RequestInvalid."""
    info = snapshot.catalogue.get(action)
    dimensions = info.dimensions if info is not None else ()
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        if len(dimensions) != 1:
            hint = f"write {{{dimensions[0]}: …}}" if dimensions else "leave the number out"
            raise RequestInvalid(f"`{action}` does not take one number", hint=hint)
        value = {dimensions[0]: value}
    out: dict[str, int] = {}
    for dimension, text in value.items():
        if dimension not in dimensions:
            raise RequestInvalid(
                f"`{action}` does not move {dimension}", hint="known: " + ", ".join(dimensions)
            )
        try:
            out[dimension] = quantity(text, dimension)
        except ValueError as error:
            raise RequestInvalid(f"{dimension}: {error}") from error
    return out
