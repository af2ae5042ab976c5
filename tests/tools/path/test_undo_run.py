"""undo --run: a plan of the inverses of what a run changed, newest first; what is not undone, and why."""

from pathlib import Path

import pytest

from tests.kit.crash_rig import POLICY, Rig, balanced, run
from tests.tools.plans.test_plans import ALONE, applied, ended, planned, somebody_scales
from tools.errors import ArgumentsInvalid
from tools.path.outcome import Applied
from tools.path.undo import Inverses, inverses
from tools.plans.plan import Carried, Plan, PlanRefused

RUN = "r-thenight"
BACK = "r-themorning"


async def a_run(rig: Rig, wanted: dict[str, int] | None = None) -> Carried:
    return await applied(rig, await planned(rig, wanted, run_id=RUN))


async def put_back(rig: Rig, of_run: str = RUN, run_id: str = BACK) -> Inverses:
    return await inverses(rig.context, of_run, principal=rig.identity.by_hand(), run_id=run_id)


async def back(rig: Rig, found: Inverses, run_id: str = BACK) -> Plan:
    return await rig.approvals.plans.propose(found.requests, rig.identity.by_hand(), run_id=run_id)


async def changed(rig: Rig, replicas: int, id: str, name: str = "web") -> Applied:
    result = await rig.executor.execute(rig.scale(replicas, name, id=id, run_id=RUN))
    assert isinstance(result, Applied)
    return result


def test_it_puts_back_newest_first(folder: Path) -> None:
    async def work(rig: Rig) -> None:
        await a_run(rig)
        found = await put_back(rig)
        assert [r.target.name for r in found.requests] == list(reversed(ALONE))
        plan = await back(rig, found)
        assert [s.diff for s in plan.steps] == ["3 -> 2", "5 -> 2", "4 -> 2"]
        assert ended(await applied(rig, plan)) == ["applied"] * 3
        assert [await rig.replicas(name) for name in ALONE] == [2, 2, 2]
        await balanced(rig)

    run(folder, work)


def test_it_has_the_right_of_way_of_any_undo(folder: Path) -> None:
    """`search` has a cooldown of 10 minutes: no forward change would be allowed now."""

    async def work(rig: Rig) -> None:
        await a_run(rig, {"search": 5})
        forward = await planned(rig, {"search": 6})
        assert [(s.verdict, s.stage) for s in forward.steps] == [("deny", "cooldown")]
        with pytest.raises(PlanRefused, match="each of its steps was refused"):
            await applied(rig, forward)
        assert ended(await applied(rig, await back(rig, await put_back(rig)))) == ["applied"]

    run(folder, work)


def test_what_is_undone_already_is_left_and_said(folder: Path) -> None:
    async def work(rig: Rig) -> None:
        await a_run(rig)
        await applied(rig, await back(rig, await put_back(rig)), exclude=["sts/queue"])
        again = await put_back(rig, run_id="r-thenoon")
        assert [r.target.name for r in again.requests] == ["queue"]
        assert len(again.left) == 2
        assert all(one.why.startswith("undone already by record") for one in again.left)
        await applied(rig, await back(rig, again, "r-thenoon"))
        assert (await put_back(rig)).requests == ()

    run(folder, work)


def test_what_somebody_changed_since_is_theirs_and_said(folder: Path) -> None:
    async def work(rig: Rig) -> None:
        await a_run(rig)
        somebody_scales(rig, 9, "search")
        plan = await back(rig, await put_back(rig))
        assert [s.verdict for s in plan.steps] == ["allow", "deny", "allow"]
        assert "now 9, we left 5; last writer lena" in plan.steps[1].detail
        assert ended(await applied(rig, plan)) == ["applied", "refused", "applied"]
        assert await rig.replicas("search") == 9

    run(folder, work)


def test_several_changes_of_one_workload_go_back_one_after_another(folder: Path) -> None:
    """2 -> 4 -> 7 -> 9: the steps behind the first are judged at their turn."""

    async def work(rig: Rig) -> None:
        for n, replicas in enumerate((4, 7, 9)):
            await changed(rig, replicas, f"the-change-{n}")
        plan = await back(rig, await put_back(rig))
        assert [s.verdict for s in plan.steps] == ["allow", "later", "later"]
        carried = await applied(rig, plan)
        assert ended(carried) == ["applied"] * 3
        diffs = [done.result.diff for done in carried.steps if isinstance(done.result, Applied)]
        assert diffs == ["9 -> 7", "7 -> 4", "4 -> 2"]
        assert ended(await applied(rig, plan)) == ["applied"] * 3
        await balanced(rig)

    run(folder, work)


