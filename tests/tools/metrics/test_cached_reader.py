"""CachedReader: the source is asked for what is not stored, for what may still change, and for nothing else."""

import asyncio
from pathlib import Path

import pytest

from tests.tools.metrics.fake_prometheus import FakePrometheus, answer
from tests.tools.metrics.kit import NOW, WEB, SetClock, asking
from tools.errors import MetricsUnavailable
from tools.metrics.cached_reader import FILLABLE_MS, REASK_MS, SETTLE_MS, CachedReader
from tools.metrics.history import HistoryStore
from tools.metrics.spans import aligned, chunks
from tools.metrics.types import Metric, Number, OneByOne, Series, Span

MIN = 60_000
HOUR = 60 * MIN
DAY = 24 * HOUR


class Source(OneByOne):
    """Has the figures that it is given, and notes what it is asked for."""

    source = "prometheus"

    def __init__(self) -> None:
        self.figures: dict[int, int] = {}
        self.asked: list[tuple[int, int]] = []
        self.away = False
        self.name = "a"

    def fingerprint(self, metric: Metric) -> str:
        return f"{self.name} {metric}"

    async def close(self) -> None:
        """Nothing is open."""

    async def latest(self, metric: Metric, target: object, now_ms: int) -> Number:
        return Number(metric, "millicores", 7, "", now_ms, 0, 300, 1_000_000)

    async def history(self, metric: Metric, target: object, span: Span) -> Series:
        if self.away:
            raise MetricsUnavailable("silent", where="there", hint="wait")
        self.asked.append((span.start_ms, span.end_ms))
        times = range(span.start_ms, span.end_ms + 1, span.step_s * 1000)
        return Series(metric, "millicores", span, tuple(self.figures.get(at) for at in times))


