"""What may still be open is found from the newest on: the same as by reading all, and without reading all."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from audit.log import Entry
from tests.kit.installation import LOCAL, OPS
from tests.tools.rig import Rig, rig
from tools.plans.plan import LIFE_MS
from tools.plans.recent import FIRST, SLACK_MS, not_older

HOUR_MS = 3_600_000


async def proposed(one: Rig, count: int, uid: str | None = None) -> None:
    args = {"cluster_uid": uid or one.context.cluster.uid, "expires_ms": one.context.now_ms() + LIFE_MS}
    drafts = [
        one.log.draft("plan.proposed", actor={"type": "system", "id": "x"}, args=args)  # type: ignore[arg-type]
        for _ in range(count)
    ]
    await one.log.commit(drafts)


def still(one: Rig, entries: list[Entry]) -> list[int]:
    """Those that `waiting` would look into."""
    return [e.seq for e in entries if (e.record.args or {})["expires_ms"] > one.context.now_ms()]


@pytest.mark.parametrize("counts", [
    (), (1,), (3, 3, 3), (FIRST * 5, 2, 1), (2, FIRST * 5), (FIRST, FIRST, FIRST), (0, 0, 1),
])  # fmt: skip
def test_it_is_what_reading_all_would_find(tmp_path: Path, counts: tuple[int, ...]) -> None:
    async def work(one: Rig) -> None:
        for count in counts:
            if count:
                await proposed(one, count)
            one.clock.advance(11 * HOUR_MS)
        every = await one.log.find(kinds=("plan.proposed",))
        found = await not_older(one.context, "plan.proposed")
        assert still(one, found) == still(one, every)
        assert [e.seq for e in found] == sorted(e.seq for e in found)

    within(tmp_path, work)


def test_years_of_plans_are_not_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def work(one: Rig) -> None:
        await proposed(one, FIRST * 10)
        one.clock.advance(LIFE_MS + SLACK_MS)
        await proposed(one, 2)
        asked: list[Any] = []
        find = one.log.find

        async def counted(**given: Any) -> list[Entry]:
            found = await find(**given)
            asked.append(len(found))
            return found

        monkeypatch.setattr(one.log, "find", counted)
        assert len(await not_older(one.context, "plan.proposed")) == 2
        assert asked == [FIRST]

    within(tmp_path, work)


def test_another_clusters_time_ends_nothing(tmp_path: Path) -> None:
    """A simulated world's clock may be years behind: what lies before it in one log may still be open."""

    async def work(one: Rig) -> None:
        await proposed(one, 1)
        one.clock.advance(-100 * LIFE_MS)
        await proposed(one, 1, "another-cluster")
        one.clock.advance(100 * LIFE_MS)
        found = await not_older(one.context, "plan.proposed")
        assert len(still(one, found)) == 1

    within(tmp_path, work)


def within(folder: Path, work: Any) -> None:
    async def run() -> None:
        async with rig(folder, [LOCAL, OPS]) as one:
            await work(one)

    asyncio.run(run())
