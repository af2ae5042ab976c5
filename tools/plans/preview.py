"""Previews for a plan: each request previewed through the path, and bound to the view that was seen."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Protocol, assert_never

from audit.errors import AuditError
from audit.log import Entry
from policies.decision import Decision
from policies.types import Observation, Request
from tools.errors import ArgumentsInvalid, NeverHappened, NotFound, ToolError, UnknownTool
from tools.path.context import Context
from tools.path.outcome import Applied, Failed, Pending, Refused, Result, Simulated, Unknown
from tools.path.requests import request_id
from tools.plans.plan import LATER, PlanStep, PlanVerdict

AT_ONCE = 8
"""Looks in flight at a time: they share commits, and the apiserver is not flooded."""

PASSING = frozenset({"in-doubt", "lease", "request", "permit", "policy", "claim"})
"""Stages of a refusal that may be over by the time that the plan is applied: the gate is asked again."""


class Preview(Protocol):
    """The executor, as plans need it. `preview` leaves a `tool.read` with the view's digest under the request's
    id, where anything was read."""

    async def preview(self, request: Request) -> tuple[Decision, str]: ...
    async def judge(self, request: Request, seen: Observation) -> Decision: ...
    async def execute(self, request: Request, *, confirmed: str | None = None) -> Result: ...


def _first(found: BaseExceptionGroup[BaseException]) -> BaseException:
    """What the first of the looks failed with; the others were cut short because of it."""
    one = found.exceptions[0]
    return _first(one) if isinstance(one, BaseExceptionGroup) else one


class PreviewRunner:
    """Makes steps of requests; writes nothing but the reads' records."""

    def __init__(self, context: Context, path: Preview) -> None:
        self._c, self._path = context, path

    async def steps(
        self,
        plan_id: str,
        run_id: str,
        requests: Sequence[Request],
        rehearsed: Mapping[str, Result],
        pairs: Mapping[str, str],
    ) -> tuple[PlanStep, ...]:
        """The requests as steps, in their order; what was rehearsed (by the request's id) is not looked at twice, and
        what stands on an earlier one (`pairs`, by their ids) goes with it.

        Raises ClusterUnavailable and LogUnavailable.
        """
        seats = asyncio.Semaphore(AT_ONCE)
        chained = _chained(requests)

        async def one(number: int, request: Request) -> PlanStep:
            bare = request.model_copy(update={"mode": "live", "run_id": run_id})
            if number in chained:
                return _bound(plan_id, _unseen(number, bare, "later", "plan", LATER))
            async with seats:
                step = await self._rehearsed(number, bare, rehearsed.get(request.id))
                return _bound(plan_id, step or await self._look(plan_id, number, bare))

        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(one(n, request)) for n, request in enumerate(requests, 1)]
        except* (ToolError, AuditError) as found:
            raise _first(found) from found
        return _together(_untangled([task.result() for task in tasks]), _bases(requests, pairs))

    async def _rehearsed(self, number: int, request: Request, found: Result | None) -> PlanStep | None:
        """The step by its dry run; None where that says too little, or was about something else."""
        if found is None or not _same(request, found.request):
            return None
        match found:
            case Simulated(seen=Observation() as seen, diff=diff):
                return _step(number, request, seen.view_digest, diff, await self._path.judge(request, seen))
            case Refused(decision=Decision() as no, diff=diff) if no.stage not in PASSING:
                return _step(number, request, None, diff, no)
            case Failed(what=what, code=code) if code != "conflict":
                return _unseen(number, request, "deny", "look", what[:2048])
            case Simulated() | Refused() | Failed() | Applied() | Pending() | Unknown():
                return None
            case never:
                assert_never(never)

    async def _look(self, plan_id: str, number: int, request: Request) -> PlanStep:
        """Under an id of its own: the read is not yet the step, whose content it becomes a part of."""
        probe = request.model_copy(update={"id": request_id(plan_id, "look", str(number))})
        try:
            said, diff = await self._path.preview(probe)
        except (ArgumentsInvalid, UnknownTool, NotFound, NeverHappened) as e:
            return _unseen(number, request, "deny", "look", e.said[:2048])
        seen = await self._seen(probe)
        return _step(number, request, seen.record.view_digest if seen else None, diff, said)

    async def _seen(self, probe: Request) -> Entry | None:
        found = [e for e in await self._c.log.by_request(probe.id) if e.record.kind == "tool.read"]
        return found[-1] if found else None


