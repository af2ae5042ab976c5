"""kill -9 exactly between two steps of the path, each in turn, and what the next process finds and does.

| dies                       | the world       | the next process says            |
|----------------------------|-----------------|----------------------------------|
| before the intent's commit | untouched       | nothing happened; carries it out |
| after it, before the send  | untouched       | not applied (fenced)             |
| after the send             | changed         | applied (marker)                 |
| before the outcome         | changed         | applied (marker)                 |
| after the outcome          | changed         | applied, from the log            |
"""

from pathlib import Path
from typing import Any

import pytest

from sandbox.api.faults import Fault, FaultKind
from tests.kit.crash_rig import Rig, balanced, run
from tests.kit.forks import Child, MortalWriter, mortal_log
from tools.path.outcome import Applied, Failed, Pending, Result, Unknown

KILLED = -9
BEFORE_INTENT = {"log_class": mortal_log("before", "action.intent")}
AFTER_INTENT = {"log_class": mortal_log("after", "action.intent")}
BEFORE_SEND = {"writer": lambda inner: MortalWriter(inner, "before", "apply")}
AFTER_SEND = {"writer": lambda inner: MortalWriter(inner, "after", "apply")}
BEFORE_OUTCOME = {"log_class": mortal_log("before", "action.outcome")}
AFTER_OUTCOME = {"log_class": mortal_log("after", "action.outcome")}
STEPS = {
    "before-intent": (BEFORE_INTENT, "new"),
    "after-intent": (AFTER_INTENT, "not_applied"),
    "before-send": (BEFORE_SEND, "not_applied"),
    "after-send": (AFTER_SEND, "applied"),
    "before-outcome": (BEFORE_OUTCOME, "applied"),
    "after-outcome": (AFTER_OUTCOME, "replayed"),
}


def killed(folder: Path, how: dict[str, Any], name: str = "web", id: str = "the-request") -> None:
    """A child that scales to 6 and dies on the way, having been told of nothing."""

    async def work(rig: Rig, tell: Any) -> None:
        tell(await rig.executor.execute(rig.scale(6, name, id=id)))

    child = Child(folder, work, **how)
    assert child.wait() == KILLED
    assert child.said() == []


@pytest.mark.parametrize("name", ["web", "queue", "search"])
@pytest.mark.parametrize("step", STEPS)
def test_the_same_request_again_knows_how_it_ended(folder: Path, step: str, name: str) -> None:
    """`queue` is a StatefulSet (annotations do not move its generation), `search` is rehearsed first."""
    how, expected = STEPS[step]
    killed(folder, how, name)

    async def again(rig: Rig) -> Result:
        result = await rig.executor.execute(rig.scale(6, name, id="the-request"))
        b = await balanced(rig)
        assert sum(b.effects.values()) == (0 if expected == "not_applied" else 1)
        assert await rig.replicas(name) == (2 if expected == "not_applied" else 6)
        return result

    result = run(folder, again)
    if expected == "not_applied":
        assert isinstance(result, Failed)
        assert result.replayed
    else:
        assert isinstance(result, Applied)
        assert result.replayed == (expected != "new")


@pytest.mark.parametrize("step", STEPS)
def test_another_request_first_clears_what_stands_open(folder: Path, step: str) -> None:
    killed(folder, STEPS[step][0])

    async def another(rig: Rig) -> None:
        assert isinstance(await rig.executor.execute(rig.scale(7, id="another-one")), Applied)
        assert await rig.replicas() == 7
        await balanced(rig)

    run(folder, another)


@pytest.mark.parametrize("step", ["after-intent", "after-send"])
@pytest.mark.parametrize(
    "resolver",
    [
        {"writer": lambda inner: MortalWriter(inner, "before", "fence")},
        {"writer": lambda inner: MortalWriter(inner, "after", "fence")},
        {"log_class": mortal_log("before", "action.in_doubt_resolved")},
        {"log_class": mortal_log("after", "action.in_doubt_resolved")},
    ],
    ids=["before-fence", "after-fence", "before-resolved", "after-resolved"],
)
def test_the_resolver_may_die_as_well(folder: Path, step: str, resolver: dict[str, Any]) -> None:
    """A fence that was set by a resolver that died is not mistaken for somebody else's change."""
    how, expected = STEPS[step]
    killed(folder, how)

    async def work(rig: Rig, _: Any) -> None:
        await rig.executor.resolver.sweep()

    for _ in range(2):
        Child(folder, work, **resolver).wait()

    async def sweep(rig: Rig) -> None:
        await rig.executor.resolver.sweep()
        assert (await balanced(rig)).statuses() == {expected: 1}

    run(folder, sweep)


def test_a_vote_outlives_its_voters_process(folder: Path) -> None:
    """Killed between vote and write: the requester carries it out, on that vote, once."""

    async def ask(rig: Rig) -> str:
        result = await rig.executor.execute(rig.scale(18, id="the-request"))
        assert isinstance(result, Pending)
        return result.handle

    handle = run(folder, ask)

    async def vote(rig: Rig, tell: Any) -> None:
        tell(await rig.approvals.approve(handle, rig.identity.by_hand()))

    child = Child(folder, vote, log_class=mortal_log("after", "approval.granted"))
    assert child.wait() == KILLED

    async def again(rig: Rig) -> None:
        assert isinstance(await rig.executor.execute(rig.scale(18, id="the-request")), Applied)
        assert sum((await balanced(rig)).effects.values()) == 1

    run(folder, again)


def test_a_write_delayed_past_its_processs_death_never_lands(folder: Path) -> None:
    """The PATCH is on its way, its process dies, the resolver fences: when it arrives, it is a 409."""

    async def delay(rig: Rig, tell: Any) -> None:
        rig.world.inject([Fault(FaultKind.DELAYED)])
        tell(await rig.executor.execute(rig.scale(6, id="the-request")))

    child = Child(folder, delay)
    child.wait()
    assert [s["is"] for s in child.said()] == ["Unknown"]

    async def resolve(rig: Rig) -> None:
        (result,) = await rig.executor.resolver.sweep()
        assert isinstance(result, Failed)
        late = rig.world.release()
        assert [(a.code, a.changed) for a in late] == [(409, False)]
        assert await rig.replicas() == 2
        await balanced(rig)

    run(folder, resolve)


@pytest.mark.parametrize("name", ["web", "queue"])
def test_with_scale_rights_only_the_fence_is_an_apply(folder: Path, name: str) -> None:
    """403 on the object: the fence goes through `/scale`, and holds the late write off all the same."""

    async def work(rig: Rig) -> None:
        rig.world.deny("patch deployments", "patch statefulsets")
        rig.world.inject([Fault(FaultKind.DELAYED)])
        assert isinstance(await rig.executor.execute(rig.scale(6, name, id="the-request")), Unknown)
        (result,) = await rig.executor.resolver.sweep()
        assert isinstance(result, Failed)
        assert [a.code for a in rig.world.release()] == [409]
        await balanced(rig)

    run(folder, work)


def test_a_write_that_landed_before_the_fence_counts(folder: Path) -> None:
    """It arrives between the process's death and the resolver's look: applied, not repeated."""

    async def work(rig: Rig) -> None:
        rig.world.inject([Fault(FaultKind.DELAYED)])
        await rig.executor.execute(rig.scale(6, id="the-request"))
        rig.world.release()
        assert isinstance(await rig.executor.execute(rig.scale(6, id="the-request")), Applied)
        assert (await balanced(rig)).statuses() == {"applied": 1}

    run(folder, work)
