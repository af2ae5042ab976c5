"""One approval for a plan: a vote for each step that needs one, bound to what was shown, in time; a no to all."""

from pathlib import Path
from typing import Any

import pytest

from tests.kit.crash_rig import POLICY, Rig, balanced, run
from tests.tools.plans.test_plans import applied, ended, planned, somebody_scales
from tools.approvals.voting import VoteRefused
from tools.path.outcome import Refused
from tools.plans.plan import Carried, NoSuchPlan, PlanRefused


def test_planned_anew_while_it_is_read_the_vote_is_refused(folder: Path) -> None:
    """The yes and the new proposal race: the vote's commit claims that the plan is still the newest."""

    async def work(rig: Rig) -> None:
        old = await planned(rig, {"web": 18}, id="c0ffee00" * 4)
        ask = rig.approvals.plan_votes._open

        async def then_anew(*args: Any) -> Any:
            found = await ask(*args)
            await planned(rig, {"web": 19}, id="c0ffee00" * 4)
            return found

        rig.approvals.plan_votes._open = then_anew  # type: ignore[method-assign]
        with pytest.raises(VoteRefused, match="since it was shown"):
            await rig.approvals.plan_votes.approve(old, rig.identity.by_hand())
        assert not await rig.log.find(kinds=("approval.granted",))

    run(folder, work)


def test_one_yes_is_a_vote_for_each_step_that_needs_one(folder: Path) -> None:
    policy = POLICY.replace("names: [web]}", "names: [web, worker]}")
    (folder / "policy" / "policy.yaml").write_text(policy)

    async def work(rig: Rig) -> None:
        plan = await planned(rig, {"web": 18, "worker": 19, "search": 5})
        (waiting,) = await rig.approvals.plans.waiting()
        assert [step.number for step in waiting.open] == [1, 2]
        assert await rig.approvals.waiting() == [], "its steps are not asked one by one"
        voted, carried = await rig.approvals.plan_votes.approve(plan, rig.identity.by_hand(), "go")
        assert (voted.steps, dict(voted.not_for)) == ((1, 2), {})
        assert ended(carried) == ["applied"] * 3
        votes = await rig.log.find(kinds=("approval.granted",))
        assert [v.record.request_digest for v in votes] == [s.request.digest for s in plan.steps[:2]]
        assert [v.record.view_digest for v in votes] == [s.view_digest for s in plan.steps[:2]]
        assert votes[1].seq == votes[0].seq + 1, "one commit"
        assert await rig.approvals.plans.waiting() == []
        await balanced(rig)

    run(folder, work)


def test_votes_come_before_or_after_the_steps_that_need_none(folder: Path) -> None:
    async def work(rig: Rig) -> None:
        plan = await planned(rig, {"web": 18, "search": 5})
        assert ended(await applied(rig, plan)) == ["waiting", "applied"]
        assert ended(await applied(rig, plan)) == ["waiting", "applied"], "asked again it is the same"
        _, carried = await rig.approvals.plan_votes.approve(plan, rig.identity.by_hand())
        assert ended(carried) == ["applied", "applied"]
        assert sum((await balanced(rig)).effects.values()) == 2

    run(folder, work)


def test_a_vote_is_for_the_view_that_was_shown(folder: Path) -> None:
    async def work(rig: Rig) -> None:
        plan = await planned(rig, {"web": 18})
        somebody_scales(rig, 5, "web")
        _, carried = await rig.approvals.plan_votes.approve(plan, rig.identity.by_hand())
        assert ended(carried) == ["refused"]
        assert await rig.replicas() == 5

    run(folder, work)


def test_what_is_left_out_is_not_voted_on_either(folder: Path) -> None:
    async def work(rig: Rig) -> None:
        plan = await planned(rig, {"web": 18, "search": 5})
        voted, carried = await rig.approvals.plan_votes.approve(
            plan, rig.identity.by_hand(), exclude=["deploy/web"]
        )
        assert voted.steps == ()
        assert ended(carried) == ["excluded", "applied"]
        assert not await rig.log.find(kinds=("approval.granted",))
        assert len(await rig.approvals.plans.waiting()) == 1

    run(folder, work)


