"""What is owed is found by the records since the last look; what was settled long ago costs nothing."""

from pathlib import Path
from typing import Any

import pytest

from audit.errors import LogUnavailable
from audit.store.point_queries import PointQueries
from tests.tools.path.test_verification import becomes, changed, due, within
from tests.tools.rig import Rig
from tools.path.owed import WHOLE_MS, Owed


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """How the log was asked, in order: `prefixed`, or how many values."""
    told: list[str] = []
    prefixed, values = PointQueries.prefixed, PointQueries.values

    def all_of(reads: PointQueries, prefix: str) -> dict[str, int]:
        told.append("prefixed")
        return prefixed(reads, prefix)

    def some(reads: PointQueries, keys: Any) -> dict[str, int]:
        told.append(f"{len(keys)} values")
        return values(reads, keys)

    monkeypatch.setattr(PointQueries, "prefixed", all_of)
    monkeypatch.setattr(PointQueries, "values", some)
    return told


async def looks(one: Rig, owed: Owed, asked: list[str]) -> tuple[list[int], list[str]]:
    """What is owed, and how that was asked for."""
    asked.clear()
    found = await owed.values(one.context.now_ms())
    return list(found.values()), list(asked)


def test_only_what_is_new_or_not_settled_is_asked_for(tmp_path: Path, asked: list[str]) -> None:
    async def work(one: Rig) -> None:
        owed = Owed(one.log)
        assert await looks(one, owed, asked) == ([], ["prefixed"])
        await changed(one)
        due_ms = one.context.now_ms() + 300_000
        assert await looks(one, owed, asked) == ([due_ms], ["1 values"])
        assert await looks(one, owed, asked) == ([due_ms], ["1 values"])
        becomes(one)
        due(one)
        assert len([found async for found in one.verifier.sweep()]) == 1
        assert await looks(one, owed, asked) == ([], ["1 values"])
        assert await looks(one, owed, asked) == ([], ["0 values"])

    within(tmp_path, work)


@pytest.mark.parametrize("later_ms", [WHOLE_MS, -1])
def test_now_and_then_and_with_a_clock_set_back_all_are(
    tmp_path: Path, asked: list[str], later_ms: int
) -> None:
    async def work(one: Rig) -> None:
        owed = Owed(one.log)
        await owed.values(one.context.now_ms())
        asked.clear()
        await owed.values(one.context.now_ms() + later_ms)
        assert asked == ["prefixed"]

    within(tmp_path, work)


def test_a_log_that_is_away_in_the_middle_of_a_look_hides_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: Any) -> Any:
        raise LogUnavailable("a disk error", where="the log")

    async def work(one: Rig) -> None:
        owed = Owed(one.log)
        await owed.values(one.context.now_ms())
        await changed(one)
        with monkeypatch.context() as patched:
            patched.setattr(PointQueries, "values", away)
            with pytest.raises(LogUnavailable):
                await owed.values(one.context.now_ms())
        assert len(await owed.values(one.context.now_ms())) == 1

    within(tmp_path, work)
