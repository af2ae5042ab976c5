"""What may be done to a workload now, by name, owner and kill switch; limits of a number are shown on request."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from policies.decision import Decision, VerdictKind
from policies.questions import Question, judge
from policies.types import ActionInfo, Request
from tools.actions import registry
from tools.actions.resource_args import VALUES, amount_of
from tools.cluster_types import Workload
from tools.spec import ActionSpec

if TYPE_CHECKING:
    from flyball.wiring import App

_WORDS = {VerdictKind.ALLOW: "yes", VerdictKind.NEEDS_APPROVAL: "with-approval", VerdictKind.DENY: "no"}


async def may(app: "App", workload: Workload) -> list[dict[str, str]]:
    """For each action on it: `yes`, `with-approval` or `no`, and the rules or the reason."""
    found = []
    for spec in registry.ACTIONS.values():
        if workload.target.kind in spec.kinds:
            for info in spec.actions:
                verdict, why = await _asked(app, spec, info, workload)
                found.append({"action": info.name, "permissions": verdict, "why": why})
    return found


async def _asked(app: "App", spec: ActionSpec[Any], info: ActionInfo, workload: Workload) -> tuple[str, str]:
    gate = await app.context.gate()
    request = Request(
        id="may-" + info.name.replace("_", "-"),
        principal=app.identity.by_hand(),
        tool=spec.name,
        action=info.name,
        target=workload.target,
        args={},
        mode="live",
    )
    if (no := await app.context.screened(gate, request)) is not None:
        return "no", "no rule lets you" if (no.stage, no.rule) == ("names", None) else _told(no)
    if (owner := spec.owner(workload)) is not None:
        return "no", f"{owner} keeps it"
    now = _now(info, workload)
    question = Question(
        who="local",
        action=info.name,
        target=workload.target,
        wanted={**now, "replicas": 0} if info.name == "scale_to_zero" else now,
        current=now,
        labels=workload.labels,
        at_ms=app.context.now_ms(),
    )
    decision = judge(gate.snapshot, question)
    rules = ", ".join(decision.matched)
    if decision.verdict is VerdictKind.DENY:
        return "no", _told(decision)
    return _WORDS[decision.verdict], rules


def _told(no: Decision) -> str:
    return f"{no.rule or no.stage}: {no.detail}"


def _now(info: ActionInfo, workload: Workload) -> Mapping[str, int]:
    """What it has now in each dimension that the action moves, as far as it is set."""
    has = {"replicas": workload.replicas}
    for container in workload.containers[:1]:
        amounts = {value.dimension: amount_of(container.resources, name) for name, value in VALUES.items()}
        has |= {dimension: amount for dimension, amount in amounts.items() if amount is not None}
    return {dimension: has[dimension] for dimension in info.dimensions if dimension in has}
