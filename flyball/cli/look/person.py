"""The looking commands (get, describe, why, changes) at a terminal: as the person, with progress."""

import asyncio
from collections.abc import Coroutine, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from flyball.cli.kit.output import note, transient
from policies.types import Target
from tools.diagnosis import snapshot
from tools.diagnosis.snapshot import ALL, Row
from tools.diagnosis.types import Facts
from tools.metrics.types import Metric

if TYPE_CHECKING:
    from flyball.wiring import App

__all__ = ["ALL", "OVERVIEW", "WIDE", "Looking"]

T = TypeVar("T")

OVERVIEW = (Metric.CPU_USAGE, Metric.CPU_REQUESTS, Metric.MEMORY_USAGE, Metric.LATENCY_P95)
WIDE = (*OVERVIEW, Metric.REQUEST_RATE, Metric.ERROR_RATE, Metric.THROTTLED_RATIO)
QUIET_S = 1.0


class Looking:
    """The reads of the person at this terminal."""

    def __init__(self, app: "App") -> None:
        self._reads = app.toolbox.reads(app.identity.by_hand())

    @property
    def source(self) -> str:
        """Where the figures come from."""
        source: str = self._reads.source
        return source

    async def rows(self, namespace: str, selector: str, metrics: Sequence[Metric]) -> list[Row]:
        """The namespace's workloads with their figures, as one governed read."""
        rows: list[Row] = await _told(self._reads.overview(namespace, selector, metrics))
        return rows

    async def row(self, target: Target, metrics: Sequence[Metric]) -> Row:
        """One workload. Raises ReadRefused, NotFound, ClusterUnavailable."""
        return await _told(snapshot.row(self._reads, target, metrics))

    async def facts(self, target: Target, metrics: Sequence[Metric], *, since_ms: int) -> Facts:
        """All that is known of one workload. Raises ReadRefused, NotFound, ClusterUnavailable."""
        return await _told(snapshot.facts(self._reads, target, metrics, since_ms=since_ms))


async def _told(work: Coroutine[Any, Any, T]) -> T:
    """What takes longer than a second says so."""
    task = asyncio.ensure_future(work)
    try:
        _, late = await asyncio.wait([task], timeout=QUIET_S)
        if late and not transient("waiting for figures"):
            note("waiting for figures")
        return await task
    finally:
        task.cancel()
        transient("")
