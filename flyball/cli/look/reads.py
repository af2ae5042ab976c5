"""The looking commands (get, describe, why, changes) at a terminal: as the person, with progress."""

import asyncio
from collections.abc import Coroutine, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from flyball.cli.kit import remembered_names
from flyball.cli.kit.output import note, transient
from policies.types import Target
from tools.cluster_types import LISTED, Change
from tools.diagnosis import snapshot
from tools.diagnosis.snapshot import ALL, Row
from tools.diagnosis.types import Facts
from tools.errors import ReadRefused
from tools.metrics.types import Metric
from tools.reading.all_namespaces import Everywhere

if TYPE_CHECKING:
    from flyball.wiring import App

__all__ = ["ALL", "OVERVIEW", "WIDE", "PersonReads"]

T = TypeVar("T")

OVERVIEW = (
    Metric.CPU_USAGE,
    Metric.CPU_REQUESTS,
    Metric.MEMORY_USAGE,
    Metric.DISK_USAGE,
    Metric.DISK_CAPACITY,
    Metric.LATENCY_P95,
)
WIDE = (*OVERVIEW, Metric.REQUEST_RATE, Metric.ERROR_RATE, Metric.THROTTLED_RATIO)
QUIET_S = 1.0


class PersonReads:
    """The reads of the person at this terminal."""

    def __init__(self, app: "App") -> None:
        self._reads, self._place = app.toolbox.reads(app.identity.by_hand()), app.place

    @property
    def source(self) -> str:
        """Where the figures come from."""
        source: str = self._reads.source
        return source

    async def rows(
        self, namespace: str, selector: str, metrics: Sequence[Metric], kinds: Sequence[str] = LISTED
    ) -> list[Row]:
        """The namespace's workloads of these kinds with their figures, as one governed read."""
        rows: list[Row] = await self._released(
            self._reads.overview(namespace, selector, metrics, kinds), namespace
        )
        whole = not selector and kinds == LISTED
        self._shown([row.workload.target for row in rows], forget=namespace if whole else "")
        return rows

    async def everywhere(
        self, here: str, selector: str, metrics: Sequence[Metric], kinds: Sequence[str] = LISTED
    ) -> Everywhere:
        """The workloads of every namespace that the person may list."""
        found: Everywhere = await _told(self._reads.everywhere(here, selector, metrics, kinds))
        self._shown([row.workload.target for row in found.rows], everywhere=not selector and kinds == LISTED)
        return found

    async def workloads(self, namespace: str) -> list[Target]:
        """Which workloads of the namespace the person may see, as one governed read."""
        found = [one.target for one in await self._released(self._reads.workloads(namespace), namespace)]
        self._shown(found, forget=namespace)
        return found

    async def row(self, target: Target, metrics: Sequence[Metric]) -> Row:
        """One workload. Raises ReadRefused, NotFound, ClusterUnavailable."""
        found = await self._released(snapshot.row(self._reads, target, metrics), target.namespace or "")
        self._shown([target])
        return found

    async def facts(self, target: Target, metrics: Sequence[Metric], *, since_ms: int) -> Facts:
        """All that is known of one workload. Raises ReadRefused, NotFound, ClusterUnavailable."""
        looked = snapshot.facts(self._reads, target, metrics, since_ms=since_ms)
        found = await self._released(looked, target.namespace or "")
        self._shown([target])
        return found

    async def own_changes(self, target: Target, *, since_ms: int) -> list[Change]:
        """What the log alone holds of our changes to it, while the cluster is away. Raises ReadRefused."""
        found = await self._released(self._reads.own_changes_unseen(target), target.namespace or "")
        return [change for change in found if change.at_ms >= since_ms]

    async def _released(self, work: Coroutine[Any, Any, T], namespace: str) -> T:
        """What policy refuses now is not offered by completion any more, whatever was shown before."""
        try:
            return await _told(work)
        except ReadRefused:
            self._shown([], forget=namespace)
            raise

    def _shown(self, targets: Sequence[Target], *, forget: str = "", everywhere: bool = False) -> None:
        """What was released is what completion may offer; `forget` is a namespace of which that is all there is,
        and `everywhere` says so of all namespaces."""
        spaces = {forget: list[str]()} if forget else {}
        for target in targets:
            spaces.setdefault(target.namespace or "", []).append(str(target))
        at = self._place
        remembered_names.keep(at.folder, at.context, spaces, whole=bool(forget), everywhere=everywhere)


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
