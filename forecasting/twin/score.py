"""How reliable the twin is: its predictions against what happened."""

from dataclasses import dataclass

import numpy as np

from forecasting.types import Floats

UTILISATION_ERROR = 0.10
F1 = 0.8
COVERAGE_OFF = 0.01
LEAST_STEPS = 120
RESOLUTION = 0.005
"""No closer are a minute's CPU and the pods that were ready in it known: what lies so near to a quantile may be on
either side of it."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """`utilisation_error` the mean absolute error over the mean that was; `f1` of steps above the target (None:
    neither said nor seen); `coverage` of the quantile `level`; `steps` that could be compared; what of the fit is
    `assumed`."""

    utilisation_error: float
    f1: float | None
    coverage: float
    level: float
    steps: int
    assumed: tuple[str, ...] = ()

    @property
    def reasons(self) -> tuple[str, ...]:
        """What speaks against acting on it alone; empty: nothing does."""
        if self.steps < LEAST_STEPS:
            return (f"{self.steps} steps compared, {LEAST_STEPS} needed",)
        found = [f"{what} is assumed, not seen" for what in self.assumed]
        if not self.utilisation_error <= UTILISATION_ERROR:
            found.append(f"utilisation error {self.utilisation_error:.1%} above {UTILISATION_ERROR:.0%}")
        if self.f1 is not None and self.f1 < F1:
            found.append(f"violation-minute F1 {self.f1:.2f} below {F1}")
        if abs(self.coverage - self.level) > COVERAGE_OFF + 1e-12:
            found.append(f"coverage {self.coverage:.1%} for {self.level:.0%}")
        return tuple(found)

    @property
    def calibrated(self) -> bool:
        return not self.reasons

    @property
    def verdict(self) -> str:
        """`calibrated`, or `uncalibrated: recommend only` with why."""
        if self.calibrated:
            return "calibrated"
        return f"uncalibrated: recommend only ({'; '.join(self.reasons)})"


def calibrate(
    said: Floats,
    quantile: Floats,
    was: Floats,
    target: float,
    level: float = 0.95,
    assumed: tuple[str, ...] = (),
) -> Calibration:
    """Compare utilisations a step: `said` and the upper `quantile` of `level` by the twin, and what `was`.
    Steps where either is missing (NaN) are not compared."""
    known = np.isfinite(said) & np.isfinite(was) & np.isfinite(quantile)
    s, w, q = said[known], was[known], quantile[known]
    if not len(s):
        return Calibration(float("inf"), None, 0.0, level, 0, assumed)
    mean = float(np.abs(w).mean())
    error = float(np.abs(s - w).mean()) / mean if mean > 0 else float(np.abs(s).mean() > 0)
    hit, said_only, seen_only = (
        int(x.sum())
        for x in ((s > target) & (w > target), (s > target) & (w <= target), (s <= target) & (w > target))
    )
    f1 = 2 * hit / (2 * hit + said_only + seen_only) if hit + said_only + seen_only else None
    return Calibration(error, f1, _coverage(w, q, level), level, len(s), assumed)


def _coverage(was: Floats, quantile: Floats, level: float) -> float:
    """The share at most the quantile. Where many steps are the quantile itself, as nearly as can be measured (a twin
    that is exact), any share from those below it to those at most it is true; then it is the one nearest to the
    level."""
    near = RESOLUTION * np.abs(quantile)
    below, at_most = float((was < quantile - near).mean()), float((was <= quantile + near).mean())
    return min(max(level, below), at_most)
