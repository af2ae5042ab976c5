"""What guards count, through the whole path: reserved with the intent, given back by what never happened.

| how the write ends              | the budget          |
|---------------------------------|---------------------|
| applied                         | spent               |
| conflicts without end           | as before           |
| a conflict, then applied        | spent once          |
| never arrived, or refused (403) | as before           |
| no answer, and had no effect    | as before, once a resolver has looked |
| changed nothing                 | as before           |
| dry-run                         | as before           |
"""

from pathlib import Path
from typing import Any

import pytest

from flyball.cli.kit.result_json import document
from policies.claim_keys import COUNTED, MOVED, RADIUS, SPENT
from policies.decision import Decision
from policies.windows import is_part
from sandbox.api.faults import Fault, FaultKind
from tests.kit.crash_rig import POLICY, Rig, balanced, opened, run
from tools.path.attempts import TRIES
from tools.path.outcome import Applied, Failed, Refused, Simulated, Unknown

BUDGET = (
    "limits: {replicas: {min: 1, max: 12}}\n  budget: {per: namespace, changes: 2/h, delta: 9/h}\n  flip: 30m"
)
RADIUS_OF_ONE = """---
apiVersion: flyball/v1
kind: Ceiling
metadata: {name: few}
spec:
  target: {clusters: ["*"], namespaces: ["*"], names: ["*"]}
  blastRadius: {share: 25%, within: 1h}
...
"""


@pytest.fixture
def counted(folder: Path) -> Path:
    policy = POLICY.replace("limits: {replicas: {min: 1, max: 12}}", BUDGET, 1)
    policy = policy.removesuffix("...\n") + RADIUS_OF_ONE
    (folder / "policy" / "policy.yaml").write_text(policy)
    return folder


async def parts(rig: Rig) -> dict[str, int]:
    """The sums of what is counted, and what is noted of workloads; what is 0 is left out."""
    spent = (await rig.log.prefixed(SPENT.prefix)).items()
    radius = (await rig.log.prefixed(RADIUS.prefix)).items()
    noted = {**await rig.log.prefixed(COUNTED.prefix), **await rig.log.prefixed(MOVED.prefix)}
    found = {
        "changes": sum(v for k, v in spent if is_part(k) and "/changes/" in k),
        "replicas": sum(v for k, v in spent if is_part(k) and "/replicas/" in k),
        "workloads": sum(v for k, v in radius if is_part(k)),
        "noted": sum(1 for v in noted.values() if v),
    }
    return {name: amount for name, amount in found.items() if amount}


SPENT_ONCE = {"changes": 1, "replicas": 3, "workloads": 1, "noted": 2}


def test_it_is_spent_with_the_change_and_the_refusal_says_when_there_is_room(counted: Path) -> None:
    async def work(rig: Rig) -> None:
        assert isinstance(await rig.executor.execute(rig.scale(5, id="request-1")), Applied)
        assert await parts(rig) == SPENT_ONCE
        assert isinstance(await rig.executor.execute(rig.scale(6, id="request-2")), Applied)
        no = await rig.executor.execute(rig.scale(7, id="request-3"))
        assert isinstance(no, Refused)
        assert (no.stage, no.rule) == ("budget", "alone")
        assert "0 changes of 2 an hour (alone, by namespace) left; there is room again at 20" in no.detail
        assert document(no)["retry_at"] in no.detail
        await balanced(rig)

    run(counted, work)


def test_a_number_of_a_budget_hints_at_what_is_left(counted: Path) -> None:
    async def work(rig: Rig) -> None:
        await rig.executor.execute(rig.scale(8, id="request-1"))
        no = await rig.executor.execute(rig.scale(12, id="request-2"))
        assert isinstance(no, Refused)
        assert no.stage == "budget"
        (allowed,) = (one for one in document(no)["allowed_now"] if one["rule"] == "alone")
        assert (allowed["low"], allowed["high"]) == (5, 11)

    run(counted, work)


@pytest.mark.parametrize(
    ("kind", "times"),
    [(FaultKind.CONFLICT, TRIES), (FaultKind.REFUSED, 1), (FaultKind.THROTTLED, 1)],
)
def test_what_never_happened_gives_all_of_it_back(counted: Path, kind: FaultKind, times: int) -> None:
    async def work(rig: Rig) -> None:
        rig.world.inject([Fault(kind, times=times)])
        assert isinstance(await rig.executor.execute(rig.scale(5, id="request-1")), Failed)
        assert await parts(rig) == {}
        assert isinstance(await rig.executor.execute(rig.scale(5, id="request-2")), Applied)
        assert await parts(rig) == SPENT_ONCE
        await balanced(rig)

    run(counted, work)


