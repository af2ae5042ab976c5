"""Why the gate decided so: every stage, and for a refusal the nearest allow and what it would need."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import TypeVar

from policies.bounds import Bound
from policies.compiler import EVERYONE, expand_actions
from policies.decision import Decision
from policies.evaluate import by_names, principals
from policies.gate import Gate
from policies.guards import GUARDS, IDENTITY_GUARDS, PRE_READ_GUARDS, READ
from policies.guards.budget import binding
from policies.guards.budget import said as left_text
from policies.guards.ceiling import over
from policies.guards.taint import said, tainted
from policies.inputs import DecisionInput, Refusal, ScreenInput
from policies.kinds import ActionPolicy, Selected
from policies.patterns import fits
from policies.quantities import shown
from policies.questions import (
    Question,
    judge,
    lacks_numbers,
    observation_of,
    request_of,
    situation_of,
    votes_of,
)
from policies.snapshot import Rule, Snapshot, Tainted, expand
from policies.types import Headroom, Request

A = TypeVar("A", bound=ScreenInput)


@dataclass(frozen=True, slots=True)
class Stage:
    """One guard's answer: `ok`, and its message."""

    name: str
    ok: bool
    text: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """The decision, all stages (not only up to the first no), and what would have to change.

    `open`: names alone would allow it, and the numbers decide: `changes` are their limits then.
    """

    decision: Decision
    stages: tuple[Stage, ...]
    changes: tuple[str, ...]
    open: bool = False


def explain(snapshot: Snapshot, question: Question) -> Explanation:
    """The gate's answer to the question, stage by stage.

    A question without a number, on an action that moves some, is answered by names only: `changes` are then
    the limits of the rules that match.
    """
    gate = Gate(snapshot)
    request = request_of(question, snapshot)
    decision = judge(snapshot, question)
    if lacks_numbers(snapshot, question):
        ask = gate.screen_input(request, question.at_ms, situation_of(question, gate, request).values)
        stages = tuple(_stages(ask, PRE_READ_GUARDS))
        allowed = decision.verdict == "allow"
        return Explanation(decision, stages, tuple(_by_names(ask, decision)), open=allowed)
    case = gate.decision_input(
        request, observation_of(question), votes_of(question, request), situation_of(question, gate, request)
    )
    guards: tuple[Callable[[DecisionInput], Refusal | None], ...] = (
        (*IDENTITY_GUARDS, *GUARDS) if case.writes else READ
    )
    return Explanation(decision, tuple(_stages(case, guards)), tuple(_changes(case, decision)))


def _stages(case: A, guards: Sequence[Callable[[A], Refusal | None]]) -> Iterator[Stage]:
    for guard in guards:
        name = guard.__name__
        refusal = guard(case)
        if refusal is None:
            yield Stage(name, True, _said(name, case))
            continue
        yield Stage(name, False, f"{refusal.rule}: {refusal.detail}" if refusal.rule else refusal.detail)
        if name == "identity":
            return  # nobody whom the other guards could be asked about


def _said(name: str, case: ScreenInput) -> str:
    if name == "names":
        return "; ".join(f"{e.who}: {', '.join(e.matches.allows)}" for e in case.evaluations)
    if name == "rules":
        return "; ".join(f"{e.who}: {', '.join(rule.name for rule in e.fitting)}" for e in case.evaluations)
    if name == "budget" and isinstance(case, DecisionInput):
        return "; ".join(left_text(case, one) for one in binding(case)) or "ok"
    if name == "taint" and tainted(case):
        carrying = (f"{e.who}: {', '.join(rule.name for rule in e.carrying)}" for e in case.evaluations)
        return f"{said(case)}; {'; '.join(carrying)}"
    if name == "approval" and isinstance(case, DecisionInput) and case.pending:
        return "needs " + ", ".join(f"{need.count} of {need.role} ({need.rule})" for need in case.pending)
    return "ok"


def _changes(case: ScreenInput, decision: Decision) -> Iterator[str]:
    """What a person could change: the request (headroom), who asks, or the policy (the nearest allow)."""
    for headroom in decision.headroom:
        yield headroom_text(headroom)
    if decision.stage == "taint":
        yield "a person by hand, or a session that has read no untrusted text"
    if decision.verdict == "deny" and decision.stage in ("names", "rules") and decision.rule is None:
        for who, subjects in principals(case.request):
            matches = by_names(case.snapshot, case.request, subjects, case.labels)
            nearest = None if matches.allowed else nearest_allow(case.snapshot, case.request, subjects)
            if nearest is not None:
                yield f"nearest allow for {who}: {nearest[0]}, if {' and '.join(nearest[1])}"


