"""The parts of an answer as numbers: samples on their grid, counts, moments."""

from decimal import Decimal, InvalidOperation

from tools.metrics.prometheus.answers import Sample
from tools.metrics.prometheus.failures import strange
from tools.metrics.types import Span


def on_grid(samples: list[Sample], span: Span, where: str) -> list[str | None]:
    """The figure at each point. Raises MetricsUnavailable for a sample that is at none."""
    step_ms, found = span.step_s * 1000, [None] * span.points
    values: list[str | None] = list(found)
    for at_ms, text in samples:
        index, beside = divmod(at_ms - span.start_ms, step_ms)
        if beside or not 0 <= index < span.points:
            raise strange("a sample is not at a time that was asked for", where)
        values[index] = text
    return values


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
