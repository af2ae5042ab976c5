"""Stretches of time on the grid that all series of a step share: multiples of the step since 1970."""

from collections.abc import Iterator

from tools.metrics.types import Span


def aligned(span: Span) -> Span:
    """The span moved back onto the grid, by less than a step; it keeps its number of points."""
    step_ms = span.step_s * 1000
    start = span.start_ms // step_ms * step_ms
    return Span(start, start + (span.points - 1) * step_ms, span.step_s)


def chunks(span: Span, points: int) -> Iterator[Span]:
    """The span in pieces of at most so many points, which meet but do not overlap."""
    step_ms = span.step_s * 1000
    for start in range(span.start_ms, span.end_ms + 1, points * step_ms):
        yield Span(start, min(start + (points - 1) * step_ms, span.end_ms), span.step_s)