def test_what_stands_on_a_step_that_was_not_done_waits_for_it(folder: Path) -> None:
    async def work(rig: Rig) -> None:
        await changed(rig, 4, "the-change-0")
        await changed(rig, 7, "the-change-1")
        plan = await back(rig, await put_back(rig))
        assert ended(await applied(rig, plan, exclude=["deploy/web"])) == ["excluded"] * 2
        somebody_scales(rig, 9, "web")
        assert ended(await applied(rig, plan, stop_on="doubt")) == ["failed", "not_tried"]
        assert await rig.replicas() == 9

    run(folder, work)


def test_what_stands_on_a_refused_step_is_refused(folder: Path) -> None:
    async def work(rig: Rig) -> None:
        await changed(rig, 4, "the-change-0")
        await changed(rig, 7, "the-change-1")
        somebody_scales(rig, 9, "web")
        plan = await back(rig, await put_back(rig))
        assert [s.verdict for s in plan.steps] == ["deny", "deny"]
        assert "step 1 comes first" in plan.steps[1].detail

    run(folder, work)


def test_an_undo_of_an_undo_is_an_ordinary_action(folder: Path) -> None:
    """It does it again, and has no right of way: `search` cools down."""

    async def work(rig: Rig) -> None:
        await a_run(rig)
        await applied(rig, await back(rig, await put_back(rig)))
        again = await back(rig, await put_back(rig, BACK, "r-thenoon"), "r-thenoon")
        assert [s.verdict for s in again.steps] == ["allow", "deny", "allow"]
        assert again.steps[1].stage == "cooldown"
        await applied(rig, again)
        assert [await rig.replicas(name) for name in ALONE] == [4, 2, 3]

    run(folder, work)


def test_what_was_undone_and_done_again_can_be_undone_again(folder: Path) -> None:
    async def work(rig: Rig) -> None:
        await a_run(rig, {"worker": 4})
        await applied(rig, await back(rig, await put_back(rig)))
        await applied(rig, await back(rig, await put_back(rig, BACK, "r-thenoon"), "r-thenoon"))
        assert await rig.replicas("worker") == 4
        found = await put_back(rig, run_id="r-theevening")
        assert [r.target.name for r in found.requests] == ["worker"]

    run(folder, work)


def test_refused_simulated_and_failed_changes_are_none(folder: Path) -> None:
    async def work(rig: Rig) -> None:
        for n, mode in ((60, "live"), (4, "dry_run")):
            await rig.executor.execute(rig.scale(n, id=f"one-of-{n}", mode=mode, run_id=RUN))  # type: ignore[arg-type]
        found = await put_back(rig)
        assert (found.requests, found.left) == ((), ())

    run(folder, work)


def test_what_changed_nothing_is_said(folder: Path) -> None:
    async def work(rig: Rig) -> None:
        await changed(rig, 2, "no-change")
        found = await put_back(rig)
        assert found.requests == ()
        assert [one.why for one in found.left] == ["it changed nothing"]

    run(folder, work)


@pytest.mark.parametrize("of_run", ["r-nobody", "", "' OR 1=1", "%"])
def test_a_run_that_is_none(folder: Path, of_run: str) -> None:
    async def work(rig: Rig) -> None:
        await a_run(rig)
        with pytest.raises(ArgumentsInvalid, match="no run"):
            await put_back(rig, of_run)

    run(folder, work)


def test_policy_decides_as_for_any_undo(folder: Path) -> None:
    async def work(rig: Rig) -> None:
        await a_run(rig)
        closed = POLICY.replace("names: [web, worker, queue]", "names: [web, queue]")
        (rig.folder / "policy" / "policy.yaml").write_text(closed)
        plan = await back(rig, await put_back(rig))
        assert [s.verdict for s in plan.steps] == ["allow", "allow", "deny"]

    run(folder, work)


RESTARTS = """---
apiVersion: flyball/v1
kind: ActionPolicy
metadata: {name: restarts}
spec:
  roles: [operator]
  actions: [restart]
  target: {clusters: [sandbox], namespaces: [shop], kinds: [deployment], names: [worker]}
  effect: allow
...
"""


def test_what_has_no_inverse_is_named_with_the_reason(folder: Path) -> None:
    policy = POLICY.removesuffix("...\n") + RESTARTS
    (folder / "policy" / "policy.yaml").write_text(policy)

    async def work(rig: Rig) -> None:
        await changed(rig, 7, "the-change-0")
        request = rig.request("restart", {"workload": "deployment/worker"}, "the-restart", run_id=RUN)
        done = await rig.executor.execute(request)
        assert isinstance(done, Applied)
        found = await put_back(rig)
        assert [r.target.name for r in found.requests] == ["web"]
        (kept,) = found.left
        assert (kept.record, kept.why) == (done.record, "a restart cannot be undone: the old pods are gone")
        assert kept.what.startswith("restart deployment/worker")
        assert kept.hint

    run(folder, work)
