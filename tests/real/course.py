"""One trace of demand: the two weeks before a test, and what comes while it runs."""

import math
import random
from dataclasses import dataclass
from functools import cache

DAY_S = 86_400
WAVE_S = 2_400
"""A part of the day: so each day is as the one before, and the twin, which is tested on its second half of what it
has, finds what it was fitted on."""
_PEAK_S = DAY_S // 4


@dataclass(frozen=True)
class Course:
    """A day's swing of a fifth, which the test finds at its peak, and waves of 40 minutes within it, which are about
    to rise or to fall by a sixth within eight minutes; `name` seeds what each minute is off."""

    name: str
    rises: bool

    def share(self, since_s: float) -> float:
        """Of the mean demand, that many seconds after the test began (below zero: before it)."""
        into_s = (_PEAK_S + (WAVE_S * 5 // 6 if self.rises else WAVE_S // 3) + since_s) % DAY_S
        day, wave = (math.sin(2 * math.pi * into_s / period) for period in (DAY_S, WAVE_S))
        return 1 + 0.2 * day + 0.15 * wave + _noise(self.name)[int(into_s // 60)]


@cache
def _noise(name: str) -> list[float]:
    """Of each minute of a day."""
    chance = random.Random(name)
    return [chance.gauss(0, 0.01) for _ in range(DAY_S // 60)]
