"""CachedReader: a reader that asks its source only for what the store does not have.

Three stretches, counted back from now: what is younger than SETTLE_MS may still change (late scrapes, a window
that is not full) and is asked for each time and never stored; a gap younger than FILLABLE_MS may still be filled (a
remote write that catches up, a store that was away) and is asked for again; an older gap is asked for again once
its chunk has not been asked for in REASK_MS, since the source may have been partly away then. Values stay.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

from audit.clock import Clock
from policies.types import Target, digest_of
from tools.errors import MetricsUnavailable
from tools.metrics.history import HistoryStore, HistoryUnavailable
from tools.metrics.packing import Point
from tools.metrics.spans import aligned
from tools.metrics.types import SPECS, Metric, MetricsReader, Number, Series, Span

SETTLE_MS = 15 * 60_000
FILLABLE_MS = 24 * 3_600_000
REASK_MS = 12 * 3_600_000
_NEAR = 120
"""Points between two stretches to ask for below which they are asked for as one."""
_logger = logging.getLogger(__name__)


class Source(MetricsReader, Protocol):
    """A reader that says what its answers depend on besides target and span."""

    def fingerprint(self, metric: Metric) -> str: ...
    async def close(self) -> None: ...


class CachedReader:
    """A MetricsReader over another. `cluster_uid` separates clusters that share names and a source."""

    def __init__(self, reader: Source, store: HistoryStore, clock: Clock, cluster_uid: str) -> None:
        self._reader, self._store, self._clock, self._uid = reader, store, clock, cluster_uid
        self.source = reader.source
        self._told = False

    async def close(self) -> None:
        """Lets the store and the source go."""
        self._store.close()
        await self._reader.close()

    async def latest(self, metric: Metric, target: Target, now_ms: int) -> Number:
        """As the source has it; nothing of it is stored."""
        return await self._reader.latest(metric, target, now_ms)

    async def history(self, metric: Metric, target: Target, span: Span) -> Series:
        """On the grid, as the source's. Raises MetricsUnavailable where the source has to be asked and cannot be.
        A store that cannot be used costs time, nothing else."""
        asked = aligned(span)
        stored = self._kept(self._key(metric, target, asked.step_s), asked)
        return await self._completed(metric, target, asked, *stored)

    async def _completed(
        self, metric: Metric, target: Target, asked: Span, points: list[Point], chunks: Mapping[int, int]
    ) -> Series:
        """What is stored, with what it lacks asked for."""
        key = self._key(metric, target, asked.step_s)
        for start, end in _runs(self._wanted(points, chunks, asked)):
            run = _part(asked, start, end)
            values = await self._fetched(metric, target, run)
            self._keep(key, run, values)
            _put(points, start, values)
        return _series(metric, asked, points)

    async def fleet_latest(
        self, metric: Metric, targets: Sequence[Target], now_ms: int
    ) -> Mapping[Target, Number]:
        """As the source has it; nothing of it is stored."""
        return await self._reader.fleet_latest(metric, targets, now_ms)

    async def fleet_history(
        self, metric: Metric, targets: Sequence[Target], span: Span
    ) -> Mapping[Target, Series]:
        """As `history`. The newest points, which all of them lack, are asked for together; who lacks more is asked
        for alone: a long past costs as much either way, and it is asked for once."""
        asked, found = aligned(span), dict[Target, Series]()
        stored = {target: self._kept(self._key(metric, target, asked.step_s), asked) for target in targets}
        first = max(0, asked.points - _NEAR)
        recent = [t for t, known in stored.items() if next(self._wanted(*known, asked), first) >= first]
        tail = _part(asked, first, asked.points)
        fresh = await self._reader.fleet_history(metric, recent, tail) if recent else {}
        for target, (points, chunks) in stored.items():
            if target not in fresh:
                found[target] = await self._completed(metric, target, asked, points, chunks)
                continue
            newest = _on(tail, fresh[target], target)
            self._keep(self._key(metric, target, asked.step_s), tail, newest)
            _put(points, first, newest)
            found[target] = _series(metric, asked, points)
        return found

    async def _fetched(self, metric: Metric, target: Target, run: Span) -> tuple[int | None, ...]:
        return _on(run, await self._reader.history(metric, target, run), target)

    def _key(self, metric: Metric, target: Target, step_s: int) -> str:
        return digest_of([self._uid, self._reader.fingerprint(metric), metric.value, target.path, step_s])

    def _wanted(self, points: Sequence[Point], chunks: Mapping[int, int], span: Span) -> Iterator[int]:
        """The indexes of the points that the source has to be asked for."""
        now_ms, step_ms, asked_ms = self._clock.wall_ms(), span.step_s * 1000, 0
        for index, point in enumerate(points):
            age_ms = now_ms - (span.start_ms + index * step_ms)
            asked_ms = chunks.get(index, asked_ms)
            gap = point is None and (age_ms < FILLABLE_MS or now_ms - asked_ms >= REASK_MS)
            if point == "?" or age_ms < SETTLE_MS or gap:
                yield index

    def _keep(self, key: str, run: Span, values: Sequence[int | None]) -> None:
        now_ms = self._clock.wall_ms()
        settled = (now_ms - SETTLE_MS - run.start_ms) // (run.step_s * 1000) + 1
        count = min(settled, run.points)
        if count > 0:
            try:
                self._store.write(key, _part(run, 0, count), values[:count], now_ms)
            except HistoryUnavailable as error:
                self._tell(error)

    def _kept(self, key: str, span: Span) -> tuple[list[Point], dict[int, int]]:
        try:
            return self._store.read(key, span)
        except HistoryUnavailable as error:
            self._tell(error)
            return ["?"] * span.points, {}

    def _tell(self, error: HistoryUnavailable) -> None:
        """Once a process: the figures are right without the store."""
        if not self._told:
            self._told = True
            _logger.warning("%s: %s (%s)", error.where, error.what, error.hint)


def _on(run: Span, series: Series, target: Target) -> tuple[int | None, ...]:
    """The values, of the span that was asked for. Raises MetricsUnavailable."""
    if series.span != run:
        where, hint = f"{series.metric} of {target.path}", "ask for a span on the grid of its step"
        raise MetricsUnavailable("the source answered for another span", where=where, hint=hint)
    return series.values


def _put(points: list[Point], start: int, values: Sequence[int | None]) -> None:
    """What was answered over what was stored; a stored value is not replaced by a gap."""
    for index, value in enumerate(values, start):
        if value is not None or points[index] == "?":
            points[index] = value


def _series(metric: Metric, span: Span, points: Sequence[Point]) -> Series:
    return Series(metric, SPECS[metric].unit, span, tuple(p if isinstance(p, int) else None for p in points))


def _part(span: Span, start: int, end: int) -> Span:
    """The points from `start` up to but not with `end`."""
    step_ms = span.step_s * 1000
    return Span(span.start_ms + start * step_ms, span.start_ms + (end - 1) * step_ms, span.step_s)


def _runs(indexes: Iterator[int]) -> Iterator[tuple[int, int]]:
    """Stretches of indexes, those that lie near each other as one: a request costs more than a few points."""
    start = last = next(indexes, None)
    if start is None or last is None:
        return
    for index in indexes:
        if index - last > _NEAR:
            yield start, last + 1
            start = index
        last = index
    yield start, last + 1
