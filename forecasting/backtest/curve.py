"""Policies at equal cost and at equal violations: reading between the points of a curve; pure.

A policy's curve runs through its scores at several settings, in the order of cost, each better in violations than
the cheaper ones (a point that costs more and breaks more is left out). Between two neighbours it is straight in
cost against log(1 + violation minutes). It is not extended: below its cheapest point there is no answer; above its
dearest one the policy need not spend more.
"""

import math
from collections.abc import Sequence
from itertools import pairwise

from forecasting.types import Score


def frontier(scores: Sequence[Score]) -> list[Score]:
    """The points of a curve, cheapest first, with ever fewer violations."""
    found: list[Score] = []
    for one in sorted(scores, key=lambda s: (s.cost, s.violations)):
        if not found or one.violations < found[-1].violations:
            found.append(one)
    return found


def violations_at(cost: float, scores: Sequence[Score]) -> float | None:
    """Violation minutes of a policy that may cost as much; None where it cannot be as cheap."""
    points = frontier(scores)
    if not points or cost < points[0].cost:
        return None
    for left, right in pairwise(points):
        if cost == left.cost:
            return left.violations
        if cost < right.cost:
            part = (cost - left.cost) / (right.cost - left.cost)
            return math.expm1(_between(math.log1p(left.violations), math.log1p(right.violations), part))
    return points[-1].violations


def cost_at(violations: float, scores: Sequence[Score]) -> float | None:
    """Replica-hours of a policy that may break as much; None where it always breaks more."""
    points = frontier(scores)
    if not points or violations < points[-1].violations:
        return None
    if violations >= points[0].violations:
        return points[0].cost
    for left, right in pairwise(points):
        if violations >= right.violations:
            high, low = math.log1p(left.violations), math.log1p(right.violations)
            return _between(left.cost, right.cost, (high - math.log1p(violations)) / (high - low))
    return points[-1].cost


def _between(left: float, right: float, part: float) -> float:
    return left + (right - left) * part
