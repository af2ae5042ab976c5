"""Cost against violations as a chart: one curve a policy, over all traces; pure."""

import math
from itertools import pairwise

from forecasting.backtest.canvas import Canvas, Colour
from forecasting.backtest.compare import Comparison, Row
from forecasting.backtest.curve import frontier

_WIDTH, _HEIGHT = 1000, 600
_LEFT, _TOP, _RIGHT, _BOTTOM = 90, 30, 720, 530
_INK: Colour = (60, 60, 60)
_PALE: Colour = (225, 225, 225)
_COLOURS: tuple[Colour, ...] = (
    (0, 114, 178), (213, 94, 0), (0, 158, 115), (204, 121, 167),
    (86, 180, 233), (230, 159, 0), (120, 120, 120), (0, 0, 0),
)  # fmt: skip
"""Okabe and Ito's, which people with colour vision deficiency can tell apart."""


def drawn(found: Comparison) -> bytes:
    """A PNG: replica-hours to the right (up to twice the dearest HPA reference), violation minutes upwards (log)."""
    canvas = Canvas(_WIDTH, _HEIGHT)
    most = max(hpa.cost for row in found.total for hpa in row.hpas.values()) * 2 or 1.0
    highest = max((score.violations for row in found.total for score in row.points.values()), default=0)
    scale = _Scale(most, math.log1p(max(10.0, highest)))
    _axes(canvas, scale)
    for place, row in enumerate(found.total):
        colour = _COLOURS[place % len(_COLOURS)]
        _curve(canvas, scale, row, colour)
        canvas.box(_RIGHT + 20, _TOP + 30 * place, 14, 14, colour)
        beyond = "" if _within(scale, row) else " beyond"
        canvas.text(_RIGHT + 42, _TOP + 30 * place, row.chosen.name + beyond, _INK)
    return canvas.png()


class _Scale:
    def __init__(self, most: float, highest: float) -> None:
        self._most, self._highest = most, highest

    def ticks(self) -> tuple[list[float], list[float]]:
        """Round figures along both axes."""
        size = 10 ** math.floor(math.log10(self._most / 2)) if self._most > 0 else 1.0
        across = [size * i for i in range(int(self._most / size) + 1)]
        step = max(1, len(across) // 5)
        up = [0.0, *(10.0**i for i in range(7) if math.log1p(10**i) <= self._highest)]
        return across[::step], up

    def __call__(self, cost: float, violations: float) -> tuple[float, float]:
        x = _LEFT + cost / self._most * (_RIGHT - _LEFT)
        return x, _BOTTOM - math.log1p(violations) / self._highest * (_BOTTOM - _TOP)


def _axes(canvas: Canvas, scale: _Scale) -> None:
    across, up = scale.ticks()
    for violations in up:
        _, y = scale(0, violations)
        canvas.line((_LEFT, y), (_RIGHT, y), _PALE, 1)
        canvas.text(10, int(y) - 7, f"{violations:g}", _INK)
    for cost in across:
        x, _ = scale(cost, 0)
        canvas.line((x, _TOP), (x, _BOTTOM), _PALE, 1)
        canvas.text(int(x) - 12, _BOTTOM + 12, f"{cost:g}", _INK)
    canvas.text(_LEFT, 6, "violation minutes", _INK)
    canvas.text(_RIGHT - 160, _BOTTOM + 40, "replica-hours", _INK)


def _curve(canvas: Canvas, scale: _Scale, row: Row, colour: Colour) -> None:
    points = _within(scale, row)
    for start, end in pairwise(points):
        canvas.line(start, end, colour)
    for x, y in points:
        canvas.box(int(x) - 3, int(y) - 3, 8, 8, colour)


def _within(scale: _Scale, row: Row) -> list[tuple[float, float]]:
    """The points of its curve that have room; a policy that costs far more has none."""
    points = [scale(score.cost, score.violations) for score in frontier(list(row.points.values()))]
    return [point for point in points if point[0] <= _RIGHT]
