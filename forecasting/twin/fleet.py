"""A whole fleet's forecast and rehearsal at one time: the newest row only, for all workloads at once.

The forecast is QuantilePolicy's: its features, its rungs and its choice among them (a test demands the same need).
"""

from collections.abc import Iterator
from dataclasses import dataclass, fields

import numpy as np

from forecasting.demand.choice import worth
from forecasting.demand.fan import NOMINAL, ladder
from forecasting.demand.features import FLOOR, features
from forecasting.demand.stream import peak_of, sustained
from forecasting.demand.weights import shipped
from forecasting.errors import ForecastError
from forecasting.sentinel.series import row_medians
from forecasting.twin.fit import NORMAL, noise_of
from forecasting.twin.rehearse import Fleet, Rehearsal, rehearse
from forecasting.types import Floats, Ints

HOUR, DAY = 60, 1440
UNKNOWN_SPREAD = 0.5
_RECENT, _CHUNK = 15, 256


@dataclass(frozen=True, slots=True)
class Outlook:
    """Of each workload: the `ladder` W x rungs, replicas that its highest demand of the horizon may need (NaN: the
    newest value is missing, nothing may be decided), the probability of exceeding each, the `peak` so far in
    replicas, the median `path` W x minutes in cores, its `spread` and a minute's `noise` (logarithms' deviations)."""

    ladder: Floats
    probabilities: Floats
    peak: Floats
    path: Floats
    spread: Floats
    noise: Floats

    def need(self, risk: float) -> Floats:
        """Replicas to have ready at 100 %, not rounded, as QuantilePolicy wants them at this `risk`, whatever was
        asked for before; W."""
        return worth(self.ladder, self.probabilities, self.peak, risk)


def outlook(
    history: Floats,
    per_replica: Floats,
    horizons: Ints,
    minutes: int,
    fans: Floats | None = None,
    probabilities: Floats = NOMINAL,
) -> Outlook:
    """From `history` W x minutes in cores up to now (NaN: missing), cores of a replica and the minutes that a
    decision has to carry (forecast.stream.horizon_of), W each; `minutes` of the path. What each workload's own
    past taught (forecast.stream.along): `fans` W x levels x features, `probabilities` W x rungs; without them
    the shipped weights serve all. Raises ForecastError: no workload, or arrays that do not fit."""
    lengths = {len(history), len(per_replica), len(horizons), *([] if fans is None else [len(fans)])}
    if history.ndim != 2 or not history.size or len(lengths) != 1:
        raise ForecastError(f"history of shape {history.shape} for {sorted(lengths)} workloads")
    clean = np.where(np.isfinite(history) & (history >= 0), history, np.nan)
    said = np.broadcast_to(probabilities, (len(history), len(NOMINAL)))
    groups, parts = list(_groups(horizons)), []
    for horizon, rows in groups:
        fan = shipped().fan(horizon) if fans is None else fans[rows]
        u = clean[rows] / per_replica[rows, None]
        peak = _peak(u)
        path, spread = path_of(clean[rows], minutes), spread_of(clean[rows], minutes)
        noise = noise_of(u[:, -240:])
        parts.append(Outlook(_ladder(u, horizon, fan, peak), said[rows], peak, path, spread, noise))
    back = np.argsort(np.concatenate([rows for _, rows in groups]))
    return Outlook(*(np.concatenate([getattr(p, f.name) for p in parts])[back] for f in fields(Outlook)))


def _groups(horizons: Ints) -> Iterator[tuple[int, Ints]]:
    """Workloads of one horizon, some at a time."""
    for horizon in np.unique(horizons).tolist():
        rows = np.flatnonzero(horizons == horizon)
        yield from ((horizon, rows[i : i + _CHUNK]) for i in range(0, len(rows), _CHUNK))


def _ladder(u: Floats, horizon: int, fan: Floats, peak: Floats) -> Floats:
    table = features(u, np.array([u.shape[1] - 1]), horizon)
    quantiles = (shipped().scale.of(table.x) @ np.swapaxes(fan, -1, -2))[:, 0]
    return np.asarray(np.exp(ladder(quantiles, table.level[:, 0], peak)) - FLOOR)


def _peak(u: Floats) -> Floats:
    """As forecast.stream.highest_so_far, of the newest row only."""
    return peak_of(np.fmax.reduce(u, axis=1), np.fmax.reduce(sustained(u), axis=1))


def path_of(history: Floats, minutes: int) -> Floats:
    """The next `minutes`: yesterday's course from the same time on, moved to the level of now (by the last quarter
    of an hour); without a day before, the level as it is. NaN where there is no level."""
    level = _level(history)
    if history.shape[1] < DAY + _RECENT:
        return np.repeat(level[:, None], minutes, axis=1)
    then = history[:, : history.shape[1] - DAY]
    ahead = history[:, history.shape[1] - DAY : history.shape[1] - DAY + minutes]
    with np.errstate(divide="ignore", invalid="ignore"):
        moved = np.clip(ahead / _level(then)[:, None], 0.1, 10) * level[:, None]
    return np.where(np.isfinite(moved), moved, level[:, None])


def spread_of(history: Floats, minutes: int) -> Floats:
    """How far paths told in the last day were off, each as a whole: the MAD of the logarithms of what came over
    what was told, as a normal's deviation. UNKNOWN_SPREAD where none is over."""
    n = history.shape[1]
    moments = range(minutes, min(DAY, n - _RECENT), HOUR)
    off = [_off(history[:, n - k : n - k + minutes], path_of(history[:, : n - k], minutes)) for k in moments]
    if not off:
        return np.full(len(history), UNKNOWN_SPREAD)
    mad = row_medians(np.stack(off, axis=1))
    return np.where(np.isfinite(mad), NORMAL * mad, UNKNOWN_SPREAD)


def _off(came: Floats, told: Floats) -> Floats:
    known = np.isfinite(came) & np.isfinite(told)
    with np.errstate(divide="ignore", invalid="ignore"):
        off = np.log(np.where(known, came, 0).sum(axis=1) / np.where(known, told, 0).sum(axis=1))
    return np.where(np.isfinite(off), np.abs(off), np.nan)


def _level(history: Floats) -> Floats:
    """The mean of what is known of the last quarter of an hour."""
    last = history[:, -_RECENT:]
    known = np.isfinite(last)
    total = np.where(known, last, 0).sum(axis=1)
    with np.errstate(invalid="ignore"):
        return np.asarray(total / np.where(known.any(axis=1), known.sum(axis=1), np.nan))


def candidates(need: Floats, now: Ints, target: float, count: int) -> Ints:
    """`count` numbers of replicas a workload, W x count: `now` first, then from a half to one and a half of what
    `need` asks for at the `target` utilisation. Where nothing is known, all are `now`."""
    wanted = need[:, None] / target * np.linspace(0.5, 1.5, count - 1)
    known = np.isfinite(wanted)
    chosen = np.where(known, np.maximum(np.ceil(np.where(known, wanted, 1)), 1), now[:, None])
    return np.concatenate([now[:, None], chosen.astype(np.int64)], axis=1)


def rehearsed(seen: Outlook, now: Ints, startup_s: Floats, per_pod: Floats, replicas: Ints) -> Rehearsal:
    """The outlook played against candidates W x C."""
    none = np.full(len(now), np.nan)
    return rehearse(Fleet(seen.path, now, startup_s, seen.noise, seen.spread, none), replicas, per_pod)
