"""What a forecast looks at: scale-free features of the demand up to a row, and the outcome that it forecasts.

All are logarithms of ratios to the current level, so that a workload of 3 pods and one of 3,000 look alike. Of
the recent past: levels, slopes, noise and how it is correlated, how far the demand has risen before; of an hour,
a day and a week ago: what followed then, with whether it is known and how alike then and now run. A feature that
is not known is 0 ("as now").

`u` is the demand in replicas (cores / per_replica) on a grid of minutes, `(..., n)`, NaN where not measured.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from forecasting.demand.windows import Rows, Windows, average, between, highest, lowest, upper
from forecasting.types import Floats

HOUR, DAY, WEEK = 60, 1440, 10080
FLOOR = 4.0
"""Replicas added before a logarithm is taken: far below it differences count as such, far above it as ratios."""

LAGS, HIGHS, MEANS, LOWS = (
    (1, 2, 3, 5, 10, 20, 30, 60),
    (3, 5, 10, 30, 60, 240, 1440),
    (3, 5, 15, 60),
    (10, 60),
)
NOISES = (10, 60, 240)
PAST = ((240, 2), (1440, 5))
SEASONS = (("hour", HOUR), ("day", DAY), ("week", WEEK))
REACH = WEEK + DAY
"""Minutes before a row that its features look at, and some more; horizons are shorter than a day."""
_RECENT = [
    f"{kind}{n}" for kind, ns in (("lag", LAGS), ("max", HIGHS), ("mean", MEANS), ("min", LOWS)) for n in ns
]
_CROSSED = ("lag1", "lag3", "mean5", "mean15")
LIMIT = 2.0
"""Features are clipped at a factor of e², so that one spike cannot carry a forecast away."""


@dataclass(frozen=True, slots=True)
class Table:
    """Features `x` `(..., rows, len(NAMES))` and the level `(..., rows)` in replicas that they refer to; the level
    is NaN where the newest value is missing and nothing may be decided."""

    x: Floats
    level: Floats


def features(u: Floats, rows: Rows, horizon: int) -> Table:
    """The features at ascending `rows`, from values up to each row only."""
    windows = Windows(u, rows)
    now, smooth = windows.at(), average(windows.of(5))
    level = np.where(np.isfinite(now), level_of(now, smooth), np.nan)
    recent = _recent(windows, level)
    moves = _moves(u, rows)
    risen = _risen(u, rows, horizon)
    rough = moves[0]
    crossed = [rough * recent[_RECENT.index(name)] for name in _CROSSED] + [rough * moves[2]]
    season = [f for _, lag in SEASONS for f in _season(u, rows, horizon, level, lag)]
    columns = [np.ones_like(level), *recent, *moves, *risen, *crossed, *season]
    x = np.stack([np.nan_to_num(np.clip(c, -LIMIT, LIMIT)) for c in columns], axis=-1)
    return Table(x, level)


def outcome(u: Floats, rows: Rows, horizon: int) -> Floats:
    """What the forecast at each row is judged by: the log of the highest demand of the next `horizon` minutes
    over the current level; NaN where neither is known."""
    windows = Windows(u, rows)
    level = level_of(windows.at(), average(windows.of(5)))
    return ahead(u, rows, horizon) - np.log(level)


def ahead(u: Floats, rows: Rows, horizon: int) -> Floats:
    """The log of the highest demand of the `horizon` minutes after each row, as far as it was measured."""
    return log(highest(Windows(u, rows).of(horizon, -horizon)))


def level_of(now: Floats, smooth: Floats) -> Floats:
    """The level that ratios refer to: the newest value, but at least half of the last five minutes' mean."""
    return np.asarray(np.fmax(now, 0.5 * smooth) + FLOOR)


def log(u: Floats) -> Floats:
    """The logarithm of a demand in replicas, floored."""
    return np.asarray(np.log(np.maximum(u, 0.0) + FLOOR))


def _recent(windows: Windows, level: Floats) -> list[Floats]:
    base = np.log(level)
    found = [windows.at(lag) for lag in LAGS]
    found += [highest(windows.of(width)) for width in HIGHS]
    found += [average(windows.of(width)) for width in MEANS]
    found += [lowest(windows.of(width)) for width in LOWS]
    return [log(f) - base for f in found]


