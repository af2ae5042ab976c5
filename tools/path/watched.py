"""Watched: every change whose verdict is not due yet, looked at together: one list a namespace, however many."""

from collections.abc import Mapping, Sequence

from audit.errors import LogTampered
from audit.log import Entry
from policies.types import Target
from tools.cluster_types import Pod, Workload
from tools.errors import ClusterUnavailable, ToolError
from tools.path.context import Context
from tools.path.fast_burn import may_burn
from tools.path.judging import Judging, Promised, promised_by
from tools.ports import ClusterReader

BURN_MS = 60_000
"""How often the errors of a workload are asked for: its samples are hardly newer."""

Seen = Mapping[str, tuple[Workload, Sequence[Pod]]]
"""By the target's key; what is gone is missing."""


class Watched:
    """Finds those that show harm. What it finds is looked at again before anything is done."""

    def __init__(self, context: Context, judging: Judging) -> None:
        self._c, self._judging = context, judging
        self._burn_asked: dict[str, int] = {}
        """When the errors behind an intent were asked for last."""
        self._promised: dict[tuple[str, int], Promised] = {}
        """By intent and when it is due: what the log says of an open change stays so while it is open."""

    async def alarmed(self, owed: Sequence[tuple[Entry, int]]) -> list[int]:
        """The record numbers of the changes (with when each is due) that show harm, and of those that the log
        contradicts itself on: a closer look says so. Where a namespace cannot be asked now, nothing is said of it.
        Raises LogUnavailable."""
        open_ones, contradicted = await self._promises(owed)
        seen = await read_all(self._c.reader, [one.change.target for _, one in open_ones])
        self._forget({one.intent.id: one for _, one in open_ones})
        there = [(seq, one) for seq, one in open_ones if one.change.target.key in seen]
        burning = await self._burning([one for _, one in there])
        harmed = [seq for seq, one in there if one.intent.id in burning or await self._harmed(one, seen)]
        return contradicted + harmed

    async def _promises(
        self, owed: Sequence[tuple[Entry, int]]
    ) -> tuple[list[tuple[int, Promised]], list[int]]:
        """What was promised, by record number, and the numbers of those on which the log contradicts itself."""
        found, contradicted = list[tuple[int, Promised]](), list[int]()
        for entry, due_ms in owed:
            try:
                found.append((entry.seq, await self._promise(entry, due_ms)))
            except (LogTampered, ToolError):
                contradicted.append(entry.seq)
        return found, contradicted

    async def _harmed(self, one: Promised, seen: Seen) -> bool:
        """Nothing more is read of the many whose pods are well."""
        workload, pods = seen[one.change.target.key]
        if not one.alarms(workload, pods, self._c.now_ms()):
            return False
        try:
            return one.alone(await one.change.whole(workload), pods)
        except ToolError:
            return False

    async def _burning(self, there: Sequence[Promised]) -> set[str]:
        """Ids of those whose errors burn their budget, once a minute each."""
        now_ms = self._c.now_ms()
        asked = [
            one for one in there if now_ms - self._burn_asked.get(one.intent.id, one.since_ms) >= BURN_MS
        ]
        self._burn_asked |= {one.intent.id: now_ms for one in asked}
        may = await may_burn(self._c.metrics, list(dict.fromkeys(one.change.target for one in asked)), now_ms)
        return {
            one.intent.id for one in asked if one.change.target.key in may and await self._judging.burns(one)
        }

    async def _promise(self, entry: Entry, due_ms: int) -> Promised:
        known = self._promised.get((entry.record.id, due_ms))
        return known or await promised_by(self._c, entry, due_ms)

    def _forget(self, still: Mapping[str, Promised]) -> None:
        """All but what is open still."""
        self._burn_asked = {id: at for id, at in self._burn_asked.items() if id in still}
        self._promised = {(id, one.due_ms): one for id, one in still.items()}


async def read_all(reader: ClusterReader, targets: Sequence[Target]) -> Seen:
    """The workloads with their pods: one by itself, several of one namespace by one list. A namespace that may not be
    read is left out, and where the cluster is away what follows: it would make each wait as long."""
    by_namespace: dict[str | None, list[Target]] = {}
    for target in dict.fromkeys(targets):
        by_namespace.setdefault(target.namespace, []).append(target)
    seen: dict[str, tuple[Workload, Sequence[Pod]]] = {}
    for namespace, ones in by_namespace.items():
        try:
            seen |= await (_one(reader, ones[0]) if len(ones) == 1 else _listed(reader, namespace, ones))
        except ClusterUnavailable:
            break
        except ToolError:
            continue
    return seen


async def _one(reader: ClusterReader, target: Target) -> Seen:
    return {target.key: (await reader.read(target), await reader.pods(target))}


async def _listed(reader: ClusterReader, namespace: str | None, targets: Sequence[Target]) -> Seen:
    workloads = {one.target.key: one for one in await reader.list_workloads(namespace)}
    there = [target for target in targets if target.key in workloads]
    pods = await reader.pods_of(there)
    return {target.key: (workloads[target.key], pods[target.key]) for target in there}
