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
from tools.cluster_types import Autoscaler, Pod, Restraints, Workload
from tools.errors import MetricsUnavailable
from tools.metrics.types import Metric, MetricsReader, Number, Series, Span
from tools.reading.screening import DESCRIBE, Screening

METRICS = "read_metrics"
T = TypeVar("T", Series, Number)
L = TypeVar("L")
MOST_NAMES = 50
"""Of budgets and quotas that one record names."""
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
        found = await self._listed(
            workloads,
            lambda shown: self._c.reader.pods_of([one.target for one in shown]),
            lambda here: {"pods": sum(len(one or ()) for one in here), "shown": len(here)},
        )
        return {target: pods or [] for target, pods in found.items()}

    async def autoscalers(self, workloads: Sequence[Workload]) -> dict[Target, Autoscaler | None]:
        """The HPA of each workload that may be described, None where it has none. Raises likewise."""
        return await self._listed(
            workloads,
            lambda shown: self._c.reader.autoscalers_of([one.target for one in shown]),
            lambda here: {"autoscalers": sum(one is not None for one in here), "shown": len(here)},
        )

    async def restraints(self, workloads: Sequence[Workload]) -> dict[Target, Restraints]:
        """What bounds the number of pods of each workload that may be described. Raises likewise."""
        found = await self._listed(workloads, self._c.reader.restraints_of, _restraints_seen)
        return {target: known or Restraints() for target, known in found.items()}

    async def _listed(
        self,
        workloads: Sequence[Workload],
        fetch: Callable[[Sequence[Workload]], Awaitable[Mapping[str, L]]],
        seen: Callable[[Sequence[L | None]], dict[str, object]],
    ) -> dict[Target, L | None]:
        """What the cluster lists of each workload that may be described, recorded once a namespace."""
        shown = await self._screening.those(DESCRIBE, workloads)
        asked = [(self._of(name, DESCRIBE), here) for name, here in _namespaces([w.target for w in shown])]
        if not asked:
            return {}
        listed = await self._screening.fetched(asked[0][0], fetch(shown))
        found = {one.target: listed.get(one.target.key) for one in shown}
        told = [(request, seen([found[target] for target in here])) for request, here in asked]
        await self._screening.record_all(told)
        return found

    async def _shown(self, workloads: Sequence[Workload]) -> list[Target]:
        return [one.target for one in await self._screening.those(METRICS, workloads)]

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


def _restraints_seen(here: Sequence[Restraints | None]) -> dict[str, object]:
    """By name; None where they may not be listed."""
    known = [one for one in here if one is not None]
    seen: dict[str, object] = {"shown": len(here)}
    for name, each in (("budgets", [k.budgets for k in known]), ("quotas", [k.quotas for k in known])):
        listed = [[one.name for one in some] for some in each if some is not None]
        names = sorted({one for some in listed for one in some})
        seen[name] = names[:MOST_NAMES] if len(listed) == len(each) else None
    return seen


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
