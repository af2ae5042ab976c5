"""Did a change make it worse? A metric where higher is worse (latency, errors, CPU per request), before and after.

Medians of 5-minute blocks, as logarithms. The hour after is compared, each half of it for itself (else it passed by
itself), with two hours and with half an hour before, less the same comparison on the days before (differences in
differences; D. Card, A. Krueger, Am. Econ. Rev. 84 (1994)), and with half an hour before as it is (else yesterday
was unusual, not today). The effect is the least that any of these shows.

It counts if it is more than 10 % and at most 6 % of the moments of the last seven days, when nothing was changed,
show as much (placebos; A. Abadie, A. Diamond, J. Hainmueller, J. Am. Stat. Assoc. 105 (2010)): each series tells its
own rate of rollbacks for nothing. Where there are no placebos yet, if it is more than 2 MAD of the blocks before.

The verdict on a change asks it (tools/path/effects.py).
"""

from dataclasses import dataclass

import numpy as np

from forecasting.sentinel.series import Series, blocks, row_medians
from forecasting.types import Floats

DAY_S = 86_400
_LEAST = 3


@dataclass(frozen=True, slots=True)
class ChangeTest:
    """`after_s` are judged, leaving `settle_s` after the change out, against `long_s` and `short_s` before it; an
    effect counts above `effect` (a share) and where at most the share `chance` of the placebos of up to `days`
    days reach it; with fewer than `least_placebos`, above `mads` of the blocks before."""

    long_s: int = 7200
    short_s: int = 1800
    after_s: int = 3600
    settle_s: int = 300
    effect: float = 0.10
    chance: float = 0.06
    days: int = 7
    least_placebos: int = 144
    mads: float = 2.0


RULE = ChangeTest()


@dataclass(frozen=True, slots=True)
class ChangeVerdict:
    """`worse` (True, False, or None: cannot be judged, and `why`); `effect`, the share by which it rose in every
    comparison at least; `chance`, the share of moments without a change that show as much (None: too few), and
    how many `placebos` there were."""

    worse: bool | None
    why: str
    effect: float = 0.0
    chance: float | None = None
    placebos: int = 0


def verify(series: Series, changed_s: int, rule: ChangeTest = RULE) -> ChangeVerdict:
    """Judge a change made at `changed_s` from samples up to `changed_s + settle_s + after_s`."""
    found = blocks(series)
    size = found.size_s
    half = rule.after_s // 2 // size
    if min(half, rule.short_s // size) < _LEAST:
        return ChangeVerdict(None, f"blocks of {size} s are too coarse for {rule.short_s} s before")
    # The first block that ends after the change, and the first that begins once it has settled.
    i = int(np.searchsorted(found.ends_s, changed_s, "right"))
    j = int(np.searchsorted(found.ends_s - size, changed_s + rule.settle_s, "left"))
    first = max(0, i - 2 * rule.days * DAY_S // size)
    seen = found.medians[first:][found.ends_s[first:] <= changed_s + rule.settle_s + rule.after_s]
    logs = _logs(np.append(seen, np.full(2 * half, np.nan)))
    return _judged(logs, i - first, j - i, half, size, rule)


def _judged(logs: Floats, i: int, gap: int, half: int, size: int, rule: ChangeTest) -> ChangeVerdict:
    """For a change before block `i` of `logs`, settled `gap` blocks later."""
    long, short = rule.long_s // size, rule.short_s // size
    after, afters = _medians(logs, half), (gap + half - 1, gap + 2 * half - 1)
    shifts = [_moved(after, -k) - _moved(_medians(logs, n), 1) for n in (long, short) for k in afters]
    least = np.minimum.reduce([*(s - _usual(s, size, rule.days) for s in shifts), *shifts[2:]])
    if i >= len(least) or np.isnan(least[i]):
        return ChangeVerdict(None, "fewer than half of the blocks before or after the change are known")
    effect = float(least[i])
    # Of earlier moments those whose time after was over by the change.
    past = least[max(0, i - rule.days * DAY_S // size) : max(0, i - gap - 2 * half + 1)]
    placebos = past[np.isfinite(past)]
    rose = effect > np.log1p(rule.effect)
    if len(placebos) < rule.least_placebos:
        beyond, chance = effect > rule.mads * _mad(logs[max(0, i - long) : i]), None
    else:
        chance = float((1 + (placebos >= effect).sum()) / (1 + len(placebos)))
        beyond = chance <= rule.chance
    why = "worse beyond chance" if rose and beyond else "within what happens without a change"
    return ChangeVerdict(bool(rose and beyond), why, float(np.expm1(effect)), chance, len(placebos))


def _usual(shift: Floats, size: int, days: int) -> Floats:
    """The median of the same on the days before; 0 where there are none."""
    earlier = [_moved(shift, round(k * DAY_S / size)) for k in range(1, days + 1)]
    return np.nan_to_num(row_medians(np.stack(earlier, axis=1)))


def _medians(logs: Floats, n: int) -> Floats:
    """Of the `n` blocks up to each; NaN where fewer than half of them are known."""
    rows = np.lib.stride_tricks.sliding_window_view(np.append(np.full(n - 1, np.nan), logs), n)
    return np.where(2 * np.isfinite(rows).sum(axis=1) >= n, row_medians(rows), np.nan)


def _mad(values: Floats) -> float:
    known = values[np.isfinite(values)]
    return float(np.median(np.abs(known - np.median(known))))


def _logs(medians: Floats) -> Floats:
    """Values of zero and below are missing: no share can be computed of them."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(medians > 0, np.log(medians), np.nan)


def _moved(values: Floats, by: int) -> Floats:
    """At each place what was `by` places earlier, or later where it is negative."""
    gone = np.full(min(abs(by), len(values)), np.nan)
    kept = values[: len(values) - len(gone)] if by > 0 else values[len(gone) :]
    return np.append(gone, kept) if by > 0 else np.append(kept, gone)
