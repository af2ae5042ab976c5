"""After a definite conflict: it is known to be without effect, whatever comes next, and costs nothing.

| what comes next                    | the conflict's intent | cooldown  |
|------------------------------------|-----------------------|-----------|
| decided again, under a cooldown    | closed                | not begun |
| conflicts without end              | closed                | not begun |
| the question that was asked before | closed                | not begun |
| an interrupt                       | closed                | not begun |
| another process's change           | closed                | theirs    |
"""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from policies.types import Request, Target
from sandbox.api.faults import Fault, FaultKind
from tests.kit.crash_rig import POLICY, Rig, balanced, opened, run
from tests.tools.path.test_executor_faults import Interloper, somebody_scales
from tools.cluster_types import Workload
from tools.path.attempts import TRIES
from tools.path.outcome import Applied, Failed, Pending, Refused
from tools.path.standing import Standing


async def cooldowns(rig: Rig) -> list[int]:
    return [at for at in (await rig.log.prefixed("changed/")).values() if at]


def test_it_does_not_begin_the_cooldown(folder: Path) -> None:
    """On `search` the rehearsal comes first; the write after it conflicts, and is decided again."""

    async def work(rig: Rig) -> None:
        rig.world.inject([Fault(FaultKind.CONFLICT, skip=1)])
        assert isinstance(await rig.executor.execute(rig.scale(5, "search", id="request-1")), Applied)
        assert (await balanced(rig)).statuses() == {"conflict": 1, "applied": 1}

    run(folder, work)


@pytest.mark.parametrize("name", ["web", "worker"])
def test_without_end_it_leaves_no_cooldown(folder: Path, name: str) -> None:
    async def work(rig: Rig) -> None:
        rig.world.inject([Fault(FaultKind.CONFLICT, times=TRIES)])
        assert isinstance(await rig.executor.execute(rig.scale(5, name, id="request-1")), Failed)
        assert await cooldowns(rig) == []

    run(folder, work)


def test_it_is_closed_where_the_question_stands_already(folder: Path) -> None:
    """Asked at 2, allowed alone at 8, and back at 2 by the time of the write: it waits, and is not in doubt."""
    alone = "limits: {replicas: {min: 1, max: 12}}"
    policy = POLICY.replace(alone, "limits: {replicas: {min: 1, max: 12, maxStep: 5}}", 1)
    (folder / "policy" / "policy.yaml").write_text(policy)

    async def work(rig: Rig) -> None:
        request = rig.scale(12, id="request-1")
        assert isinstance(await rig.executor.execute(request), Pending)
        somebody_scales(rig, 8)
        rig.executor._runner._writer = Interloper(rig, 2)  # type: ignore[assignment]
        assert isinstance(await rig.executor.execute(request), Pending)
        assert (await balanced(rig)).statuses() == {"conflict": 1}

    run(folder, work)


def test_it_is_closed_when_the_person_interrupts(folder: Path) -> None:
    """Ctrl-C during the fresh read: what somebody else has changed since would hide it from the resolver."""

    async def work(rig: Rig) -> None:
        read, reads, reading = rig.context.reader.read, 0, asyncio.Event()

        async def slow(target: Target) -> Workload:
            nonlocal reads
            reads += 1
            if reads == 2:
                reading.set()
                await asyncio.sleep(60)
            return await read(target)

        rig.context.reader.read = slow  # type: ignore[method-assign]
        rig.executor._runner._writer = Interloper(rig, 4)  # type: ignore[assignment]
        acting = asyncio.create_task(rig.executor.execute(rig.scale(5, id="request-1")))
        await reading.wait()
        acting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await acting
        assert (await balanced(rig)).statuses() == {"conflict": 1}
        assert await cooldowns(rig) == []

    run(folder, work)


def test_nobody_elses_cooldown_is_given_back(folder: Path) -> None:
    """Two processes take different owners for the root, so the lease keeps neither waiting: what one has
    judged by must still be true when it commits, and the other's change stays in the books."""

    async def work(rig: Rig) -> None:
        async with opened(folder) as other:
            other.context.reader.root_owner = elsewhere  # type: ignore[method-assign]
            standing, values = rig.context.journal.standing, rig.log.values

            async def overtaken(keys: Sequence[str]) -> dict[str, int]:
                found = await values(keys)
                theirs = await other.executor.execute(other.scale(4, id="request-2"))
                assert isinstance(theirs, Applied)
                rig.log.values = values  # type: ignore[method-assign]
                return found

            async def under_the_lease(request: Request) -> Standing:
                if looked:  # the first look is before the lease
                    rig.log.values = overtaken  # type: ignore[method-assign]
                looked.append(request)
                return await standing(request)

            looked: list[Request] = []
            rig.context.journal.standing = under_the_lease  # type: ignore[method-assign]
            result = await rig.executor.execute(rig.scale(5, id="request-1"))
            assert isinstance(result, Refused)
            assert result.stage == "cooldown"
            assert len(await cooldowns(rig)) == 1
            await balanced(rig)

    run(folder, work)


async def elsewhere(target: Target) -> Target:
    return target.model_copy(update={"name": "elsewhere"})


def test_an_interrupt_during_the_write_that_conflicts_is_the_last_try(folder: Path) -> None:
    """The write ran to its end, which was a conflict: nothing is sent after Ctrl-C."""

    async def work(rig: Rig) -> None:
        runner, tries = rig.executor._runner, 0
        writer = Interloper(rig, 4)

        class Interrupted:
            async def apply(self, *given: Any) -> Workload:
                nonlocal tries
                tries += 1
                task.cancel()
                return await writer.apply(*given)

        runner._writer = Interrupted()  # type: ignore[assignment]
        task = asyncio.create_task(rig.executor.execute(rig.scale(5, id="request-1")))
        with pytest.raises(asyncio.CancelledError):
            await task
        assert (tries, (await balanced(rig)).statuses()) == (1, {"conflict": 1})

    run(folder, work)
