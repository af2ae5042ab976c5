"""All policies on all traces: scores, violations at an HPA's cost, and cost at its violations; pure."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from forecasting.backtest.curve import cost_at, violations_at
from forecasting.backtest.names import Name
from forecasting.backtest.recommenders import Setting, curve, default, played
from forecasting.backtest.score import score
from forecasting.backtest.trace import Trace
from forecasting.types import Demand, Floats, Score, Shape

REFERENCES = (70, 60)
"""The HPAs (percent) that the others are held against."""
_SEED = 5


@dataclass(frozen=True, slots=True)
class Case:
    """A trace and the workload that it is played to; `seen` is its demand as it was measured."""

    trace: Trace
    shape: Shape
    seen: Demand

    @classmethod
    def of(cls, trace: Trace, shape: Shape, noise: float = 0.0) -> "Case":
        """`noise` is the standard deviation of a measurement, as a share of it; the truth stays as it is."""
        values = _noised(trace.demand.values, noise) if noise else trace.demand.values
        return cls(trace, shape, replace(trace.demand, values=values))


@dataclass(frozen=True, slots=True)
class Row:
    """A policy's score, and what becomes of it at the cost and at the violations of each of `hpas` (by
    percent; None: it does not get there)."""

    chosen: Setting
    score: Score
    violations_at: Mapping[int, float | None]
    cost_at: Mapping[int, float | None]
    hpas: Mapping[int, Score]
    points: Mapping[Setting, Score]


@dataclass(frozen=True, slots=True)
class Comparison:
    """`total` over all traces (each policy with one setting for all of them), and each trace alone."""

    total: tuple[Row, ...]
    traces: Mapping[str, tuple[Row, ...]]


Scores = dict[Setting, Score]
Each = Callable[[Callable[[Case], Scores], Sequence[Case]], Iterable[Scores]]


def compare(
    cases: Sequence[Case], names: Sequence[Name], risk: float, percent: int, each: Each = map
) -> Comparison:
    """Play every policy at every setting of its curve on every trace; `each` is `map`, or one that does several
    at a time."""
    chosen = [default(name, cases[0].shape, risk, percent) for name in names]
    references = {Setting("hpa", p) for p in REFERENCES}
    wanted = sorted({s for one in chosen for s in curve(one)} | references, key=lambda s: (s.name, s.value))
    scores = each(partial(scored, wanted), cases)
    found = {case.trace.stem: one for case, one in zip(cases, scores, strict=True)}
    total = {s: summed([scores[s] for scores in found.values()]) for s in next(iter(found.values()))}
    return Comparison(
        rows(chosen, total),
        {stem: rows(chosen, scores) for stem, scores in found.items()},
    )


def rows(chosen: Sequence[Setting], scores: Mapping[Setting, Score]) -> tuple[Row, ...]:
    """The table of these scores."""
    return tuple(_row(one, scores) for one in chosen)


def _row(chosen: Setting, scores: Mapping[Setting, Score]) -> Row:
    points = {setting: scores[setting] for setting in curve(chosen)}
    every, hpas = list(points.values()), {p: scores[Setting("hpa", p)] for p in REFERENCES}
    return Row(
        chosen,
        scores[chosen],
        {p: violations_at(hpa.cost, every) for p, hpa in hpas.items()},
        {p: cost_at(hpa.violations, every) for p, hpa in hpas.items()},
        hpas,
        points,
    )


def summed(scores: Sequence[Score]) -> Score:
    """Of all traces together."""
    return Score(
        sum(s.cost for s in scores), sum(s.violations for s in scores), sum(s.actions for s in scores)
    )


def scored(settings: Sequence[Setting], case: Case) -> Scores:
    """The scores of these settings on one trace."""
    return {setting: _scored(setting, case) for setting in settings}


def _scored(setting: Setting, case: Case) -> Score:
    demand = case.trace.demand if setting.name == "oracle" else case.seen
    return score(played(setting.recommender(), demand, case.shape), case.trace.demand, case.shape)


def _noised(values: Floats, noise: float) -> Floats:
    """Each value as a measurement of it: normal, never below zero, from a fixed seed."""
    wrong: Floats = values * np.maximum(0.0, 1 + np.random.default_rng(_SEED).normal(0, noise, len(values)))
    return wrong
