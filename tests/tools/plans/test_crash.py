"""A plan whose process is killed with -9 at each step of the path, or which two processes apply at once.

| dies in the second of three steps | applied again |
|---|---|
| before the intent's commit | that step and the third are done |
| after it, before the send | the step never happened: it is begun again |
| after the send, before the outcome | it was applied: the third is done |
| between two steps | the third is done |
"""

from pathlib import Path
from typing import Any

import pytest

from audit.record import Record
from policies.permit import Permit
from policies.types import Target
from tests.kit.crash_rig import POLICY, Rig, balanced, run
from tests.kit.forks import Child, die, mortal_log
from tests.tools.plans.test_plans import ALONE, applied, ended, planned
from tools.cluster_types import Patch, Precondition, Workload
from tools.plans.plan import Plan
from tools.ports import ClusterWriter

KILLED = -9


class DiesOn:
    """A writer that dies before or after its live write of one workload."""

    def __init__(self, inner: ClusterWriter, when: str, name: str) -> None:
        self._inner, self._when, self._name = inner, when, name

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    async def apply(
        self, permit: Permit, intent: str, target: Target, patch: Patch, precondition: Precondition
    ) -> Workload:
        mine = target.name == self._name and permit.mode == "live"
        if mine and self._when == "before":
            die()
        after = await self._inner.apply(permit, intent, target, patch, precondition)
        if mine and self._when == "after":
            die()
        return after


def dies_at(when: str, kind: str, name: str) -> type[Any]:
    """A log that dies before or after the commit with such a record of one workload."""
    base = mortal_log("never", kind)

    class Mortal(base):  # type: ignore[misc, valid-type]
        async def commit(self, records: Any, claims: Any = (), **how: Any) -> Any:
            mine = any(_is(record, kind, name) for record in records)
            if mine and when == "before":
                die()
            entries = await super().commit(records, claims, **how)
            if mine and when == "after":
                die()
            return entries

    return Mortal


def _is(record: Record, kind: str, name: str) -> bool:
    return record.kind == kind and record.resource is not None and record.resource.name == name


HOW: dict[str, dict[str, Any]] = {
    "before-intent": {"log_class": dies_at("before", "action.intent", "queue")},
    "after-intent": {"log_class": dies_at("after", "action.intent", "queue")},
    "before-send": {"writer": lambda inner: DiesOn(inner, "before", "queue")},
    "after-send": {"writer": lambda inner: DiesOn(inner, "after", "queue")},
    "before-outcome": {"log_class": dies_at("before", "action.outcome", "queue")},
    "after-outcome": {"log_class": dies_at("after", "action.outcome", "queue")},
}
THREE = {"worker": 4, "queue": 3, "web": 6}


@pytest.mark.parametrize("step", HOW)
def test_applied_again_it_goes_on(folder: Path, step: str) -> None:
    plan = run(folder, lambda rig: planned(rig, THREE))

    async def work(rig: Rig, _: Any) -> None:
        await applied(rig, plan)

    child = Child(folder, work, **HOW[step])
    assert child.wait() == KILLED

    async def again(rig: Rig) -> None:
        assert ended(await applied(rig, plan)) == ["applied"] * 3
        b = await balanced(rig)
        assert sum(b.effects.values()) == 3
        assert b.statuses()["not_applied"] == (1 if step in ("after-intent", "before-send") else 0)
        assert [await rig.replicas(name) for name in THREE] == [4, 3, 6]

    run(folder, again)


@pytest.mark.parametrize(("when", "votes"), [("before", 0), ("after", 2)])
def test_the_votes_are_all_there_or_none(folder: Path, when: str, votes: int) -> None:
    """Killed while they are committed: approve again, nobody votes twice."""
    policy = POLICY.replace("names: [web]}", "names: [web, worker]}")
    (folder / "policy" / "policy.yaml").write_text(policy)
    plan = run(folder, lambda rig: planned(rig, {"web": 18, "worker": 19}))

    async def work(rig: Rig, _: Any) -> None:
        await rig.approvals.plan_votes.approve(plan, rig.identity.by_hand())

    assert Child(folder, work, log_class=mortal_log(when, "approval.granted")).wait() == KILLED

    async def again(rig: Rig) -> None:
        assert len(await rig.log.find(kinds=("approval.granted",))) == votes
        _, carried = await rig.approvals.plan_votes.approve(plan, rig.identity.by_hand())
        assert ended(carried) == ["applied"] * 2
        assert len(await rig.log.find(kinds=("approval.granted",))) == 2
        assert sum((await balanced(rig)).effects.values()) == 2

    run(folder, again)


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_plan_is_recorded_whole_or_not_at_all(folder: Path, when: str) -> None:
    async def work(rig: Rig, _: Any) -> None:
        await planned(rig)

    assert Child(folder, work, log_class=mortal_log(when, "plan.proposed")).wait() == KILLED

    async def look(rig: Rig) -> None:
        heads = await rig.log.find(kinds=("plan.proposed",))
        assert (
            len(await rig.log.find(kinds=("plan.step",))) == 3 * len(heads) == (3 if when == "after" else 0)
        )
        for head in heads:
            assert (await rig.approvals.plans.one(head.record.request_digest or "")).having("allow")

    run(folder, look)


def test_two_processes_do_each_step_once(folder: Path) -> None:
    plan: Plan = run(folder, lambda rig: planned(rig, {**ALONE, "web": 6}))

    async def work(rig: Rig, tell: Any) -> None:
        for done in (await applied(rig, plan)).steps:
            tell(done.result)

    children = [Child(folder, work) for _ in range(3)]
    assert [child.wait() for child in children] == [0] * 3
    said = [child.said() for child in children]
    assert said[0] == said[1] == said[2]
    assert [one["is"] for one in said[0]] == ["Applied"] * 4
    b = run(folder, balanced)
    assert sum(b.effects.values()) == 4
    assert len(b.intents) == 4
