"""Inputs and outputs of recommenders. Arrays of floats here; what is used for a decision is rounded up to
integers by its caller.

Time is a grid of `step_s` seconds. Causality: what is recommended for step t may use values up to t - 1 only;
a test of every recommender changes the future and demands the same past.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Millicores = Sequence[int | None]
"""A demand a minute as it was read, oldest first; None where it is missing."""

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Demand:
    """Demand of one workload in CPU cores on a grid; NaN where it was not measured.

    `values[played:]` is what is played back, what lies before is history. `start_s` is the Unix time of the
    first value (for time of day and day of week).
    """

    values: Floats
    played: int
    start_s: int = 0
    step_s: int = 60


@dataclass(frozen=True, slots=True)
class Shape:
    """The workload and what is asked of it: `per_replica` cores carried by one replica at 100 %, seconds from
    asking for a replica to its being ready, seconds between two decisions, seconds until a measurement is seen,
    and the utilisation that shall not be exceeded."""

    per_replica: float
    startup_s: int = 60
    interval_s: int = 60
    lag_s: int = 0
    target_util: float = 0.85
    minimum: int = 1
    maximum: int = 1_000_000


class ReplicaRecommender(Protocol):
    """One way to choose replicas."""

    @property
    def name(self) -> str:
        """As a table shows it."""

    def replay(self, demand: Demand, shape: Shape) -> Ints:
        """The replicas asked for at each step from `played` on, each from what was known up to the step before."""


@dataclass(frozen=True, slots=True)
class Score:
    """What a choice of replicas costs and breaks: replica-hours that were asked for, minutes in which the
    utilisation of the ready replicas lay above the target, and how often the number was changed."""

    cost: float
    violations: float
    actions: int


def floats(values: Sequence[int | None]) -> Floats:
    """The same as numbers for arithmetic, NaN where one is missing."""
    return np.array(values, dtype=np.float64)


def in_cores(values: Millicores) -> Floats:
    """Cores, NaN where it is missing."""
    return floats(values) / 1000
