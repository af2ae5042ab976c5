"""Interrupted once, twice, or not at all | the result, or the interrupt | the work's own error."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from base.interrupts import Interrupted, shield_until_done


async def interrupted(
    often: int, then: Interrupted, work: Callable[[asyncio.Event], Awaitable[str]]
) -> tuple[str, int]:
    """What came of it, and how many interrupts the caller still sees."""
    go, seen = asyncio.Event(), list[int]()

    async def caller() -> str:
        async def inner() -> str:
            return await work(go)

        try:
            return await shield_until_done(inner(), interrupted=then)
        finally:
            task = asyncio.current_task()
            assert task is not None
            seen.append(task.cancelling())

    task = asyncio.ensure_future(caller())
    for _ in range(often):
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.sleep(0)
        assert not task.done(), "the work is under way"
    go.set()
    try:
        return await task, seen[0]
    except asyncio.CancelledError:
        return "interrupted", seen[0]


async def written(go: asyncio.Event) -> str:
    await go.wait()
    return "written"


async def broken(go: asyncio.Event) -> str:
    await go.wait()
    raise ValueError("refused")


@pytest.mark.parametrize("often", [0, 1, 3])
def test_the_answer_outweighs_the_interrupt(often: int) -> None:
    assert asyncio.run(interrupted(often, "answers", written)) == ("written", often)


@pytest.mark.parametrize(("often", "end"), [(0, "written"), (1, "interrupted"), (3, "interrupted")])
def test_the_interrupt_waits_and_is_raised(often: int, end: str) -> None:
    assert asyncio.run(interrupted(often, "raises", written)) == (end, often)


def test_the_works_own_error() -> None:
    with pytest.raises(ValueError, match="refused"):
        asyncio.run(interrupted(2, "answers", broken))
    assert asyncio.run(interrupted(2, "raises", broken))[0] == "interrupted"