def test_what_an_application_left_out_stays_out_of_a_yes_to_all_of_it(folder: Path) -> None:
    async def work(rig: Rig) -> None:
        plan, by = await planned(rig, {"web": 18, "search": 5}), rig.identity.by_hand()
        await applied(rig, plan, exclude=["deploy/search"])
        for left_out in ([], ["deploy/web"]):
            with pytest.raises(PlanRefused, match="left out deployment/search"):
                await rig.approvals.plan_votes.approve(plan, by, exclude=left_out)
        assert not await rig.log.find(kinds=("approval.granted",))
        assert [await rig.replicas(name) for name in ("web", "search")] == [2, 2]
        _, carried = await rig.approvals.plan_votes.approve(plan, by, exclude=["deployment/search"])
        assert ended(carried) == ["applied", "excluded"]
        assert ended(await applied(rig, plan)) == ["applied", "applied"], "all of it was asked for"

    run(folder, work)


def test_the_time_for_votes_is_the_rules(folder: Path) -> None:
    """15 minutes for the votes; what needs none can still be applied."""

    async def work(rig: Rig) -> None:
        plan = await planned(rig, {"web": 18, "search": 5})
        rig.world.advance(15 * 60)
        assert await rig.approvals.plans.waiting() == []
        with pytest.raises(VoteRefused, match="passed"):
            await rig.approvals.plan_votes.approve(plan, rig.identity.by_hand())
        assert ended(await applied(rig, plan)) == ["waiting", "applied"]

    run(folder, work)


def test_a_vote_that_nobody_used_in_time_counts_no_more(folder: Path) -> None:
    async def work(rig: Rig) -> None:
        plan = await planned(rig, {"web": 18})
        assert (await rig.approvals.plan_votes.vote(plan, rig.identity.by_hand())).steps == (1,)
        rig.world.advance(15 * 60)
        assert ended(await applied(rig, plan)) == ["waiting"]
        assert not (await balanced(rig)).intents

    run(folder, work)


def test_a_no_is_for_all_of_it(folder: Path) -> None:
    async def work(rig: Rig) -> None:
        plan = await planned(rig, {"web": 18, "search": 5})
        await rig.approvals.plan_votes.deny(plan, rig.identity.by_hand(), "not before noon")
        assert await rig.approvals.plans.waiting() == []
        for again in (applied(rig, plan), rig.approvals.plan_votes.approve(plan, rig.identity.by_hand())):
            with pytest.raises(NoSuchPlan, match="declined"):
                await again
        for step in plan.steps:
            result = await rig.executor.execute(step.request)
            assert isinstance(result, Refused)
            assert "not before noon" in result.detail
        assert not (await balanced(rig)).intents

    run(folder, work)


def test_a_no_in_the_middle_ends_what_has_not_begun(folder: Path) -> None:
    async def work(rig: Rig) -> None:
        plan = await planned(rig)

        async def told_and_denied() -> Carried:
            tasks: list[Any] = []

            def told(done: Any) -> None:
                if done.step.number == 1:
                    tasks.append(rig.approvals.plan_votes.deny(plan, rig.identity.by_hand(), "stop"))

            apply = rig.approvals.plans._tried

            async def tried(walk: Any, step: Any) -> Any:
                while tasks:
                    await tasks.pop()
                return await apply(walk, step)

            rig.approvals.plans._tried = tried  # type: ignore[method-assign]
            return await applied(rig, plan, told=told)

        carried = await told_and_denied()
        assert ended(carried) == ["applied", "refused", "refused"]
        assert sum((await balanced(rig)).effects.values()) == 1

    run(folder, work)
