"""The parts of an answer as numbers: samples on their grid, counts, moments."""

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from tools.metrics.numbers import whole, wholes
from tools.metrics.prometheus.answers import Sample, samples
from tools.metrics.prometheus.failures import strange
from tools.metrics.types import Metric, Span


def on_grid(told: list[Sample], span: Span, where: str) -> list[str | None]:
    """The figure at each point. Raises MetricsUnavailable for a sample that is at none."""
    step_ms, found = span.step_s * 1000, [None] * span.points
    values: list[str | None] = list(found)
    for at_ms, text in told:
        index, beside = divmod(at_ms - span.start_ms, step_ms)
        if beside or not 0 <= index < span.points:
            raise strange("a sample is not at a time that was asked for", where)
        values[index] = text
    return values


def points(metric: Metric, series: Mapping[str, Any], span: Span, where: str) -> list[int | None]:
    """The whole figures of a series at each point of the grid, None where there is none. The usual series has one at
    each: it is read as a whole. Raises MetricsUnavailable, as `on_grid`."""
    grid = range(span.start_ms // 1000, span.end_ms // 1000 + 1, span.step_s)
    try:
        pairs = series["values"]
        times, texts = [at for at, _ in pairs], [text for _, text in pairs]
        if times == [*grid]:
            return wholes(metric, texts)
        places = [grid.index(at) for at in times]
        found: list[int | None] = [None] * span.points
        for place, figure in zip(places, wholes(metric, texts), strict=True):
            found[place] = figure
    except (KeyError, TypeError, ValueError):  # looked at one by one, which says what is wrong with it
        lines = on_grid(samples(series, where), span, where)
        return [None if text is None else whole(metric, text) for text in lines]
    return found


def count(text: str | None, where: str) -> int | None:
    """A number of pods, in millionths; None where there is no such series."""
    return None if text is None else round(_decimal(text, where) * 1_000_000)


def moment(text: str | None, where: str) -> int | None:
    """Seconds since 1970 as text, in milliseconds."""
    return None if text is None else int(_decimal(text, where) * 1000)


def _decimal(text: str, where: str) -> Decimal:
    try:
        amount = Decimal(text)
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite() or not 0 <= amount < 10**15:
        raise strange(f"`{text[:40]}` is neither a count nor a time", where)
    return amount
