"""Plans: looked at together, digested, applied once whoever asks, in order; drift, a no, a failure, doubt;
exclusions; one approval for all of it; replayed, resumed, stopped."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from policies.types import Mode, Request
from sandbox.api.apiserver import Write
from sandbox.api.faults import Fault, FaultKind
from sandbox.api.store import Key
from tests.kit.crash_rig import POLICY, Rig, balanced, run
from tools.approvals.approvals import NoSuchQuestion
from tools.cluster_types import Workload
from tools.errors import ArgumentsInvalid
from tools.path.outcome import Applied, Refused
from tools.plans.plan import Carried, NoSuchPlan, Plan, StepStatus
from tools.ports import ClusterWriter

ALONE = {"worker": 4, "search": 5, "queue": 3}


def steps(rig: Rig, wanted: dict[str, int], mode: Mode = "live") -> list[Request]:
    return [rig.scale(n, name, id=f"any-of-{name}", mode=mode) for name, n in wanted.items()]


async def planned(rig: Rig, wanted: dict[str, int] | None = None, **more: Any) -> Plan:
    found = steps(rig, ALONE if wanted is None else wanted)
    return await rig.approvals.plans.propose(found, rig.identity.by_hand(), "a drill", **more)


async def applied(rig: Rig, plan: Plan, **more: Any) -> Carried:
    return await rig.approvals.plans.carry_out(plan.handle, rig.identity.by_hand(), **more)


def ended(carried: Carried) -> list[StepStatus]:
    return [done.status for done in carried.steps]


def somebody_scales(rig: Rig, replicas: int, name: str) -> None:
    key = Key("statefulset" if name == "queue" else "deployment", "shop", name)
    rig.world.send(Write("patch", key, "scale", {"spec": {"replicas": replicas}}, "lena"))


def test_planning_writes_nothing_and_says_what_would_be(folder: Path) -> None:
    async def work(rig: Rig) -> None:
        plan = await planned(rig, {**ALONE, "web": 18})
        assert [s.verdict for s in plan.steps] == ["allow", "allow", "allow", "needs_approval"]
        assert [s.diff for s in plan.steps] == ["2 -> 4", "2 -> 5", "2 -> 3", "2 -> 18"]
        assert all(s.request.basis == s.view_digest for s in plan.steps)
        assert not (await balanced(rig)).effects
        kinds = [e.record.kind for e in await rig.log.find()]
        assert kinds[-5:] == ["plan.proposed", *["plan.step"] * 4]

    run(folder, work)


def test_a_plan_is_read_back_whole_by_another_process(folder: Path) -> None:
    plan = run(folder, lambda rig: planned(rig, {**ALONE, "web": 18}))

    async def work(rig: Rig) -> None:
        again = await rig.approvals.plans.one(plan.handle)
        assert again == plan
        assert again.digest == plan.digest
        carried = await applied(rig, again)
        assert ended(carried) == ["applied", "applied", "applied", "waiting"]
        assert carried.counts() == {"applied": 3, "waiting": 1}
        assert [await rig.replicas(name) for name in (*ALONE, "web")] == [4, 5, 3, 2]
        await balanced(rig)

    run(folder, work)


def test_applied_twice_it_is_done_once(folder: Path) -> None:
    async def work(rig: Rig) -> None:
        plan = await planned(rig)
        first, second = await applied(rig, plan), await applied(rig, plan)
        assert ended(first) == ended(second) == ["applied"] * 3
        for one, two in zip(first.steps, second.steps, strict=True):
            assert isinstance(one.result, Applied)
            assert isinstance(two.result, Applied)
            assert (one.result.intent, two.result.replayed) == (two.result.intent, True)
        assert sum((await balanced(rig)).effects.values()) == 3

    run(folder, work)


def test_a_step_whose_view_has_changed_is_drift_and_the_others_are_done(folder: Path) -> None:
    async def work(rig: Rig) -> None:
        plan = await planned(rig)
        somebody_scales(rig, 7, "search")
        carried = await applied(rig, plan)
        assert ended(carried) == ["applied", "refused", "applied"]
        result = carried.steps[1].result
        assert isinstance(result, Refused)
        assert result.stage == "drift"
        assert await rig.replicas("search") == 7
        assert ended(await applied(rig, plan)) == ["applied", "refused", "applied"]

    run(folder, work)


def test_asked_to_it_stops_at_a_refusal(folder: Path) -> None:
    async def work(rig: Rig) -> None:
        plan = await planned(rig)
        somebody_scales(rig, 7, "search")
        carried = await applied(rig, plan, stop_on="refusal")
        assert ended(carried) == ["applied", "refused", "not_tried"]
        assert carried.steps[2].detail == "stopped at step 2"

    run(folder, work)


def test_what_policy_refuses_at_planning_is_never_tried(folder: Path) -> None:
    """Not even after the policy has been opened: what was reviewed is what is applied."""

    async def work(rig: Rig) -> None:
        plan = await planned(rig, {"worker": 13, "search": 5})
        assert [s.verdict for s in plan.steps] == ["deny", "allow"]
        policy = POLICY.replace("max: 12", "max: 20")
        (rig.folder / "policy" / "policy.yaml").write_text(policy)
        assert ended(await applied(rig, plan)) == ["refused", "applied"]
        assert await rig.replicas("worker") == 2

    run(folder, work)


def test_a_policy_that_closes_after_planning_refuses_the_step(folder: Path) -> None:
    async def work(rig: Rig) -> None:
        plan = await planned(rig)
        (rig.folder / "policy" / "policy.yaml").write_text(
            POLICY.replace("names: [web, worker, queue]", "names: [web, queue]")
        )
        assert ended(await applied(rig, plan)) == ["refused", "applied", "applied"]

    run(folder, work)


@pytest.mark.parametrize("stop_on", ["failure", "doubt"])
def test_it_stops_at_a_failure_unless_told_to_go_on(folder: Path, stop_on: Any) -> None:
    async def work(rig: Rig) -> None:
        plan = await planned(rig, {"worker": 4, "queue": 3, "search": 5})
        rig.world.inject([Fault(FaultKind.REFUSED, target="deployment/worker")])
        carried = await applied(rig, plan, stop_on=stop_on)
        rest = ["not_tried"] * 2 if stop_on == "failure" else ["applied"] * 2
        assert ended(carried) == ["failed", *rest]
        await balanced(rig)

    run(folder, work)


def test_what_is_excluded_is_left_out_this_time_and_recorded(folder: Path) -> None:
    async def work(rig: Rig) -> None:
        plan = await planned(rig)
        assert ended(await applied(rig, plan, exclude=["deploy/worker", "sts/queue"])) == [
            "excluded",
            "applied",
            "excluded",
        ]
        (started,) = await rig.log.find(kinds=("run.started",))
        assert started.record.args == {
            "plan": plan.digest,
            "excluded": ["shop/deployment/worker", "shop/statefulset/queue"],
        }
        assert started.record.run_id == plan.run_id
        assert ended(await applied(rig, plan)) == ["applied"] * 3

    run(folder, work)


@pytest.mark.parametrize("wrong", ["deploy/wbe", "queue", "deploy/queue", "", "deploy/*"])
def test_an_exclusion_that_names_no_step_is_a_mistake(folder: Path, wrong: str) -> None:
    async def work(rig: Rig) -> None:
        plan = await planned(rig)
        with pytest.raises(ArgumentsInvalid):
            await applied(rig, plan, exclude=[wrong])
        assert not (await balanced(rig)).intents

    run(folder, work)


def test_two_steps_on_the_same_view_the_second_is_refused(folder: Path) -> None:
    """It would be drift as soon as the first is done."""

    async def work(rig: Rig) -> None:
        me = rig.identity.by_hand()
        twice = [rig.scale(n, "worker", id=f"to-{n}-replicas") for n in (4, 6)]
        plan = await rig.approvals.plans.propose(twice, me)
        assert [(s.verdict, s.stage) for s in plan.steps] == [("allow", "allowed"), ("deny", "plan")]
        assert ended(await applied(rig, plan)) == ["applied", "refused"]
        assert await rig.replicas("worker") == 4

    run(folder, work)


def test_the_same_step_twice_is_two_requests(folder: Path) -> None:
    async def work(rig: Rig) -> None:
        request = rig.scale(4, "worker", id="the-request")
        plan = await rig.approvals.plans.propose([request, request], rig.identity.by_hand())
        assert plan.steps[0].request.id != plan.steps[1].request.id
        assert plan.steps[1].verdict == "deny"

    run(folder, work)


def test_planned_anew_under_its_id_the_older_one_is_void(folder: Path) -> None:
    async def work(rig: Rig) -> None:
        old = await planned(rig, {"web": 18}, id="c0ffee00" * 4)
        new = await planned(rig, {"web": 19}, id="c0ffee00" * 4)
        assert old.handle != new.handle
        with pytest.raises(NoSuchPlan, match="again"):
            await applied(rig, old)
        with pytest.raises(NoSuchPlan, match="again"):
            await rig.approvals.plan_votes.approve(old, rig.identity.by_hand())
        assert [w.plan.handle for w in await rig.approvals.plans.waiting()] == [new.handle]
        await rig.approvals.plan_votes.approve(new, rig.identity.by_hand())
        assert await rig.replicas() == 19

    run(folder, work)


def test_a_plan_expires(folder: Path) -> None:
    async def work(rig: Rig) -> None:
        plan = await planned(rig)
        rig.world.advance(24 * 3600)
        with pytest.raises(NoSuchPlan, match="expired"):
            await applied(rig, plan)

    run(folder, work)


def test_a_doubt_ends_it_whatever_was_asked_and_it_goes_on_when_that_is_resolved(folder: Path) -> None:
    async def work(rig: Rig) -> None:
        plan = await planned(rig, {"worker": 4, "queue": 3})
        rig.world.inject([Fault(FaultKind.TIMEOUT_AFTER, target="deployment/worker")])
        carried = await applied(rig, plan, stop_on="doubt")
        assert ended(carried) == ["in_doubt", "not_tried"]
        assert ended(await applied(rig, plan)) == ["applied", "applied"]
        assert sum((await balanced(rig)).effects.values()) == 2

    run(folder, work)


def test_a_doubt_that_turns_out_never_to_have_happened_is_begun_anew(folder: Path) -> None:
    async def work(rig: Rig) -> None:
        plan = await planned(rig, {"worker": 4, "queue": 3})
        rig.world.inject([Fault(FaultKind.TIMEOUT_BEFORE, target="deployment/worker")])
        assert ended(await applied(rig, plan)) == ["in_doubt", "not_tried"]
        assert ended(await applied(rig, plan)) == ["applied", "applied"]
        b = await balanced(rig)
        assert b.statuses() == {"not_applied": 1, "applied": 2}
        assert ended(await applied(rig, plan)) == ["applied", "applied"]

    run(folder, work)


def test_what_was_done_before_a_stop_is_still_told(folder: Path) -> None:
    """Steps behind a failure that an earlier application has done are returned as they ended."""

    async def work(rig: Rig) -> None:
        plan = await planned(rig, {"worker": 4, "queue": 3})
        await applied(rig, plan, exclude=["deploy/worker"])
        rig.world.inject([Fault(FaultKind.REFUSED, target="deployment/worker")])
        carried = await applied(rig, plan)
        assert ended(carried) == ["failed", "applied"]

    run(folder, work)


def test_a_policy_that_asks_more_since_makes_the_step_ask_by_itself(folder: Path) -> None:
    async def work(rig: Rig) -> None:
        plan = await planned(rig, {"web": 10})
        (rig.folder / "policy" / "policy.yaml").write_text(
            POLICY.replace("names: [web, worker, queue]", "names: [worker, queue]")
        )
        carried = await applied(rig, plan)
        assert ended(carried) == ["waiting"]
        (waiting,) = await rig.approvals.waiting()
        assert waiting.handle in carried.steps[0].detail
        await rig.approvals.approve(waiting.handle, rig.identity.by_hand())
        assert ended(await applied(rig, plan)) == ["applied"]

    run(folder, work)


def test_nothing_to_plan_too_much_to_plan_and_other_peoples_requests(folder: Path) -> None:
    async def work(rig: Rig) -> None:
        plans, me = rig.approvals.plans, rig.identity.by_hand()
        one = rig.scale(4, "worker", id="the-request")
        other = me.model_copy(update={"on_behalf_of": "human:mallory"})
        for requests, who in (([], me), ([one] * 1_001, me), ([one], other)):
            with pytest.raises(ArgumentsInvalid):
                await plans.propose(requests, who)
        assert not await rig.log.find(kinds=("plan.proposed",))

    run(folder, work)


@pytest.mark.parametrize("handle", ["", "1234567", "zzzzzzzz", "0" * 8, "' OR 1=1", "%" * 8])
def test_a_handle_that_is_none(folder: Path, handle: str) -> None:
    async def work(rig: Rig) -> None:
        await planned(rig)
        with pytest.raises(NoSuchPlan):
            await rig.approvals.plans.one(handle)
        with pytest.raises((NoSuchPlan, NoSuchQuestion)):
            await rig.approvals.named(handle)

    run(folder, work)


class _Interrupted:
    """A writer during whose first write the person presses Ctrl-C."""

    def __init__(self, writer: ClusterWriter, task: "asyncio.Task[Carried]") -> None:
        self._writer, self._task = writer, task

    async def apply(self, *given: Any) -> Workload:
        self._task.cancel()
        return await self._writer.apply(*given)


def test_an_interrupt_lets_the_write_end_and_begins_no_other(folder: Path) -> None:
    async def work(rig: Rig) -> None:
        plan = await planned(rig)
        runner = rig.executor._runner
        task = asyncio.create_task(applied(rig, plan))
        runner._writer = _Interrupted(runner._writer, task)  # type: ignore[assignment]
        with pytest.raises(asyncio.CancelledError):
            await task
        assert (await balanced(rig)).statuses() == {"applied": 1}
        (finished,) = await rig.log.find(kinds=("run.finished",))
        assert finished.record.args is not None

    run(folder, work)
