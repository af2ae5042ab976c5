"""SimulatedMetrics: the typed queries, answered from the history of the simulated world.

The newest figure is that of the last scrape (every 15 s), the past has one a minute. A Load or the world may
say that samples are missing, late or noisy: the same seed disturbs the same samples, and what is missing then
is missing here, with its reason.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal

from policies.types import Target
from sandbox.api.kinds import WORKLOADS
from sandbox.api.store import Key, Transaction
from sandbox.disturbances import disturbances
from sandbox.load.manifest import SCRAPE_MS, Disturbance, Load, load_of
from sandbox.world import World
from tools.errors import MetricsUnavailable
from tools.metrics.numbers import Measured, number
from tools.metrics.types import SPECS, STALE_S, Metric, Number, Series, Span

_MINUTE_MS = 60_000
_COUNTED_S = 3600
"""Restarts and OOM kills are those of the last hour. A simulated world has no alerting rules: nothing fires."""
_COUNTS = (Metric.RESTARTS, Metric.OOM_KILLS)


class SimulatedMetrics:
    """MetricsReader on a World."""

    source = "sandbox"

    def __init__(self, world: World) -> None:
        self._world = world

    async def latest(self, metric: Metric, target: Target, now_ms: int) -> Number:
        """The newest figure. A world that is not there any more raises MetricsUnavailable."""
        key = _key(target)
        with self._world.store.read() as txn:
            return number(metric, _Source(txn, key).latest(metric), now_ms)

    async def history(self, metric: Metric, target: Target, span: Span) -> Series:
        """The figures over a span: each is the newest of its step, counts are summed over the step."""
        key = _key(target)
        with self._world.store.read() as txn:
            values = _Source(txn, key).series(metric, span)
        return Series(metric, SPECS[metric].unit, span, tuple(values))

    async def fleet_latest(
        self, metric: Metric, targets: Sequence[Target], now_ms: int
    ) -> Mapping[Target, Number]:
        """As `latest`, all of one moment."""
        with self._world.store.read() as txn:
            return {t: number(metric, _Source(txn, _key(t)).latest(metric), now_ms) for t in targets}

    async def fleet_history(
        self, metric: Metric, targets: Sequence[Target], span: Span
    ) -> Mapping[Target, Series]:
        """As `history`, all of one moment."""
        unit = SPECS[metric].unit
        with self._world.store.read() as txn:
            found = {t: _Source(txn, _key(t)).series(metric, span) for t in targets}
        return {t: Series(metric, unit, span, tuple(values)) for t, values in found.items()}


def _key(target: Target) -> Key:
    if target.kind not in WORKLOADS or not target.namespace:
        raise MetricsUnavailable(
            f"no metrics of a `{target.kind}`", where=str(target), hint=f"kinds: {', '.join(WORKLOADS)}"
        )
    return Key(target.kind, target.namespace, target.name)


class _Source:
    """What one workload's metrics were and are, as this source lets them be seen."""

    def __init__(self, txn: Transaction, key: Key) -> None:
        from sandbox.serving.samples import seed_text

        self._txn, self._key, self._now = txn, key, txn.number("now_ms")
        self._there = txn.get(key) is not None
        self._load = load_of(txn, key) if self._there else Load()
        self._seed = seed_text(txn, key)
        self._spoiled = (*self._load.metrics, *disturbances(txn, key))

    def latest(self, metric: Metric) -> Measured:
        """The newest sample that came through, or nothing."""
        if not self._there:
            return Measured(None, None)
        wrong = self._wrong(metric)
        if metric in _COUNTS:
            return self._counted(metric, wrong)
        if metric is Metric.ALERTS:
            return self._said(metric, 0, self._now - wrong.lag_s * 1000, 1, 1)
        at_ms = self._now - self._now % SCRAPE_MS
        if not wrong.lag_s and self._came(metric, wrong, at_ms):
            return self._live(metric, wrong, at_ms)
        return self._recorded(metric, wrong)

    def series(self, metric: Metric, span: Span) -> list[int | None]:
        """One value for each point of the span."""
        from sandbox import history

        if metric is Metric.ALERTS:
            return [
                0 if span.start_ms + i * span.step_s * 1000 <= self._now else None for i in range(span.points)
            ]
        step_ms, wrong = span.step_s * 1000, self._wrong(metric)
        back = step_ms // _MINUTE_MS if metric in _COUNTS else 1
        first = span.start_ms // _MINUTE_MS - max(1, back)
        minutes = history.read(self._txn, self._key, metric, first, span.end_ms // _MINUTE_MS)
        seen = self._all_seen(metric, wrong, first, minutes.tolist())
        found: list[int | None] = []
        for i in range(span.points):
            at_ms = span.start_ms + i * step_ms
            last = at_ms // _MINUTE_MS - first
            if at_ms > self._now:
                found.append(None)
            elif metric in _COUNTS:
                found.append(_total(seen[last + 1 - max(1, back) : last + 1]))
            else:
                found.append(seen[last])
        return found

    def _live(self, metric: Metric, wrong: Disturbance, at_ms: int) -> Measured:
        """From the objects as they stand, at the last scrape."""
        from sandbox.engine.now import figure

        value, covered, expected = figure(self._txn, self._key, self._load, metric, at_ms)
        if value is None:
            return Measured(None, at_ms, 0, expected)
        return self._said(
            metric, self._noisy(metric, wrong, at_ms // SCRAPE_MS, value), at_ms, covered, expected
        )

    def _recorded(self, metric: Metric, wrong: Disturbance) -> Measured:
        """The newest minute that came through, however old: the reader says when that is too old."""
        from sandbox import history

        last = (self._now - wrong.lag_s * 1000) // _MINUTE_MS
        first = last - 2 * STALE_S * 1000 // _MINUTE_MS
        minutes = history.read(self._txn, self._key, metric, first, last)
        for minute, value in zip(range(last, first - 1, -1), reversed(minutes.tolist()), strict=True):
            seen = self._seen(metric, wrong, minute, value)
            if seen is not None:
                return self._said(metric, seen, minute * _MINUTE_MS, 1, 1)
        return Measured(None, None)

    def _counted(self, metric: Metric, wrong: Disturbance) -> Measured:
        """What happened within the last hour, or since the workload was made."""
        from sandbox import history
        from sandbox.engine.now import age_s, pending

        last = (self._now - wrong.lag_s * 1000) // _MINUTE_MS
        minutes = history.read(self._txn, self._key, metric, last - _COUNTED_S // 60 + 1, last).tolist()
        first = last + 1 - len(minutes)
        seen = [self._seen(metric, wrong, first + i, v) for i, v in enumerate(minutes)]
        expected = max(1, min(_COUNTED_S // 60, age_s(self._txn, self._key) // 60))
        covered = sum(1 for v in seen if v is not None)
        newest = max((first + i for i, v in enumerate(seen) if v is not None), default=None)
        if newest is None:
            return Measured(None, None, 0, expected)
        value = _total(seen) or 0
        if not wrong.lag_s:
            value += pending(self._txn, self._key, metric)
        return self._said(metric, value, newest * _MINUTE_MS, covered, expected, _COUNTED_S)

    def _all_seen(
        self, metric: Metric, wrong: Disturbance, first: int, values: Sequence[int]
    ) -> list[int | None]:
        """`_seen` of minutes in a row, from `first` on."""
        if wrong.gaps or wrong.noise:
            return [self._seen(metric, wrong, first + i, v) for i, v in enumerate(values)]
        here = max(0, (self._now - wrong.lag_s * 1000) // _MINUTE_MS - first + 1)
        return [None if v < 0 or i >= here else v for i, v in enumerate(values)]

    def _seen(self, metric: Metric, wrong: Disturbance, minute: int, value: int) -> int | None:
        """A recorded minute as this source shows it."""
        at_ms = minute * _MINUTE_MS
        if value < 0 or at_ms > self._now - wrong.lag_s * 1000 or not self._came(metric, wrong, at_ms):
            return None
        return self._noisy(metric, wrong, at_ms // SCRAPE_MS, value)

    def _wrong(self, metric: Metric) -> Disturbance:
        """All that is wrong with one metric, taken together: the worst of each."""
        mine = [d for d in self._spoiled if d.metric in (None, metric)]
        return Disturbance(
            metric,
            max((d.gaps for d in mine), default=0),
            max((d.lag_s for d in mine), default=0),
            max((d.noise for d in mine), default=0),
        )

    def _came(self, metric: Metric, wrong: Disturbance, at_ms: int) -> bool:
        return not wrong.gaps or self._chance(f"{metric}/gap", at_ms // SCRAPE_MS) * 1e6 >= wrong.gaps

    def _noisy(self, metric: Metric, wrong: Disturbance, index: int, value: int) -> int:
        if not wrong.noise:
            return value
        return round(value * (1 + wrong.noise / 1e6 * (2 * self._chance(f"{metric}/noise", index) - 1)))

    def _chance(self, what: str, index: int) -> float:
        from forecasting.seeded_random import seed_of, uniform_at

        return uniform_at(seed_of(f"{self._seed}/{what}"), index)

    def _said(
        self, metric: Metric, value: int, at_ms: int, covered: int, expected: int, window_s: int = 0
    ) -> Measured:
        text = format(Decimal(value) / SPECS[metric].scale, "f")
        return Measured(text, at_ms, covered, expected, window_s)


def _total(values: Sequence[int | None]) -> int | None:
    """The sum of what was counted; missing where nothing was."""
    known = [v for v in values if v is not None]
    return sum(known) if known else None