def _moves(u: Floats, rows: Rows) -> list[Floats]:
    """How alike successive changes are (-1: noise, +1: ramps), the mean change over some spans, the largest."""
    reach = max(NOISES) + 2
    first = int(rows[0]) - reach
    held = log(between(u, first, int(rows[-1]) + 1))
    change = np.diff(held, axis=-1, prepend=np.nan)
    windows = Windows(change, rows - first)
    product = average(Windows(change[..., 1:] * change[..., :-1], rows - first - 1).of(240))
    power = average(Windows(change * change, rows - first).of(240))
    size = Windows(np.abs(change), rows - first)
    alike = product / (power + 1e-9)
    return [alike, *[average(size.of(width)) for width in NOISES], highest(windows.of(30))]


def _risen(u: Floats, rows: Rows, horizon: int) -> list[Floats]:
    """How far the demand rose within a horizon before: quantiles of the outcomes known by then."""
    past = _past_of_one if len(rows) == 1 else _past_of_many
    return [q for known in past(u, rows, horizon) for q in upper(known, (0.75, 0.9, 0.98))]


def _past_of_one(u: Floats, rows: Rows, horizon: int) -> Iterator[Floats]:
    """Only the outcomes that one row looks at: live that is a few hundred a minute in place of some thousand."""
    for width, every in PAST:
        seen = rows[0] - horizon - np.arange(-(-width // every) - 1, -1, -1) * every
        yield outcome(u, seen, horizon)[..., None, :]


def _past_of_many(u: Floats, rows: Rows, horizon: int) -> Iterator[Floats]:
    """Neighbours share most of theirs: each outcome is calculated once."""
    reach = max(width for width, _ in PAST) + horizon + 6
    first = int(rows[0]) - reach
    held = between(u, first, int(rows[-1]) + 1)
    known = outcome(held, np.arange(5, held.shape[-1] - horizon), horizon)
    windows = Windows(known, rows - first - 5)
    for width, every in PAST:
        yield windows.of(width, horizon, every)


def _season(u: Floats, rows: Rows, horizon: int, level: Floats, lag: int) -> list[Floats]:
    """What followed the same time a `lag` ago: relative to its own level then and to the level now, over the
    horizon and a quarter of an hour; whether it is known; how alike then and now run, and the two weighed by it."""
    windows, base = Windows(u, rows), np.log(level)
    then = log(average(windows.of(5, lag)))
    next_high, far_high = (
        log(highest(windows.of(horizon, lag - horizon))),
        log(highest(windows.of(15, lag - 15))),
    )
    around = log(highest(windows.of(horizon + 6, lag - horizon - 3)))
    alike = np.nan_to_num(_alike(windows, lag))
    grown, level_then = next_high - then, next_high - base
    known = np.isfinite(grown).astype(np.float64)
    weighed = [alike * f for f in (grown, level_then, far_high - then)]
    return [grown, level_then, far_high - then, around - base, known, alike, *weighed]


def _alike(windows: Windows, lag: int) -> Floats:
    """1 where the last two hours ran parallel to those a `lag` ago, 0 where that tells nothing."""
    now, then = log(windows.of(120, 0, 5)), log(windows.of(120, lag, 5))
    apart = _spread(now - then)
    return np.clip(1.0 - apart / (_spread(now) + 0.01), 0.0, 1.0)


def _spread(windows: Floats) -> Floats:
    centred = windows - average(windows)[..., None]
    return np.sqrt(average(centred * centred))


def _names() -> tuple[str, ...]:
    moves = ["alike", *[f"noise{n}" for n in NOISES], "jump30"]
    risen = [f"risen{width}_{q}" for width, _ in PAST for q in (75, 90, 98)]
    crossed = [*[f"alike*{name}" for name in _CROSSED], "alike*noise60"]
    each = ("grown", "level", "far", "around", "known", "alike", "alike*grown", "alike*level", "alike*far")
    return ("one", *_RECENT, *moves, *risen, *crossed, *[f"{s}_{e}" for s, _ in SEASONS for e in each])


NAMES = _names()
