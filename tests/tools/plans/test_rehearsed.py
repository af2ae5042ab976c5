"""A step made of its dry run says what a second look would say, and reads nothing | of another change: looked at."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from policies.types import Request
from sandbox.api.faults import Fault, FaultKind
from tests.kit.installation import LOCAL, App, Doc, allow, doc, installation, kinds, proposed, write_policy
from tools.path.attempts import TRIES
from tools.path.outcome import Failed, Result, Simulated
from tools.plans.plan import PlanStep

LIMITS = {"limits": {"replicas": {"min": 2, "max": 12, "maxStep": 5}}}
AGENTS = {
    level: doc("Agent", "ops", {"owner": "local", "roles": ["operator"], "autonomy": level})
    for level in ("autonomous", "recommend", "approve")
}


def policy(level: str) -> Sequence[Doc]:
    return [LOCAL, AGENTS[level], allow("web", ["scale"], **LIMITS)]


async def step(app: App, request: Request, rehearsed: Result | None) -> PlanStep:
    given = {request.id: rehearsed} if rehearsed else None
    plan = await app.approvals.plans.propose([request], request.principal, rehearsed=given)
    return plan.steps[0]


def said(one: PlanStep) -> tuple[Any, ...]:
    return one.verdict, one.stage, one.rule, one.detail, one.diff, one.needs


@pytest.mark.parametrize("level", AGENTS)
@pytest.mark.parametrize("count", [6, 11, 60])
def test_it_says_what_a_second_look_says(tmp_path: Path, level: str, count: int) -> None:
    async def run() -> None:
        async with installation(tmp_path, write_policy(tmp_path / "p", policy(level))) as app:
            who = app.agent("agent:ops", "s-1")
            rehearsal = await app.executor.execute(proposed(app, count, who=who, mode="dry_run"))
            live = proposed(app, count, who=who)
            before = await kinds(app)
            ours = await step(app, live, rehearsal)
            assert (await kinds(app))[len(before) :] == ["plan.proposed", "plan.step"], "nothing is read"
            theirs = await step(app, live, None)
            assert ours.verdict == theirs.verdict
            if level != "recommend":  # which no is said first differs there, since a dry run is let through
                assert said(ours) == said(theirs)
            if ours.verdict != "deny":  # a step that is refused is never tried, so it is bound to nothing
                assert ours.view_digest == theirs.view_digest == ours.request.basis
            assert (await kinds(app)).count("tool.read") == (0 if level == "recommend" else 1)

    asyncio.run(run())


def test_an_agent_that_only_recommends_is_told_so_though_its_dry_run_went_well(tmp_path: Path) -> None:
    async def run() -> None:
        async with installation(tmp_path, write_policy(tmp_path / "p", policy("recommend"))) as app:
            who = app.agent("agent:ops", "s-1")
            rehearsal = await app.executor.execute(proposed(app, 6, who=who, mode="dry_run"))
            found = await step(app, proposed(app, 6, who=who), rehearsal)
            assert (type(rehearsal).__name__, found.verdict, found.stage) == ("Simulated", "deny", "autonomy")

    asyncio.run(run())


def test_what_was_rehearsed_for_another_change_counts_for_nothing(tmp_path: Path) -> None:
    async def run() -> None:
        async with installation(tmp_path, write_policy(tmp_path / "p", policy("autonomous"))) as app:
            who, other = app.agent("agent:ops", "s-1"), app.agent("agent:ops", "s-2")
            wrong = [
                await app.executor.execute(proposed(app, 5, who=who, mode="dry_run")),
                await app.executor.execute(proposed(app, 6, who=other, mode="dry_run")),
                await app.executor.execute(proposed(app, 60, who=who, mode="dry_run")),
            ]
            for at, rehearsal in enumerate(wrong, 1):
                found = await step(app, proposed(app, 6, who=who), rehearsal)
                assert (found.verdict, found.diff) == ("allow", "4 -> 6")
                assert (await kinds(app)).count("tool.read") == at, "it was looked at"

    asyncio.run(run())


def test_a_dry_run_that_only_met_conflicts_refuses_nothing(tmp_path: Path) -> None:
    """409 three times is a busy moment, no answer of the cluster to the change: the step is looked at."""

    async def run() -> None:
        async with installation(tmp_path, write_policy(tmp_path / "p", policy("autonomous"))) as app:
            who = app.agent("agent:ops", "s-1")
            assert app.world is not None
            app.world.inject([Fault(FaultKind.CONFLICT, times=TRIES)])
            rehearsal = await app.executor.execute(proposed(app, 6, who=who, mode="dry_run"))
            assert isinstance(rehearsal, Failed)
            found = await step(app, proposed(app, 6, who=who), rehearsal)
            assert (found.verdict, found.diff) == ("allow", "4 -> 6")

    asyncio.run(run())


def test_what_is_judged_for_a_plan_carries_no_permit(tmp_path: Path) -> None:
    """A permit without an intent would be one that the log does not know of."""

    async def run() -> None:
        async with installation(tmp_path, write_policy(tmp_path / "p", policy("autonomous"))) as app:
            who = app.agent("agent:ops", "s-1")
            rehearsal = await app.executor.execute(proposed(app, 6, who=who, mode="dry_run"))
            assert isinstance(rehearsal, Simulated)
            assert rehearsal.seen is not None
            judged = await app.executor.judge(proposed(app, 6, who=who), rehearsal.seen)
            assert (judged.verdict.value, judged.permit) == ("allow", None)

    asyncio.run(run())
