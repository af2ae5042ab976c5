"""Inputs and outputs of vertical recommenders. Floats here; what is used for a decision is rounded up to whole
millicores or bytes by its caller.

Time is a grid of `step_s` seconds (`forecasting.types.Demand`: cores used by one pod, NaN where it was
not measured). Causality: what is asked for at step t uses values up to t - 1 only. Missing is not zero: while
figures are missing nothing is lowered.
"""

from dataclasses import dataclass
from typing import Literal, Protocol

from forecasting.types import Demand, Floats

DAY_S = 86_400
WEEK_S = 7 * DAY_S


class CpuRecommender(Protocol):
    """One way to choose the CPU request (and limit) of a pod."""

    @property
    def name(self) -> str:
        """What it is called on the command line."""

    def replay(self, demand: Demand) -> Floats:
        """Cores asked for at each step from `played` on; NaN for as long as there is no recommendation."""


@dataclass(frozen=True, slots=True)
class OomKill:
    """A container was killed for memory at `at_s` (Unix seconds) under a limit of `limit` bytes."""

    at_s: int
    limit: int


@dataclass(frozen=True, slots=True)
class Memory:
    """Memory of one pod: the working set in bytes on a grid (NaN where it was not measured), the limit in force,
    the OOM kills that are known, and the least that its JVM needs (0: no JVM, or none that says)."""

    values: Floats
    limit: int
    start_s: int = 0
    step_s: int = 60
    kills: tuple[OomKill, ...] = ()
    jvm_floor: int = 0


Verdict = Literal["grow", "keep", "shrink", "leak", "unknown"]


@dataclass(frozen=True, slots=True)
class MemoryAdvice:
    """`limit` bytes to ask for, in whole bytes; with `needs_approval` a person must agree first."""

    verdict: Verdict
    limit: int
    why: str
    needs_approval: bool = False