def _same(request: Request, rehearsed: Request) -> bool:
    """Whether a dry run was of this very change, by the same principal; an undo's rights hang on the object."""
    if rehearsed.mode != "dry_run" or request.undoes is not None:
        return False
    apart = {"id": request.id, "mode": request.mode, "reason": request.reason, "run_id": request.run_id}
    return rehearsed.model_copy(update=apart) == request


def _step(number: int, request: Request, view: str | None, diff: str, said: Decision) -> PlanStep:
    """A step as it was seen and judged, bound to that view."""
    return PlanStep(
        number=number,
        request=request.model_copy(update={"basis": view}) if view else request,
        view_digest=view,
        diff=diff,
        verdict=said.verdict.value,
        stage=said.stage,
        rule=said.rule,
        detail=said.detail[:2048],
        needs=tuple(map(asdict, said.approvals)) if said.verdict.value == "needs_approval" else (),
        policy=said.policy_digest,
    )


def _bound(plan_id: str, step: PlanStep) -> PlanStep:
    """The step with the id of its request: by the plan, its place and its content, so that no two contents
    ever meet under one id."""
    content = step.request.model_copy(update={"id": request_id(plan_id, "step", str(step.number))})
    request = content.model_copy(update={"id": request_id(plan_id, content.digest)})
    return step.model_copy(update={"request": request})


def _chained(requests: Sequence[Request]) -> frozenset[int]:
    """The undos of what another undo of the plan is on top of: before that one is done they cannot be seen."""
    begun: set[tuple[str, str]] = set()
    found = set()
    for number, request in enumerate(requests, 1):
        chain = (request.target.key, request.tool)
        if request.undoes is not None and chain in begun:
            found.add(number)
        elif request.undoes is not None:
            begun.add(chain)
    return frozenset(found)


def _untangled(steps: Sequence[PlanStep]) -> tuple[PlanStep, ...]:
    """Refuse what cannot follow: a second step on the very view of an earlier one (it would be drift), and
    what stands on a step that is refused."""
    kept: list[PlanStep] = []
    views: dict[tuple[tuple[str, str], str | None], int] = {}
    bases: dict[tuple[str, str], PlanStep] = {}
    for step in steps:
        base, twin = bases.get(step.chain), views.get((step.chain, step.view_digest))
        if step.verdict == "later" and base is not None and base.verdict == "deny":
            step = _denied(step, f"step {base.number} comes first, and it is refused")
        elif step.verdict in ("allow", "needs_approval") and twin is not None:
            step = _denied(step, f"step {twin} changes the same: plan this again when that is done")
        if step.verdict != "deny":
            views.setdefault((step.chain, step.view_digest), step.number)
        if step.request.undoes is not None:
            bases[step.chain] = step
        kept.append(step)
    return tuple(kept)


def _bases(requests: Sequence[Request], pairs: Mapping[str, str]) -> Mapping[int, int]:
    """By a step's number that of the one that it stands on."""
    numbers = {request.id: number for number, request in enumerate(requests, 1)}
    return {numbers[above]: numbers[base] for above, base in pairs.items()}


def _together(steps: Sequence[PlanStep], bases: Mapping[int, int]) -> tuple[PlanStep, ...]:
    """Each with the number of the one that it stands on; where one of the two is refused, neither is done."""
    denied = {step.number for step in steps if step.verdict == "deny"}
    found = []
    for step in steps:
        base = bases.get(step.number, 0)
        partners = [base, *(above for above, on in bases.items() if on == step.number)]
        no = next((n for n in partners if n in denied), None)
        kept = (
            step
            if no is None or step.number in denied
            else _denied(step, f"it goes with step {no}, which is refused")
        )
        found.append(kept.model_copy(update={"stands_on": base}) if base else kept)
    return tuple(found)


def _denied(step: PlanStep, why: str) -> PlanStep:
    said = {"verdict": "deny", "stage": "plan", "rule": None, "detail": why, "needs": ()}
    return step.model_copy(update=said)


def _unseen(number: int, request: Request, verdict: PlanVerdict, stage: str, why: str) -> PlanStep:
    """A step of whose object nothing was read."""
    return PlanStep(
        number=number,
        request=request,
        view_digest=None,
        diff="",
        verdict=verdict,
        stage=stage,
        rule=None,
        detail=why,
    )
