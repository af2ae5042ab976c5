"""What is foreseen now, from the newest samples: exhaustion and error budgets, each open, clear or unknown.

Unknown where the newest samples are missing: then nothing begins and nothing ends. What was open stays so until it
has not been confirmed for half an hour (RESOLVE_S), so that a moment's doubt does not close it.
Integers only, rounded: what is recorded is what was concluded from.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import isfinite
from typing import Literal

import numpy as np

from forecasting.errors import ForecastError
from forecasting.sentinel.burn import BURNS, Burning, burning
from forecasting.sentinel.exhaustion import Finding, foreseen
from forecasting.sentinel.rule import RULE
from forecasting.sentinel.series import STALE_S, gridded
from forecasting.types import floats

RESOLVE_S = 1800
SCREEN_S = 7 * 3600
"""What is looked at first: the longest short window, and as much as an estimate and its confirmations rest on."""
_SCREEN = replace(RULE, reach_young=RULE.reach)
State = Literal["open", "clear", "unknown"]
Samples = Sequence[int | None]


@dataclass(frozen=True, slots=True)
class Foreseen:
    """`why` says why it is unknown; `figures` are named integers, their units at the end of their names: the evidence
    of what is open, and of what is clear how much was known."""

    state: State
    why: str
    figures: tuple[tuple[str, int], ...] = ()

    def figure(self, name: str) -> int | None:
        """One of the figures."""
        return dict(self.figures).get(name)


def per_pod(values: Samples, pods: Samples) -> tuple[int | None, ...]:
    """What one pod uses on average; missing where either is, or where there is no pod."""
    return tuple(None if v is None or not n else v // n for v, n in zip(values, pods, strict=True))


def exhaustion(
    values: Samples, start_s: int, step_s: int, limit: int, now_s: int, *, screening: bool = False
) -> Foreseen:
    """Whether the values (each `step_s` seconds from `start_s` on) run into `limit`, and when. Times in the figures
    are seconds from now, `slope_per_h` and `level` in the values' unit.

    `screening` of the last SCREEN_S: open is then whatever may be open with the day before known, so that what is
    clear is clear and needs no longer look."""
    known = [(start_s + i * step_s, float(v)) for i, v in enumerate(values) if v is not None]
    coverage = 1_000_000 * len(known) // max(1, len(values))
    if not known or now_s - known[-1][0] > STALE_S:
        return Foreseen("unknown", "the newest samples are missing", (("coverage_ppm", coverage),))
    if limit <= 0:
        return Foreseen("unknown", "no limit is known", (("coverage_ppm", coverage),))
    try:
        series = gridded([at for at, _ in known], [v for _, v in known], now_s=now_s)
        found = foreseen(series, float(limit), _SCREEN if screening else RULE)
    except ForecastError as e:
        return Foreseen("unknown", e.what, (("coverage_ppm", coverage),))
    if found is None or now_s - found.until_s > RESOLVE_S:
        return Foreseen(
            "clear", "", (("coverage_ppm", coverage), ("level", round(known[-1][1])), ("limit", limit))
        )
    return Foreseen("open", "", (*_when(found, now_s), ("coverage_ppm", coverage)))


def _when(found: Finding, now_s: int) -> tuple[tuple[str, int], ...]:
    return (
        ("eta_s", max(0, found.full_s - now_s)),
        ("soonest_s", max(0, found.soonest_s - now_s)),
        ("latest_s", max(0, found.latest_s - now_s)),
        ("level", round(found.level)),
        ("limit", round(found.limit)),
        ("slope_per_h", round(found.slope * 3600)),
        ("confidence_ppm", int(found.confidence * 1_000_000)),
        ("window_s", found.window_s),
        ("points", found.points),
    )


def budget(
    errors_ppm: Samples, rates: Samples, step_s: int, objective_ppm: int, *, screening: bool = False
) -> Foreseen:
    """Whether an error budget burns by one of the rules of forecasting.sentinel.burn, at the last step or at one of
    the last half hour. `errors_ppm` are shares of the requests, `rates` requests (in any unit) of the same steps.
    `screening` of the last SCREEN_S: open where a rule's short window burns, whatever its long one does."""
    share, total = floats(errors_ppm) / 1e6, floats(rates)
    known = np.isfinite(share) & np.isfinite(total)
    idle = np.isfinite(total) & (total == 0)  # of no requests there is no share
    share = np.where(idle, 0.0, share)
    newest = STALE_S // step_s
    coverage = (("coverage_ppm", int(1e6 * (known | idle).mean()) if len(known) else 0),)
    if not (known | idle)[-newest:].any():
        return Foreseen("unknown", "the newest samples are missing", coverage)
    bad, objective = share * total, objective_ppm / 1e6
    for back in range(RESOLVE_S // step_s):
        end = len(bad) - back
        each = burning(bad[:end], total[:end], step_s, objective)
        fired = [b for b in each if (b.short_rate >= b.rule.factor if screening else b.fires)]
        if fired:
            return Foreseen("open", "", (*_burnt(fired[0], back * step_s), *coverage))
    return Foreseen("clear", "", coverage)


def _burnt(rule: Burning, ago_s: int) -> tuple[tuple[str, int], ...]:
    spent_s = round(30 * 86_400 / rule.long_rate) if isfinite(rule.long_rate) else 0
    return (
        ("eta_s", spent_s),
        ("burn_milli", round(1000 * rule.long_rate)),
        ("burn_short_milli", round(1000 * rule.short_rate)),
        ("factor_milli", round(1000 * rule.rule.factor)),
        ("window_s", rule.rule.long_s),
        ("short_window_s", rule.rule.short_s),
        ("page", int(rule.rule.severity == "page")),
        ("ago_s", ago_s),
    )


LONGEST_S = max(rule.long_s for rule in BURNS)
"""How far back the rules of error budgets look."""
