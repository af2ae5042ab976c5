"""`require: verify` from policy to the end: promised with the intent, judged when due, undone when worse.

what happens                                     what must be so
the deadline passes, all as before               action.verified, kept
restarts, fewer ready, the declared metric       action.verified and action.rolled_back, 4 replicas again
the process dies at any point in between         the next one goes on from the log
the declared metric is not known beforehand      nothing is written
stopped, then resumed                            undone after the resume
somebody else has changed it                     inconclusive; theirs stays
two sweeps at once                               one verdict, one rollback
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import pytest

from audit.errors import LogUnavailable
from policies.permit import Permit
from policies.types import Obligation, Request
from tests.kit.installation import LOCAL, OPS, doc, target
from tests.tools.rig import Rig, rig
from tests.tools.workloads import pod, workload
from tools.actions import registry
from tools.errors import ClusterUnavailable, NeverHappened
from tools.metrics.types import Metric
from tools.path import kill_switch
from tools.path.outcome import Applied, Failed, Result, Unknown
from tools.path.requests import build
from tools.path.verifier import Verified

BY_PODS = {"verify": "5m"}
BY_LATENCY = {"verify": "5m", "metric": "latency_p95", "maxRatio": 1.2}
P95 = Metric.LATENCY_P95


def policy(*require: Any) -> list[dict[str, Any]]:
    rule = doc(
        "ActionPolicy", "web",
        {"roles": ["operator"], "actions": ["scale"], "target": target(), "effect": "allow",
         "limits": {"replicas": {"min": 2, "max": 20, "maxStep": 20}}, "cooldown": "30m", "require": list(require)},
    )  # fmt: skip
    return [LOCAL, OPS, rule]


def within(folder: Path, work: Callable[[Rig], Awaitable[None]], *require: Any) -> None:
    async def run() -> None:
        async with rig(folder, policy(*(require or (BY_PODS,)))) as one:
            one.cluster.script = [(workload(4), [pod(f"web-{n}") for n in range(4)])]
            await work(one)

    asyncio.run(run())


def scaled(one: Rig, replicas: int = 8, **more: Any) -> Request:
    args = registry.parse(
        registry.action("scale").args,
        {"workload": "deploy/web", "replicas": replicas, "current_replicas": None},
    )
    return build(
        "scale", args, id=f"scale-to-{replicas}", principal=one.identity.by_hand(), cluster="sandbox",
        namespace="shop", mode="live", **more,
    )  # fmt: skip


async def changed(one: Rig) -> Applied:
    result = await one.executor.execute(scaled(one))
    assert isinstance(result, Applied)
    return result


def becomes(one: Rig, *, ready: int = 8, **of_each: Any) -> None:
    """What the cluster shows from now on: the change carried out, its pods as told."""
    seen, _ = one.cluster.script[-1]  # type: ignore[misc]
    pods = [pod(f"web-{n}", **of_each) for n in range(seen.replicas)]
    one.cluster.script = [(replace(seen, ready=ready, updated=seen.replicas), pods)]


async def swept(one: Rig) -> list[Verified]:
    return [verified async for verified in one.verifier.sweep()]


async def told(one: Rig) -> list[str]:
    found = await one.log.find(kinds=("action.verified", "action.rolled_back"))
    return [f"{e.record.kind} {' '.join((e.record.labels or {}).values())}" for e in found]


def replicas(one: Rig) -> int:
    return one.cluster.script[-1][0].replicas  # type: ignore[index]


def due(one: Rig) -> None:
    one.clock.advance(300_000)


def test_as_before_is_verified_once(tmp_path: Path) -> None:
    async def work(one: Rig) -> None:
        done = await changed(one)
        assert done.due_ms == one.clock.wall + 300_000
        becomes(one)
        assert await swept(one) == []  # not due yet
        due(one)
        (found,) = await swept(one)
        assert (found.verdict.word, found.rollback) == ("verified", None)
        assert await swept(one) == []
        assert await told(one) == ["action.verified verified"]
        assert replicas(one) == 8

    within(tmp_path, work)


@pytest.mark.parametrize("worse", ["restarts", "fewer ready", "latency"])
def test_worse_is_undone(tmp_path: Path, worse: str) -> None:
    async def work(one: Rig) -> None:
        one.metrics.figures[P95] = 200_000
        await changed(one)
        due(one)
        becomes(one)
        if worse == "restarts":
            becomes(one, last_exit="Error", last_exit_ms=one.clock.wall - 1000)
        elif worse == "fewer ready":
            becomes(one, ready=3)
        else:
            one.metrics.figures[P95] = 900_000
        (found,) = await swept(one)
        assert found.verdict.word == "worse"
        assert isinstance(found.rollback, Applied)  # within the cooldown of 30 minutes: right of way
        assert replicas(one) == 4
        assert await told(one) == ["action.verified worse", "action.rolled_back applied"]
        assert await one.verifier.awaited() == []  # a rollback owes no verdict

    within(tmp_path, work, BY_LATENCY)


def test_a_metric_that_is_not_known_beforehand_stops_the_change(tmp_path: Path) -> None:
    async def work(one: Rig) -> None:
        result = await one.executor.execute(scaled(one))
        assert isinstance(result, Failed)
        assert result.code == "verify"
        assert "latency_p95, which is not known now (no_data)" in result.what
        assert one.cluster.written == []

    within(tmp_path, work, BY_LATENCY)


class FullAfter:
    """A log that takes `left` more commits and is full then, as after a kill between two of them."""

    def __init__(self, one: Rig, left: int) -> None:
        self._log, self._left = one.log, left
        self._commit = one.log.commit

    def __enter__(self) -> None:
        async def commit(*given: Any, **more: Any) -> Any:
            self._left -= 1
            if self._left < 0:
                raise LogUnavailable("the disk is full", where="audit.db")
            return await self._commit(*given, **more)

        self._log.commit = commit  # type: ignore[method-assign]

    def __exit__(self, *_: object) -> None:
        self._log.commit = self._commit  # type: ignore[method-assign]


@pytest.mark.parametrize("commits", range(6))
def test_the_next_one_goes_on_wherever_the_last_one_ended(tmp_path: Path, commits: int) -> None:
    async def work(one: Rig) -> None:
        await changed(one)
        due(one)
        becomes(one, ready=3)
        with FullAfter(one, commits), suppress(LogUnavailable):
            await swept(one)
        await one.executor.resolver.sweep()
        await swept(one)
        assert replicas(one) == 4
        assert await told(one) == ["action.verified worse", "action.rolled_back applied"]
        assert len(one.cluster.written) == 2
        assert await one.verifier.awaited() == []

    within(tmp_path, work)


def test_a_write_without_an_answer_owes_its_verdict_too(tmp_path: Path) -> None:
    """The resolver finds that it was applied; the verdict is owed from then on."""

    async def work(one: Rig) -> None:
        with FullAfter(one, 2):  # policy and intent are stored, the outcome is not
            assert isinstance(await one.executor.execute(scaled(one)), Unknown)
        assert await one.verifier.awaited() == []
        one.clock.advance(60_000)
        await one.executor.resolver.sweep()
        (owed,) = await one.verifier.awaited()
        assert owed.due_ms == one.clock.wall + 300_000

    within(tmp_path, work)


def test_stopped_it_waits_and_resumed_it_is_undone(tmp_path: Path) -> None:
    async def work(one: Rig) -> None:
        await changed(one)
        due(one)
        becomes(one, ready=3)
        await kill_switch.throw(one.context, "all", one.identity.by_hand(), "paging storm")
        (found,) = await swept(one)
        assert found.rollback is None
        assert found.tried is not None
        assert (found.tried.left, found.tried.owed) == ("all is stopped", True)
        assert found.tried.manual.startswith("kubectl")
        assert replicas(one) == 8
        await kill_switch.lift(one.context, "all", one.identity.by_hand(), "over")
        (found,) = await swept(one)
        assert isinstance(found.rollback, Applied)
        assert await told(one) == ["action.verified worse", "action.rolled_back applied"]

    within(tmp_path, work)


def test_what_somebody_else_has_changed_stays(tmp_path: Path) -> None:
    async def work(one: Rig) -> None:
        await changed(one)
        due(one)
        one.cluster.script = [(workload(6, managers=()), [])]
        (found,) = await swept(one)
        assert found.verdict.word == "inconclusive"
        assert "changed it since" in found.verdict.why
        assert replicas(one) == 6

    within(tmp_path, work)


def test_a_cluster_that_is_away_leaves_it_owed(tmp_path: Path) -> None:
    async def work(one: Rig) -> None:
        await changed(one)
        due(one)
        one.cluster.script = [ClusterUnavailable("away", where="it")]
        assert await swept(one) == []
        assert len(await one.verifier.awaited()) == 1

    within(tmp_path, work)


def test_two_at_once_give_one_verdict_and_one_rollback(tmp_path: Path) -> None:
    async def work(one: Rig) -> None:
        await changed(one)
        due(one)
        becomes(one, ready=3)
        both = await asyncio.gather(swept(one), swept(one))
        assert sum(len(found) for found in both) >= 1
        await swept(one)
        assert await told(one) == ["action.verified worse", "action.rolled_back applied"]
        assert len(one.cluster.written) == 2

    within(tmp_path, work)


def test_the_intent_holds_who_chose_it_and_what_is_expected(tmp_path: Path) -> None:
    async def work(one: Rig) -> None:
        earlier = await changed(one)
        one.clock.advance(1_800_000)
        figures = {"replicas_mc": 6000, "violations_after_ppm": 150}
        move = scaled(one, 6, strategy="forecast", expects=figures)
        result = await one.executor.execute(move)
        assert isinstance(result, Applied)
        intent = (await one.log.entry(result.record)).record
        assert (intent.labels or {})["strategy"] == "forecast"
        assert (intent.observation or {})["expects"] == figures
        assert "verify" in (intent.observation or {})
        first = (await one.log.entry(earlier.record)).record
        assert "strategy" not in (first.labels or {})
        assert "expects" not in (first.observation or {})

    within(tmp_path, work)


def test_a_rehearsal_and_an_unchanged_value_owe_nothing(tmp_path: Path) -> None:
    async def work(one: Rig) -> None:
        await one.executor.execute(scaled(one).model_copy(update={"mode": "dry_run", "id": "dry-scale"}))
        await one.executor.execute(scaled(one, 4))
        assert await one.verifier.awaited() == []

    within(tmp_path, work)


async def _rehearsal_refused(one: Rig) -> Result:
    """A cluster that would take the write, and refuses the dry run of it."""
    apply = one.cluster.apply

    async def refuse(permit: Permit, *more: Any) -> Any:
        if permit.mode == "dry_run":
            raise NeverHappened("no", where="rehearsal", http=422)
        return await apply(permit, *more)

    one.cluster.apply = refuse  # type: ignore[method-assign]
    return await one.executor.execute(scaled(one))


async def _verdict_owed(one: Rig) -> Result:
    return await changed(one)


CARRIED_OUT: dict[str, tuple[Any, Callable[[Rig], Awaitable[Result]], Callable[[Result], bool]]] = {
    "dryRun": ("dryRun", _rehearsal_refused, lambda result: isinstance(result, Failed)),
    "verify": (BY_PODS, _verdict_owed, lambda result: isinstance(result, Applied) and result.due_ms > 0),
}


@pytest.mark.parametrize("kind", get_args(Obligation.__annotations__["kind"]))
def test_no_obligation_that_policy_can_ask_for_is_dropped(tmp_path: Path, kind: str) -> None:
    """One without a scenario here fails: what is promised is carried out, or it does not load."""
    require, scenario, kept = CARRIED_OUT[kind]

    async def work(one: Rig) -> None:
        assert kept(await scenario(one))

    within(tmp_path, work, require)
