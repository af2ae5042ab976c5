"""Two processes at once: on one workload, on one request; and a holder that sleeps past its lease."""

import asyncio
import os
import signal
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from policies.permit import Permit
from policies.types import Target
from sandbox.api.faults import Fault, FaultKind
from tests.kit.crash_rig import POLICY, Rig, balanced, opened, run
from tests.kit.forks import Child, Work
from tools.cluster_types import Patch, Precondition, Workload
from tools.path import kill_switch
from tools.path.outcome import Applied, Failed
from tools.ports import ClusterWriter

PROCESSES = 4
UNHURRIED = {"ttl_s": 30.0, "wait_s": 60.0}
"""Nobody dies here, so nobody may lose a lease because the machine is busy."""


def test_one_request_in_many_processes_has_one_effect(folder: Path) -> None:
    """All of them are told the same outcome."""

    async def work(rig: Rig, tell: Any) -> None:
        tell(await rig.executor.execute(rig.scale(9, id="the-request")))

    children = [Child(folder, work, **UNHURRIED) for _ in range(PROCESSES)]
    assert [c.wait() for c in children] == [0] * PROCESSES
    said = [line for c in children for line in c.said()]
    assert len(said) == PROCESSES
    assert len({(s["is"], s["record"]) for s in said}) == 1
    assert said[0]["is"] == "Applied"
    b = run(folder, balanced)
    assert sum(b.effects.values()) == 1
    assert len(b.intents) == 1


def _turns(folder: Path, wanted: Sequence[Sequence[int]]) -> Counter[str]:
    """One process for each row asks for its numbers one after another; the statuses that the log holds then."""

    def asks(number: int, numbers: Sequence[int]) -> Work:
        async def work(rig: Rig, tell: Any) -> None:
            for n, replicas in enumerate(numbers):
                tell(await rig.executor.execute(rig.scale(replicas, id=f"process-{number}-{n}")))

        return work

    children = [Child(folder, asks(*row), **UNHURRIED) for row in enumerate(wanted)]
    assert [c.wait() for c in children] == [0] * len(wanted)
    assert {s["is"] for c in children for s in c.said()} == {"Applied"}
    b = run(folder, balanced)
    changes = [b.intents[a.audit_id].seq for a in b.arrivals if a.changed]
    assert changes == sorted(changes), "effects come in the order of their intents"
    return b.statuses()


def test_many_requests_on_one_workload_take_turns(folder: Path) -> None:
    """Each sees what the one before it wrote: nobody meets a conflict. No process asks for another's numbers, for
    the two replicas at the start, or for its own last one: whatever the order, each request is a change."""
    wanted = [[3 + 2 * at + n % 2 for n in range(5)] for at in range(PROCESSES)]
    assert _turns(folder, wanted) == {"applied": PROCESSES * 5}


def test_requests_for_the_same_number_are_one_change(folder: Path) -> None:
    """Whoever comes first writes it; the others find it done, and the log says so of each."""
    assert _turns(folder, [[9]] * PROCESSES) == {"applied": 1, "unchanged": PROCESSES - 1}


class Sleeper:
    """A writer that stops its whole process (SIGSTOP) right before, or right after, its first live write."""

    def __init__(self, inner: ClusterWriter, when: str) -> None:
        self._inner, self._when = inner, when

    async def apply(
        self, permit: Permit, intent: str, target: Target, patch: Patch, precondition: Precondition
    ) -> Workload:
        if self._when == "before":
            self._sleep()
        after = await self._inner.apply(permit, intent, target, patch, precondition)
        if self._when == "after":
            self._sleep()
        return after

    async def fence(self, target: Target, intent: str) -> Workload:
        return await self._inner.fence(target, intent)

    def _sleep(self) -> None:
        self._when = "never again"
        os.kill(os.getpid(), signal.SIGSTOP)


