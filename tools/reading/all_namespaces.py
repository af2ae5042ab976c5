"""The overview of all namespaces: each namespace is screened by its name before anything in it is read.

The names of the namespaces come first, and are all that is fetched of a namespace that policy does not let the
principal list; how many those are is said and recorded, which they are is not. The rest is one list of the whole
cluster where policy leaves nothing out, else one list each.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from policies.types import Request
from tools.cluster.names import namespace_target
from tools.cluster_types import LISTED, Workload
from tools.diagnosis.snapshot import Row
from tools.metrics.types import Metric
from tools.reading.overview import AT_ONCE, Overview, released
from tools.reading.screening import DESCRIBE, Screening

COMMIT = 100
"""So many records are committed at a time."""


@dataclass(frozen=True, slots=True)
class Everywhere:
    """The workloads by namespace, and how many namespaces the principal may not list."""

    rows: Sequence[Row]
    left_out: int


class EverywhereReader:
    """Reads all namespaces for one principal: the workloads of these kinds, with these labels."""

    def __init__(
        self, screening: Screening, overview: Overview, selector: str = "", kinds: Sequence[str] = LISTED
    ) -> None:
        self._screening, self._overview, self._c = screening, overview, screening.context
        self._selector, self._kinds = selector, kinds

    async def read(self, here: str, metrics: Sequence[Metric]) -> Everywhere:
        """`here` is the namespace that a refusal of everything is recorded for. Raises ReadRefused where no namespace
        may be listed, ClusterUnavailable, NeverHappened."""
        self._screening.bounded(self._selector)
        requests, left_out = await self._allowed(here)
        found = await self._listed(requests, whole=not left_out)
        shown = await self._shown(found)
        rows = await self._overview.filled(shown, metrics)
        told = [
            (request, self._asked | _seen(name, rows, found, left_out) | self._overview.told(metrics))
            for name, request in requests.items()
        ]
        for first in range(0, len(told), COMMIT):
            await self._screening.record_all(told[first : first + COMMIT])
        return Everywhere(rows, left_out)

    @property
    def _asked(self) -> dict[str, object]:
        return {"selector": self._selector, "kinds": list(self._kinds)}

    async def _allowed(self, here: str) -> tuple[dict[str, Request], int]:
        """A request for each namespace that may be listed. Who may not act at all (the identity, an agent that is
        stopped) is refused before even the names are asked for."""
        first = self._request(here)
        no = await self._c.screened(await self._c.gate(), first)
        if no is not None and no.stage != "names":
            await self._screening.refuse(first, no.stage, no.detail)
        every = sorted(await self._screening.fetched(first, self._c.reader.namespaces()))
        gate = await self._c.gate()
        requests = {name: self._request(name) for name in every}
        allowed = {n: r for n, r in requests.items() if await self._c.screened(gate, r) is None}
        if every and not allowed:
            await self._screening.refuse(
                first, "names", "no rule lets you list the workloads of any namespace"
            )
        return allowed, len(every) - len(allowed)

    def _request(self, namespace: str) -> Request:
        return self._screening.request("list_workloads", namespace_target(self._c.cluster.name, namespace))

    async def _listed(self, requests: Mapping[str, Request], *, whole: bool) -> list[Workload]:
        """The workloads of these namespaces, by namespace, and of no other: one may have been made since the names
        were read, and it was not screened."""
        reader, room = self._c.reader, asyncio.Semaphore(AT_ONCE)

        async def one(name: str, request: Request) -> list[Workload]:
            async with room:
                return await self._screening.fetched(
                    request, reader.list_workloads(name, self._selector, self._kinds)
                )

        if whole and requests:
            first = next(iter(requests.values()))
            every = reader.list_workloads(None, self._selector, self._kinds)
            found = await self._screening.fetched(first, every)
        else:
            each = await asyncio.gather(*(one(name, request) for name, request in requests.items()))
            found = [workload for some in each for workload in some]
        screened = [w for w in found if w.target.namespace in requests]
        return sorted(screened, key=lambda w: w.target.namespace or "")

    async def _shown(self, found: Sequence[Workload]) -> list[Workload]:
        """Those that may be described, with their labels."""
        return await self._screening.those(DESCRIBE, found, screened=True)


def _seen(name: str, rows: Sequence[Row], found: Sequence[Workload], left_out: int) -> dict[str, object]:
    """What the record of one namespace holds: as that of a single overview, and how many were left out."""
    here = [row for row in rows if row.workload.target.namespace == name]
    count = sum(1 for w in found if w.target.namespace == name)
    seen = {"shown": len(here), "hidden": count - len(here)}
    return {**seen, "namespaces_left_out": left_out, "figures_sha256": released(here)}