def test_a_conflict_and_then_the_change_is_spent_once(counted: Path) -> None:
    async def work(rig: Rig) -> None:
        rig.world.inject([Fault(FaultKind.CONFLICT, times=TRIES - 1)])
        assert isinstance(await rig.executor.execute(rig.scale(5, id="request-1")), Applied)
        assert await parts(rig) == SPENT_ONCE
        await balanced(rig)

    run(counted, work)


def test_a_second_change_of_the_same_workload_that_fails_leaves_the_first_counted(counted: Path) -> None:
    async def work(rig: Rig) -> None:
        await rig.executor.execute(rig.scale(5, id="request-1"))
        rig.world.advance(700)
        rig.world.inject([Fault(FaultKind.REFUSED)])
        assert isinstance(await rig.executor.execute(rig.scale(6, id="request-2")), Failed)
        assert await parts(rig) == SPENT_ONCE
        await balanced(rig)

    run(counted, work)


def test_what_was_in_doubt_gives_its_budget_back_once_it_is_known(counted: Path) -> None:
    """Its place among the workloads stays taken, on the safer side."""

    async def work(rig: Rig) -> None:
        rig.world.inject([Fault(FaultKind.TIMEOUT_BEFORE)])
        assert isinstance(await rig.executor.execute(rig.scale(5, id="request-1")), Unknown)
        assert (await parts(rig))["changes"] == 1
        await rig.executor.resolver.sweep()
        left = await parts(rig)
        assert "changes" not in left
        assert "replicas" not in left
        assert left["workloads"] == 1
        await balanced(rig)

    run(counted, work)


def test_what_was_in_doubt_and_had_come_stays_spent(counted: Path) -> None:
    async def work(rig: Rig) -> None:
        rig.world.inject([Fault(FaultKind.TIMEOUT_AFTER)])
        assert isinstance(await rig.executor.execute(rig.scale(5, id="request-1")), Unknown)
        await rig.executor.resolver.sweep()
        assert await parts(rig) == SPENT_ONCE

    run(counted, work)


def test_what_changes_nothing_and_what_is_rehearsed_spends_nothing(counted: Path) -> None:
    async def work(rig: Rig) -> None:
        assert isinstance(await rig.executor.execute(rig.scale(2, id="request-1")), Applied)
        simulated = await rig.executor.execute(rig.scale(5, id="request-2", mode="dry_run"))
        assert isinstance(simulated, Simulated)
        assert await parts(rig) == {}

    run(counted, work)


def test_what_another_process_spends_before_the_commit_is_lost_to_this_one(folder: Path) -> None:
    """Both have read that one change is left; the other commits first."""
    one = "limits: {replicas: {min: 1, max: 12}}\n  budget: {per: cluster, changes: 1/h}"
    policy = POLICY.replace("limits: {replicas: {min: 1, max: 12}}", one, 1)
    (folder / "policy" / "policy.yaml").write_text(policy)

    async def work(rig: Rig) -> None:
        async with opened(folder) as other:
            decide = rig.executor._runner.decide

            async def overtaken(*asked: Any) -> Decision:
                decision = await decide(*asked)
                theirs = await other.executor.execute(other.scale(5, "worker", id="request-2"))
                assert isinstance(theirs, Applied)
                return decision

            rig.executor._runner.decide = overtaken  # type: ignore[method-assign]
            no = await rig.executor.execute(rig.scale(5, id="request-1"))
            assert isinstance(no, Refused)
            assert (no.stage, await rig.replicas()) == ("budget", 2)
            assert "others have spent the rest of the budget meanwhile" in no.detail
            await balanced(rig)

    run(folder, work)


def test_one_of_four_workloads_an_hour(counted: Path) -> None:
    """The namespace's workloads are counted by the path's own list."""

    async def work(rig: Rig) -> None:
        await rig.executor.execute(rig.scale(5, id="request-1"))
        no = await rig.executor.execute(rig.scale(5, "worker", id="request-2"))
        assert isinstance(no, Refused)
        assert (no.stage, no.rule) == ("blast_radius", "few")
        assert "1 of 4 workloads were changed" in no.detail
        (decision, *_) = await rig.log.find(kinds=("policy.decision",), newest_first=True)
        assert (decision.record.observation or {})["peers"] == 4

    run(counted, work)


def test_the_other_direction_waits_through_the_path(counted: Path) -> None:
    async def work(rig: Rig) -> None:
        await rig.executor.execute(rig.scale(5, id="request-1"))
        no = await rig.executor.execute(rig.scale(4, id="request-2"))
        assert isinstance(no, Refused)
        assert no.stage == "flip"

    run(counted, work)
