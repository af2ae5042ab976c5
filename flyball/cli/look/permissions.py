"""What may be done to a workload now, by name, owner and kill switch; limits of a number are shown on request."""

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from policies.decision import Decision, VerdictKind
from policies.explain import headroom_text
from policies.quantities import LEASE, of_container
from policies.questions import Question, judge
from policies.types import ActionInfo, Request
from tools.actions import keep_scale_point, registry, set_autoscaler_bounds
from tools.actions.resource_args import amount_of
from tools.arguments import BOUNDS
from tools.cluster_types import Container, Workload
from tools.resource_arguments import VALUES
from tools.spec import ActionSpec

if TYPE_CHECKING:
    from flyball.wiring import App

_SHORT_S = 60
"""A lease that every rule lets be asked for that lets any."""
_WORDS = {VerdictKind.ALLOW: "yes", VerdictKind.NEEDS_APPROVAL: "with-approval", VerdictKind.DENY: "no"}

OF_AN_HPA = (set_autoscaler_bounds.SPEC.name, keep_scale_point.SPEC.name)
"""Tools that write to the workload's HPA."""


async def may(app: "App", workload: Workload) -> list[dict[str, str]]:
    """For each action on it (the workload with its HPA): `yes`, `with-approval` or `no`, and the rules or the reason;
    for each container, where what they have now makes a difference."""
    found = []
    for spec in registry.ACTIONS.values():
        if workload.target.kind in spec.kinds:
            for info in spec.actions:
                found += await _rows(app, spec, info, workload)
    return found


async def _rows(
    app: "App", spec: ActionSpec[Any], info: ActionInfo, workload: Workload
) -> list[dict[str, str]]:
    parts = workload.containers if any(map(of_container, info.dimensions)) else ()
    answers = {one.name: await _asked(app, spec, info, workload, one) for one in parts}
    if len({*answers.values()}) != 1:
        answers = answers or {"": await _asked(app, spec, info, workload, None)}
        return [
            {"action": info.name, "permissions": verdict, "why": f"{name}: {why}" if name else why}
            for name, (verdict, why) in answers.items()
        ]
    verdict, why = next(iter(answers.values()))
    return [{"action": info.name, "permissions": verdict, "why": why}]


async def _asked(
    app: "App", spec: ActionSpec[Any], info: ActionInfo, workload: Workload, container: Container | None
) -> tuple[str, str]:
    gate = await app.context.gate()
    me = app.identity.by_hand()
    request = Request(
        id="may-" + info.name.replace("_", "-"),
        principal=me,
        tool=spec.name,
        action=info.name,
        target=workload.target,
        args={},
        mode="live",
    )
    if (no := await app.context.screened(gate, request)) is not None:
        return "no", "no rule lets you" if (no.stage, no.rule) == ("names", None) else _told(no)
    if spec.name in OF_AN_HPA and workload.autoscaler is None:
        return "no", "it has no HPA"
    touched = replace(workload, pods=()) if info.name in spec.only_pods else workload
    if (owner := spec.owner(touched)) is not None:
        return "no", f"{owner} keeps it"
    now = _now(info, workload, container)
    question = Question(
        who="local",
        asker=me,
        action=info.name,
        target=workload.target,
        wanted={**now, "replicas": 0} if info.name == "scale_to_zero" else now,
        current=now,
        labels=workload.labels,
        at_ms=app.context.now_ms(),
        container=container.name if container else "",
    )
    return _answer(judge(gate.snapshot, question))


def _answer(decision: Decision) -> tuple[str, str]:
    """Where what it has now lies outside of the limits, what may be asked for is the answer, not the no."""
    if decision.verdict is not VerdictKind.DENY:
        return _WORDS[decision.verdict], ", ".join(decision.matched)
    if not decision.headroom:
        return "no", _told(decision)
    word = "yes" if any(one.alone for one in decision.headroom) else "with-approval"
    return word, "; ".join(map(headroom_text, decision.headroom))


def _told(no: Decision) -> str:
    return f"{no.rule or no.stage}: {no.detail}"


def _now(info: ActionInfo, workload: Workload, container: Container | None) -> Mapping[str, int]:
    """What it has now in each dimension that the action moves, as far as it is set."""
    has = {"replicas": workload.replicas, LEASE: _SHORT_S}
    if workload.autoscaler is not None:
        bounds = set_autoscaler_bounds.values_of(workload.autoscaler)
        has |= {BOUNDS[name]: value for name, value in bounds.items() if value is not None}
    if container is not None:
        amounts = {value.dimension: amount_of(container.resources, name) for name, value in VALUES.items()}
        has |= {dimension: amount for dimension, amount in amounts.items() if amount is not None}
    return {dimension: has[dimension] for dimension in info.dimensions if dimension in has}
