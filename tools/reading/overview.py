"""The overview of a namespace: its workloads with a few figures each, as one governed read with one record.

Each workload is judged as if it were described, its figures as if they were read one by one; what may not be
seen is left out or says so. The record holds the digest of the figures that were released.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import TypeVar

from policies.types import digest_of
from tools.cluster_types import LISTED, Workload
from tools.diagnosis.snapshot import Row, had_by, why
from tools.errors import ClusterUnavailable, MetricsUnavailable, NeverHappened, NotFound
from tools.metrics.types import Metric, MetricsReader, Number
from tools.reading.screening import Screening

T = TypeVar("T")

AT_ONCE = 8
"""So many questions to cluster and metrics are under way at a time."""
_HPA = "horizontalpodautoscaler/"


class Overview:
    """Reads the overview for one principal."""

    def __init__(self, screening: Screening, metrics: MetricsReader) -> None:
        self._screening, self._metrics, self._c = screening, metrics, screening.context

    async def rows(
        self, namespace: str, selector: str, metrics: Sequence[Metric], kinds: Sequence[str] = LISTED
    ) -> list[Row]:
        """The namespace's workloads of these kinds, less those that the principal may not describe. Raises
        ReadRefused, ClusterUnavailable, NeverHappened for the list; what else fails is said in the row."""
        request, shown, hidden = await self._screening.listed(namespace, selector, kinds)
        rows = await self.filled(shown, metrics)
        seen = {"selector": selector, "kinds": list(kinds), "shown": len(shown), "hidden": hidden}
        told = {"figures_sha256": released(rows), **self.told(metrics)}
        await self._screening.record(request, seen | told)
        return rows

    async def filled(self, workloads: Sequence[Workload], metrics: Sequence[Metric]) -> list[Row]:
        """Workloads that were judged, with their figures; the caller records them before they are released."""
        asking = _Asking()
        return await asyncio.gather(*(self._row(asking, w, metrics) for w in workloads))

    def told(self, metrics: Sequence[Metric]) -> dict[str, object]:
        """Which figures were asked for, and of whom."""
        return {"metrics": [m.value for m in metrics], "source": self._metrics.source}

    async def _row(self, asking: "_Asking", workload: Workload, metrics: Sequence[Metric]) -> Row:
        missing = dict[str, str]()
        numbers = dict[Metric, Number]()
        now = self._c.now_ms()
        if (no := await self._no_figures(workload)) is None:
            had = had_by(workload, metrics)
            asked = [partial(self._metrics.latest, m, workload.target, now) for m in had]
            found = await asyncio.gather(
                *(asking.part(m.value, missing, ask, None) for m, ask in zip(had, asked, strict=True))
            )
            numbers = {m: n for m, n in zip(had, found, strict=True) if n is not None}
        else:
            missing |= dict.fromkeys((m.value for m in metrics), no)
        scaler = None
        if (workload.owner or "").startswith(_HPA):
            ask = partial(self._c.reader.autoscaler, workload.target)
            scaler = await asking.part("autoscaler", missing, ask, None)
        return Row(workload, numbers, scaler, missing)

    async def _no_figures(self, workload: Workload) -> str | None:
        """Why its figures may not be read; None where they may."""
        request = self._screening.request("read_metrics", workload.target)
        if (no := await self._c.screened(await self._c.gate(), request)) is not None:
            return f"denied by policy: {no.rule}" if no.rule else f"denied: no rule lets you {request.action}"
        if not await self._screening.may(request, workload):
            return "denied: its labels are not among those whose figures may be read"
        return None


class _Asking:
    """A few questions at a time. Once the source of metrics is away it is not asked again: it may take its
    whole timeout to say so."""

    def __init__(self) -> None:
        self._room = asyncio.Semaphore(AT_ONCE)
        self._away: MetricsUnavailable | None = None

    async def part(self, name: str, missing: dict[str, str], ask: Callable[[], Awaitable[T]], empty: T) -> T:
        async with self._room:
            if self._away is not None and name != "autoscaler":
                missing[name] = why(self._away)
                return empty
            try:
                return await ask()
            except MetricsUnavailable as e:
                self._away = e
                missing[name] = why(e)
            except (ClusterUnavailable, NeverHappened, NotFound) as e:
                missing[name] = why(e)
        return empty


def released(rows: Sequence[Row]) -> str:
    """The digest of the figures of one namespace's workloads, as they were released."""
    return digest_of({str(row.workload.target): _plain(row) for row in rows})


def _plain(row: Row) -> dict[str, object]:
    """The figures as they were released."""
    return {m.value: [n.v, n.missing, n.at_ms, n.coverage_ppm] for m, n in row.numbers.items()}