class Case:
    """A store, a source with a figure each minute of a week, and a clock."""

    def __init__(self, folder: Path) -> None:
        self.path, self.clock, self.source = folder / "metrics.db", SetClock(), Source()
        self.source.figures = {at: at // MIN % 997 for at in range(NOW - 7 * DAY, NOW + DAY, MIN)}
        self.uid = "uid-1"

    def ask(self, hours: int, metric: Metric = Metric.CPU_USAGE) -> Series:
        """The last hours, in a process of its own."""
        reader = CachedReader(self.source, HistoryStore(self.path), self.clock, self.uid)

        async def run() -> Series:
            try:
                return await reader.history(
                    metric, WEB, Span(self.clock.now_ms - hours * HOUR, self.clock.now_ms, 60)
                )
            finally:
                await reader.close()

        return asyncio.run(run())

    def right(self, series: Series) -> bool:
        times = range(series.span.start_ms, series.span.end_ms + 1, MIN)
        return list(series.values) == [self.source.figures.get(at) for at in times]

    @property
    def points_asked(self) -> int:
        return sum((end - start) // MIN + 1 for start, end in self.source.asked)


@pytest.fixture
def case(tmp_path: Path) -> Case:
    return Case(tmp_path)


def test_a_second_run_asks_for_the_newest_stretch_only(case: Case) -> None:
    assert case.right(case.ask(48))
    assert case.points_asked == 48 * 60 + 1
    case.source.asked.clear()
    assert case.right(case.ask(48))
    assert case.points_asked == SETTLE_MS // MIN


def test_a_nightly_run_asks_for_a_day(case: Case) -> None:
    case.ask(6 * 24)
    case.source.asked.clear()
    case.clock.now_ms += DAY - HOUR
    assert case.right(case.ask(6 * 24))
    assert case.points_asked <= 24 * 60


def test_the_newest_stretch_may_still_change(case: Case) -> None:
    case.ask(1)
    case.source.figures[NOW - 5 * MIN] = 123_456
    assert case.right(case.ask(1))


def test_a_gap_is_asked_for_again_while_it_may_be_filled(case: Case) -> None:
    lost = {at: case.source.figures.pop(at) for at in range(NOW - 5 * HOUR, NOW - 4 * HOUR, MIN)}
    assert case.right(case.ask(8))
    case.source.figures |= lost
    case.source.asked.clear()
    assert case.right(case.ask(8))
    assert case.points_asked == 60 + SETTLE_MS // MIN


def test_an_old_gap_is_asked_for_again_now_and_then(case: Case) -> None:
    """The source may have been partly away when it was asked."""
    old = NOW - FILLABLE_MS - 20 * HOUR
    lost = {at: case.source.figures.pop(at) for at in range(old, old + HOUR, MIN)}
    case.ask(60)
    case.source.asked.clear()
    case.ask(60)
    assert case.points_asked == SETTLE_MS // MIN
    case.source.figures |= lost
    case.clock.now_ms += REASK_MS
    assert case.right(case.ask(60))


def test_what_the_source_has_lost_is_still_known(case: Case) -> None:
    """As after a Prometheus that was installed again."""
    before = case.ask(24)
    case.source.figures.clear()
    after = case.ask(24)
    settled = -(SETTLE_MS // MIN)
    assert after.values[:settled] == before.values[:settled]
    assert set(after.values[settled:]) == {None}


def test_metric_source_cluster_and_step_keep_series_apart(case: Case) -> None:
    case.ask(24)
    for change in ("metric", "name", "uid"):
        case.source.asked.clear()
        if change == "name":
            case.source.name = "b"
        if change == "uid":
            case.uid = "uid-2"
        case.ask(24, Metric.MEMORY_USAGE if change == "metric" else Metric.CPU_USAGE)
        assert case.points_asked == 24 * 60 + 1, change


def test_a_source_that_is_away_is_away(case: Case) -> None:
    case.ask(24)
    case.source.away = True
    with pytest.raises(MetricsUnavailable, match="silent"):
        case.ask(24)


def test_a_store_that_cannot_be_used_costs_time_only(case: Case, caplog: pytest.LogCaptureFixture) -> None:
    store = HistoryStore(case.path)
    reader = CachedReader(case.source, store, case.clock, "uid")
    store.close()
    span = Span(NOW - HOUR, NOW, 60)
    assert case.right(asyncio.run(reader.history(Metric.CPU_USAGE, WEB, span)))
    assert "cannot be used" in caplog.text


def test_latest_is_never_remembered(case: Case) -> None:
    reader = CachedReader(case.source, HistoryStore(case.path), case.clock, "uid")
    assert asyncio.run(reader.latest(Metric.CPU_USAGE, WEB, NOW)).v == 7
    asyncio.run(reader.close())


def test_with_the_real_adapter_a_restart_in_mid_run_leaves_what_was_known(tmp_path: Path) -> None:
    async def run() -> None:
        fake, clock = FakePrometheus(NOW), SetClock()
        fake.grow(NOW - DAY, NOW, 60, lambda index: str(index / 1000))
        span = Span(NOW - 6 * HOUR, NOW, 60)
        async with fake.up(), asking(fake, clock=clock) as source:
            reader = CachedReader(source, HistoryStore(tmp_path / "metrics.db"), clock, "uid")
            before = await reader.history(Metric.CPU_USAGE, WEB, span)
            assert None not in before.values
            fake.fault = lambda _: answer(503, "", kind="text/plain")
            with pytest.raises(MetricsUnavailable):
                await reader.history(Metric.CPU_USAGE, WEB, span)
            fake.fault, fake.samples = None, []
            after = await reader.history(Metric.CPU_USAGE, WEB, span)
            assert after.values[: -SETTLE_MS // MIN] == before.values[: -SETTLE_MS // MIN]
            await reader.close()

    asyncio.run(run())


def test_spans_keep_their_points_on_the_grid() -> None:
    off = Span(NOW + 1, NOW + 1 + 10 * MIN, 60)
    assert aligned(off) == Span(NOW, NOW + 10 * MIN, 60)
    pieces = list(chunks(aligned(off), 4))
    assert [piece.points for piece in pieces] == [4, 4, 3]
    assert pieces[-1].end_ms == NOW + 10 * MIN
