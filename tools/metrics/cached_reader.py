"""CachedReader: a reader that asks its source only for what the store does not have.

Three stretches, counted back from now: what is younger than SETTLE_MS may still change (late scrapes, a window
that is not full) and is asked for each time and never stored; a gap younger than FILLABLE_MS may still be filled (a
remote write that catches up, a store that was away) and is asked for again; an older gap is asked for again once
its chunk has not been asked for in REASK_MS, since the source may have been partly away then. Values stay.
"""

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Protocol

from audit.clock import Clock
from policies.types import Target, digest_of
from tools.errors import MetricsUnavailable
from tools.metrics.history import HistoryStore, HistoryUnavailable
from tools.metrics.packing import GAP, HOLES, UNKNOWN, VALUE, Line
from tools.metrics.spans import aligned
from tools.metrics.types import SPECS, Metric, MetricsReader, Number, Series, Span

SETTLE_MS = 15 * 60_000
FILLABLE_MS = 24 * 3_600_000
REASK_MS = 12 * 3_600_000
_NEAR = 120
"""Points between two stretches to ask for below which they are asked for as one."""
_EVEN = 60
"""Of many workloads, stretches to ask for begin and end at such points of the span."""
_FEW = 4
"""A stretch that one of so many workloads lacks, or more, is asked for together."""
Run = tuple[int, int]
"""A stretch of a span: the index of its first point, and the one behind its last."""
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
        self._told, self._fingerprints = False, dict[Metric, str]()

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
        line, runs = self._kept(self._key(metric, target, asked.step_s), asked)
        for run in runs:
            await self._alone(metric, target, line, asked, run)
        return _series(metric, asked, line)

    async def _alone(self, metric: Metric, target: Target, line: Line, asked: Span, run: Run) -> None:
        part = _part(asked, *run)
        values = _on(part, await self._reader.history(metric, target, part), target)
        self._keep({self._key(metric, target, asked.step_s): values}, part)
        line.put(run[0], values)

    async def fleet_latest(
        self, metric: Metric, targets: Sequence[Target], now_ms: int
    ) -> Mapping[Target, Number]:
        """As the source has it; nothing of it is stored."""
        return await self._reader.fleet_latest(metric, targets, now_ms)

    async def fleet_history(
        self, metric: Metric, targets: Sequence[Target], span: Span
    ) -> Mapping[Target, Series]:
        """As `history`. What many of them lack is asked for together; who lacks something else than the others is
        asked for alone, since an answer about many holds all of their namespaces."""
        asked, lines, lacking = aligned(span), dict[Target, Line](), dict[Run, list[Target]]()
        for target in targets:
            lines[target], runs = self._kept(self._key(metric, target, asked.step_s), asked)
            for run in runs:
                lacking.setdefault(_coarse(run, asked.points), []).append(target)
        for run, some in lacking.items():
            if len(some) * _FEW >= len(targets):
                await self._together(metric, some, lines, asked, run)
                continue
            for target in some:
                await self._alone(metric, target, lines[target], asked, run)
        return {target: _series(metric, asked, line) for target, line in lines.items()}

    async def _together(
        self, metric: Metric, some: Sequence[Target], lines: Mapping[Target, Line], asked: Span, run: Run
    ) -> None:
        part = _part(asked, *run)
        found = await self._reader.fleet_history(metric, some, part)
        values = {target: _on(part, found[target], target) for target in some}
        self._keep({self._key(metric, t, asked.step_s): line for t, line in values.items()}, part)
        for target, line in values.items():
            lines[target].put(run[0], line)

    def _key(self, metric: Metric, target: Target, step_s: int) -> str:
        told = self._fingerprints.get(metric)
        if told is None:
            told = self._fingerprints[metric] = self._reader.fingerprint(metric)
        return digest_of([self._uid, told, metric.value, target.path, step_s])

    def _wanted(self, line: Line, chunks: Mapping[int, int], span: Span) -> list[Run]:
        """Stretches of the points that the source has to be asked for."""
        now_ms, step_ms = self._clock.wall_ms(), span.step_s * 1000
        fresh = min(span.points, max(0, (now_ms - SETTLE_MS - span.start_ms) // step_ms + 1))
        if line.states.count(VALUE, 0, fresh) == fresh:
            return [(fresh, span.points)] if fresh < span.points else []
        if line.states.count(UNKNOWN, 0, fresh) == fresh:
            return [(0, span.points)]
        stale = min(fresh, max(0, (now_ms - FILLABLE_MS - span.start_ms) // step_ms + 1))
        old = self._old(line.states[:stale], chunks, now_ms)
        young = ((hole.start(), hole.end()) for hole in HOLES.finditer(line.states, stale, fresh))
        return [*_joined(chain(old, young, [(fresh, span.points)] if fresh < span.points else []))]

    def _old(self, states: bytearray, chunks: Mapping[int, int], now_ms: int) -> Iterator[Run]:
        """Of points whose gaps are no longer expected to be filled."""
        asked_ms = 0
        for index, state in enumerate(states) if states.count(VALUE) < len(states) else ():
            asked_ms = chunks.get(index, asked_ms)
            if state == UNKNOWN or (state == GAP and now_ms - asked_ms >= REASK_MS):
                yield index, index + 1

    def _keep(self, lines: Mapping[str, Sequence[int | None]], run: Span) -> None:
        """What of them is settled, of each series of the run."""
        now_ms = self._clock.wall_ms()
        settled = (now_ms - SETTLE_MS - run.start_ms) // (run.step_s * 1000) + 1
        count = min(settled, run.points)
        if count > 0:
            try:
                some = {key: values[:count] for key, values in lines.items()}
                self._store.write_all(some, _part(run, 0, count), now_ms)
            except HistoryUnavailable as error:
                self._tell(error)

    def _kept(self, key: str, span: Span) -> tuple[Line, list[Run]]:
        """What is stored, and what of it has to be asked for."""
        try:
            line, chunks = self._store.read(key, span)
        except HistoryUnavailable as error:
            self._tell(error)
            line, chunks = Line.unknown(span.points), {}
        return line, self._wanted(line, chunks, span)

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


def _series(metric: Metric, span: Span, line: Line) -> Series:
    return Series(metric, SPECS[metric].unit, span, line.known())


def _coarse(run: Run, count: int) -> Run:
    """The run with a little more at both ends, so that those that lack nearly the same lack the same."""
    return run[0] // _EVEN * _EVEN, min(count, -(-run[1] // _EVEN) * _EVEN)


def _part(span: Span, start: int, end: int) -> Span:
    """The points from `start` up to but not with `end`."""
    step_ms = span.step_s * 1000
    return Span(span.start_ms + start * step_ms, span.start_ms + (end - 1) * step_ms, span.step_s)


def _joined(runs: Iterable[Run]) -> Iterator[Run]:
    """Those that lie near each other as one: a request costs more than a few points."""
    start = end = -1
    for first, behind in runs:
        if start >= 0 and first - end < _NEAR:
            end = behind
            continue
        if start >= 0:
            yield start, end
        start, end = first, behind
    if start >= 0:
        yield start, end