def _by_names(ask: ScreenInput, decision: Decision) -> Iterator[str]:
    """By names alone: what the matching rules would let be asked for, or what stands in the way of any."""
    if decision.verdict == "deny":
        yield from _changes(ask, decision)
        return
    names = dict.fromkeys(name for found in ask.evaluations for name in found.matches.allows)
    caps = [ask.snapshot.caps[document.metadata.name] for document in over(ask)]
    for name in names:
        yield from limits_text(ask.snapshot.rules[name], caps, marked=tainted(ask))


def limits_text(
    rule: Rule, caps: Sequence[Mapping[str, Bound]] = (), *, marked: bool = False
) -> Iterator[str]:
    """`replicas 2 to 12, at most 5 a step (web-alone)`, under the ceilings' caps; of a tainted session, what the rule
    carries of it."""
    carried = rule.tainted if marked else Tainted(rule.bounds, None)
    if carried is None:
        yield f"nothing once the session has read untrusted text ({rule.name})"
        return
    asked = ", some or all of it with approval" if rule.approve or carried.need else ""
    for dimension, own in carried.bounds.items():
        bound = reduce(Bound.met, (cap[dimension] for cap in caps if dimension in cap), own)
        if bound.empty:
            yield f"{dimension} nothing: a ceiling lies outside of it ({rule.name})"
            continue
        yield f"{_bound_text(dimension, bound)}{asked} ({rule.name})"


def _bound_text(dimension: str, bound: Bound) -> str:
    low = shown(bound.low, dimension) if bound.low is not None else "0"
    high = shown(bound.high, dimension) if bound.high is not None else "any"
    step = f", at most {shown(bound.step, dimension)} a step" if bound.step is not None else ""
    factor = f", at most by a factor of {bound.factor}" if bound.factor is not None else ""
    return f"{dimension} {low} to {high}{step}{factor}"


def headroom_text(headroom: Headroom) -> str:
    """`replicas 2 to 9 alone (web-alone)`."""
    span = f"{shown(headroom.low, headroom.dimension)} to {shown(headroom.high, headroom.dimension)}"
    return f"{headroom.dimension} {span} {'alone' if headroom.alone else 'with approval'} ({headroom.rule})"


def nearest_allow(
    snapshot: Snapshot, request: Request, subjects: tuple[str, ...]
) -> tuple[str, list[str]] | None:
    """The allow that differs least from the request, and the differences in words; of a write, one that writes."""
    found = [
        (len(differences), document.metadata.name, differences)
        for document in snapshot.documents
        if isinstance(document, ActionPolicy) and _alike(snapshot, document, request)
        for differences in [list(_differences(snapshot, document, request, subjects))]
    ]
    if not found:
        return None
    _, name, differences = min(found, key=lambda item: item[:2])
    return (name, differences) if differences else None


def _alike(snapshot: Snapshot, document: ActionPolicy, request: Request) -> bool:
    """Whether it is an allow of any action that reads, or writes, as the one that is asked for does."""
    actions = expand_actions(document.spec.actions, snapshot.catalogue)
    wanted = snapshot.writes(request.action)
    return document.spec.effect == "allow" and any(snapshot.writes(action) == wanted for action in actions)


def _differences(
    snapshot: Snapshot, document: ActionPolicy, request: Request, subjects: tuple[str, ...]
) -> Iterator[str]:
    spec, cluster = document.spec, request.target.cluster
    if request.action not in expand_actions(spec.actions, snapshot.catalogue):
        yield f"the action were {' or '.join(spec.actions)}"
    mine = {role for subject in subjects for role in snapshot.roles.roles(subject, cluster)} - {EVERYONE}
    if not mine & {f"role:{role}" for role in spec.roles}:
        yield f"{subjects[0]} had the role {' or '.join(spec.roles)} in {cluster}"
    yield from _elsewhere(spec.target, request, snapshot)


def _elsewhere(target: Selected, request: Request, snapshot: Snapshot) -> Iterator[str]:
    at = request.target
    if at.cluster not in expand(target.clusters, snapshot.clusters):
        yield f"the cluster were {' or '.join(target.clusters)}"
    for title, value, patterns in (
        ("namespace", at.namespace or "", target.namespaces),
        ("kind", at.kind, target.kinds),
        ("name", at.name, target.names),
    ):
        if not any(fits(value, pattern) for pattern in patterns):
            yield f"the {title} were {' or '.join(patterns)}"
    if target.labels:
        yield "it had the labels " + ",".join(f"{k}={v}" for k, v in sorted(target.labels.items()))
