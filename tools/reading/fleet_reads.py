"""Figures and pods of many workloads as one governed read: each workload is judged as if they were read alone, all
are asked for together, and one record a namespace holds the digest of what was released.

The workloads are those that the same principal has just listed: by their labels of then they are judged.
"""

import hashlib
from array import array
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from itertools import groupby
from typing import TypeVar, cast

from policies.types import Request, Target
from tools.cluster.names import namespace_target
from tools.cluster_types import Pod, Workload
from tools.errors import MetricsUnavailable
from tools.metrics.types import Metric, MetricsReader, Number, Series, Span
from tools.reading.screening import Screening

METRICS, DESCRIBE = "read_metrics", "describe_workload"
T = TypeVar("T", Series, Number)
_GAP = -1
"""What stands for a missing point among the bytes of a digest: no figure is negative."""


class FleetReads:
    """Reads figures for one principal."""

    def __init__(self, screening: Screening, metrics: MetricsReader) -> None:
        self._screening, self._metrics, self._c = screening, metrics, screening.context

    async def series(
        self, workloads: Sequence[Workload], metric: Metric, span_s: int, step_s: int
    ) -> dict[Target, Series]:
        """The last `span_s` seconds of each workload whose figures may be read, on one grid. Raises
        MetricsUnavailable."""
        step_ms = step_s * 1000
        end = self._c.now_ms() // step_ms * step_ms
        span = Span(end - span_s // step_s * step_ms, end, step_s)
        shown = await self._shown(workloads)
        found = await self._asked(shown, self._metrics.fleet_history(metric, shown, span))
        await self._record(workloads, found, metric, _series_digest, {"span_s": span_s, "step_s": step_s})
        return found

    async def latest(self, workloads: Sequence[Workload], metric: Metric) -> dict[Target, Number]:
        """The newest figure of each workload whose figures may be read. Raises MetricsUnavailable."""
        shown = await self._shown(workloads)
        asked = self._metrics.fleet_latest(metric, shown, self._c.now_ms())
        found = await self._asked(shown, asked)
        await self._record(workloads, found, metric, _numbers_digest, {})
        return found

    async def pods(self, workloads: Sequence[Workload]) -> dict[Target, list[Pod]]:
        """The pods of each workload that may be described; of one that is gone, none. Raises ClusterUnavailable and
        NeverHappened."""
        shown = [w.target for w in workloads if await self._may(w, DESCRIBE)]
        asked = [(self._of(name, DESCRIBE), targets) for name, targets in _namespaces(shown)]
        if not asked:
            return {}
        listed = await self._screening.fetched(asked[0][0], self._c.reader.pods_of(shown))
        found = {target: listed.get(target.key, []) for target in shown}
        told: list[tuple[Request, dict[str, object]]] = []
        for request, targets in asked:
            count = sum(len(found[target]) for target in targets)
            told.append((request, {"pods": count, "shown": len(targets)}))
        await self._screening.record_all(told)
        return found

    async def _shown(self, workloads: Sequence[Workload]) -> list[Target]:
        return [workload.target for workload in workloads if await self._may(workload)]

    async def _may(self, workload: Workload, action: str = METRICS) -> bool:
        request = self._screening.request(action, workload.target)
        gate = await self._c.gate()
        return await self._c.screened(gate, request) is None and await self._screening.may(request, workload)

    async def _asked(self, shown: Sequence[Target], asked: Awaitable[Mapping[Target, T]]) -> dict[Target, T]:
        """What the source answers; an error tells something too, so it is recorded before it is raised."""
        try:
            return dict(await asked)
        except MetricsUnavailable as e:
            seen: dict[str, object] = {"error": type(e).__name__, "code": e.code}
            await self._screening.record_all([(self._of(name), seen) for name, _ in _namespaces(shown)])
            raise

    async def _record(
        self,
        workloads: Sequence[Workload],
        found: Mapping[Target, T],
        metric: Metric,
        digest: Callable[[Iterable[tuple[Target, T]]], str],
        how: Mapping[str, object],
    ) -> None:
        told: list[tuple[Request, dict[str, object]]] = []
        for namespace, targets in _namespaces([workload.target for workload in workloads]):
            shown = [(target, found[target]) for target in targets if target in found]
            seen: dict[str, object] = {"metric": metric.value, "source": self._metrics.source, **how}
            seen |= {"shown": len(shown), "hidden": len(targets) - len(shown), "sha256": digest(shown)}
            told.append((self._of(namespace), seen))
        await self._screening.record_all(told)

    def _of(self, namespace: str, action: str = METRICS) -> Request:
        return self._screening.request(action, namespace_target(self._c.cluster.name, namespace))


def _namespaces(targets: Sequence[Target]) -> list[tuple[str, list[Target]]]:
    ordered = sorted(targets, key=lambda target: target.path)
    return [(name, [*group]) for name, group in groupby(ordered, key=lambda target: target.namespace or "")]


def _series_digest(found: Iterable[tuple[Target, Series]]) -> str:
    """SHA-256 over each workload's path, start, step and points (64 bits, little-endian): JSON of a day of a
    thousand workloads would cost more than all else of a pass."""
    told = hashlib.sha256()
    for target, series in found:
        told.update(f"{target.path} {series.span.start_ms} {series.span.step_s}\n".encode())
        values: Sequence[int | None] = series.values
        if None in values:
            values = [_GAP if value is None else value for value in values]
        points = array("q", cast(Sequence[int], values))
        if _BIG_ENDIAN:
            points.byteswap()
        told.update(points.tobytes())
    return told.hexdigest()


def _numbers_digest(found: Iterable[tuple[Target, Number]]) -> str:
    told = hashlib.sha256()
    for target, number in found:
        told.update(
            f"{target.path} {number.v} {number.missing} {number.at_ms} {number.coverage_ppm}\n".encode()
        )
    return told.hexdigest()


_BIG_ENDIAN = array("H", b"\0\1")[0] == 1