@pytest.mark.parametrize("in_flight", [False, True], ids=["idle", "while-the-third-writes"])
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_holder_that_slept_past_its_lease_has_lost_it(folder: Path, when: str, in_flight: bool) -> None:
    """Its intent is resolved by the next one; when it wakes up it has no effect, and frees nothing of others."""

    async def work(rig: Rig, tell: Any) -> None:
        tell(await rig.executor.execute(rig.scale(6, id="the-sleeper")))

    sleeper = Child(folder, work, writer=lambda inner: Sleeper(inner, when), ttl_s=0.05)
    _, status = os.waitpid(sleeper.pid, os.WUNTRACED)
    assert os.WIFSTOPPED(status)

    async def next_one(rig: Rig) -> None:
        assert isinstance(await rig.executor.execute(rig.scale(8, id="the-next-one")), Applied)
        if in_flight:
            await rig.executor.execute(rig.scale(9, id="the-third"))

    def wake() -> None:
        sleeper.signal(signal.SIGCONT)
        assert sleeper.wait() == 0

    async def all_of_it() -> None:
        async with opened(folder, ttl_s=0.05, writer=lambda i: Waker(i, wake)) as rig:
            await next_one(rig)

    asyncio.run(all_of_it())
    if not in_flight:
        wake()
    said = sleeper.said()
    b = run(folder, balanced)
    assert sum(b.effects.values()) == (1 if when == "before" else 2) + in_flight
    assert [s["is"] for s in said] == ["Failed" if when == "before" else "Applied"]
    assert b.statuses()["not_applied"] == (1 if when == "before" else 0)


class Waker:
    """Wakes the sleeper while the third request's intent is open and its write not sent yet."""

    def __init__(self, inner: ClusterWriter, wake: Any) -> None:
        self._inner, self._wake, self._writes = inner, wake, 0

    async def apply(
        self, permit: Permit, intent: str, target: Target, patch: Patch, precondition: Precondition
    ) -> Workload:
        self._writes += 1
        if self._writes == 2:
            self._wake()
        return await self._inner.apply(permit, intent, target, patch, precondition)

    async def fence(self, target: Target, intent: str) -> Workload:
        return await self._inner.fence(target, intent)


def test_a_sleeper_before_its_intent_writes_none(folder: Path) -> None:
    """It slept between its read and its commit: its token is below the mark, so no intent and no effect."""

    async def work(rig: Rig, tell: Any) -> None:
        decide = rig.executor._runner.decide

        async def sleep_then(*args: Any) -> Any:
            decision = await decide(*args)
            os.kill(os.getpid(), signal.SIGSTOP)
            return decision

        rig.executor._runner.decide = sleep_then  # type: ignore[method-assign]
        tell(await rig.executor.execute(rig.scale(6, id="the-sleeper")))

    sleeper = Child(folder, work, ttl_s=0.05)
    os.waitpid(sleeper.pid, os.WUNTRACED)

    async def next_one(rig: Rig) -> None:
        assert isinstance(await rig.executor.execute(rig.scale(8, id="the-next-one")), Applied)

    run(folder, next_one)
    sleeper.signal(signal.SIGCONT)
    assert sleeper.wait() == 0
    assert [s["is"] for s in sleeper.said()] == ["Refused"]
    b = run(folder, balanced)
    assert len(b.intents) == 1


def test_a_late_process_cannot_refuse_what_another_carries_out(folder: Path) -> None:
    """The kill switch is turned on while a write is in doubt: the refusal of its retry does not hide it."""

    async def work(rig: Rig) -> None:
        rig.world.inject([Fault(FaultKind.TIMEOUT_AFTER)])
        await rig.executor.execute(rig.scale(6, id="the-request"))
        await kill_switch.throw(rig.context, "all", rig.identity.by_hand(), "drill")
        await rig.executor.execute(rig.scale(6, id="the-request"))
        await kill_switch.lift(rig.context, "all", rig.identity.by_hand(), "drill over")
        assert isinstance(await rig.executor.execute(rig.scale(6, id="the-request")), Applied)
        assert not isinstance(await rig.executor.execute(rig.scale(6, id="the-request")), Failed)
        await balanced(rig)

    run(folder, work)


def test_many_processes_never_spend_more_than_the_budget(folder: Path) -> None:
    """Each asks for its own workloads again and again; together they have three changes in this hour."""
    alone = "names: [web, worker, queue]}\n  effect: allow"
    policy = POLICY.replace(alone, f"{alone}\n  budget: {{per: cluster, changes: 3/h}}", 1)
    (folder / "policy" / "policy.yaml").write_text(policy)

    def asks(number: int) -> Work:
        async def work(rig: Rig, tell: Any) -> None:
            for n in range(4):
                name = ("web", "worker", "queue")[(number + n) % 3]
                tell(await rig.executor.execute(rig.scale(3 + number + n, name, id=f"budget-{number}-{n}")))

        return work

    children = [Child(folder, asks(number), **UNHURRIED) for number in range(PROCESSES)]
    assert [c.wait() for c in children] == [0] * PROCESSES
    statuses = run(folder, balanced).statuses()
    assert statuses["applied"] == 3
    assert statuses["applied"] + statuses["unchanged"] < 4 * PROCESSES
