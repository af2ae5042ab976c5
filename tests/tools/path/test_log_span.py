"""Records of a span of time: whole, in order, in pages, and found without reading what lies before."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from audit.clock import SystemClock
from audit.drafts import SYSTEM
from audit.log import Log
from tests.kit.logs import with_log
from tools.path import log_span
from tools.path.log_span import walked

DAY_MS = 86_400_000
START_MS = 1_767_225_600_000


class Moving(SystemClock):
    now_ms = START_MS

    def wall_ms(self) -> int:
        return self.now_ms


@pytest.mark.parametrize("page", [1, 3, 1000])
def test_it_reads_the_span_and_little_before_it(
    page: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_span, "PAGE", page)
    read = Counter[str]()
    find = Log.find

    async def counted(self: Log, **how: Any) -> Any:
        found = await find(self, **how)
        read["records"] += len(found)
        return found

    monkeypatch.setattr(Log, "find", counted)

    clock = Moving()

    async def work(log: Log) -> None:
        for day in range(40):
            clock.now_ms = START_MS + day * DAY_MS
            await log.commit([log.draft("annotation", actor=SYSTEM, labels={"day": str(day)})])
        since_ms = START_MS + 35 * DAY_MS
        read.clear()
        found = [e.record.labels async for e in walked(log, ("annotation",), since_ms)]
        assert [one["day"] for one in found if one] == ["35", "36", "37", "38", "39"]
        assert read["records"] <= 8, "the span, the day before it, and the newest"
        assert [e async for e in walked(log, ("loop.pass",), since_ms)] == []
        assert len([e async for e in walked(log, ("annotation",), 0)]) == 40

    with_log(tmp_path / "audit.db", work, clock=clock)
