"""RolloutWatcher: waits until the cluster has carried out an accepted change, and records the end once.

It only reads: an interrupt leaves nothing half done, and to wait again goes on where the cluster is by then. A
time that was over (`timeout`, `deferred`) is recorded each time, and is no end.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from audit.errors import ClaimLost
from audit.log import Entry
from audit.record import Parent, Record
from policies.claim_keys import SETTLED
from policies.types import Claim, Target
from tools.cluster.rollout import RolloutProgress, SettledState
from tools.cluster_types import Manager, Pod, Workload, manager_of
from tools.errors import ArgumentsInvalid, ClusterUnavailable, NotFound
from tools.path.context import Context
from tools.path.evidence import spec_of
from tools.path.rollback import applied_end, pods_of

TIMEOUT_S = 300
"""How long is waited by default; kubectl's own progress deadline of a Deployment is 600."""
FIRST_S, LONGEST_S = 1.0, 10.0
"""The first pause, and the longest; each is half as long again as the one before."""
_PROVISIONAL: tuple[SettledState | None, ...] = (None, "deferred")
"""`deferred` may still come true: it is the outcome only when the time is over."""
_OPEN = frozenset({"timeout", "deferred"})
"""What is recorded when the time is over, without the claim of an end: the next one who waits looks again."""
_MANAGER = re.compile(r"[A-Za-z0-9][-._:/A-Za-z0-9]{0,127}")
_DETAIL = 1024

Progress = Callable[[RolloutProgress], None]


@dataclass(frozen=True, slots=True)
class Settled:
    """How a change ended in the cluster. `record` is its number in the log; `waited_ms` the time since it was
    asked for, `replayed` that it was recorded before."""

    state: SettledState
    done: int
    total: int
    detail: str
    waited_ms: int
    record: int
    replayed: bool = False


class RolloutWatcher:
    """Follows applied changes of one installation."""

    def __init__(self, context: Context) -> None:
        self._c = context

    async def wait(
        self, intent: str, *, timeout_s: int = TIMEOUT_S, progress: Progress = lambda _: None
    ) -> Settled:
        """Wait for the change of this intent (`Applied.intent`), for at most `timeout_s` seconds. `progress` is
        called with each look that tells something new.

        Raises ArgumentsInvalid where the intent is none that was applied, NeverHappened where the cluster
        refuses to be read, LogUnavailable. A cluster that is away is asked again until the time is over.
        """
        entry = await self._c.log.by_id(intent)
        end = await applied_end(self._c.journal, entry)
        if entry is None or end is None:
            raise ArgumentsInvalid("no change was applied under it", where=intent, hint="flyball audit tail")
        if (known := await self._known(entry)) is not None:
            return known
        begun = self._c.clock.mono_us()
        watch = _Watch(self._c, entry.record, end.after or {})
        found = await self._watched(watch, begun + timeout_s * 1_000_000, progress)
        return await self._recorded(entry, found, (self._c.clock.mono_us() - begun) // 1000)

    async def _watched(self, watch: "_Watch", until_us: int, progress: Progress) -> RolloutProgress:
        pause, told = FIRST_S, None
        while True:
            found = await watch.look()
            if found != told:
                progress(found)
                told = found
            left_us = until_us - self._c.clock.mono_us()
            if found.state not in _PROVISIONAL:
                return found
            if left_us <= 0:
                return replace(found, state=found.state or "timeout")
            await self._c.clock.sleep(min(pause, left_us / 1_000_000))
            pause = min(pause * 1.5, LONGEST_S)

    async def _recorded(self, intent: Entry, found: RolloutProgress, waited_ms: int) -> Settled:
        """One process says how it ended: the first. Where the time was over before, each says so."""
        record = self._draft(intent.record, found, waited_ms)
        ends = () if found.state in _OPEN else (Claim("once", SETTLED.of(intent.record.id)),)
        try:
            (entry,) = await self._c.log.commit((record,), ends)
        except ClaimLost:
            known = await self._known(intent)
            if known is None:
                raise
            return known
        return _settled(entry)

    def _draft(self, intent: Record, found: RolloutProgress, waited_ms: int) -> Record:
        return self._c.log.draft(
            "action.settled",
            actor=intent.actor,
            run_id=intent.run_id,
            resource=intent.resource,
            request_id=intent.request_id,
            request_digest=intent.request_digest,
            view_digest=intent.view_digest,
            mode=intent.mode,
            observation={
                "state": found.state,
                "done": found.done,
                "total": found.total,
                "detail": found.detail[:_DETAIL],
                "waited_ms": waited_ms,
            },
            labels={"state": str(found.state)},
            parents=(Parent(rel="intent", id=intent.id),),
        )

    async def _known(self, intent: Entry) -> Settled | None:
        """How it ended, where that is in the log."""
        found = await self._c.journal.of_intent(intent.record, ("action.settled",))
        ends = (entry for entry in found if (entry.record.labels or {}).get("state") not in _OPEN)
        end = next(ends, None)
        return replace(_settled(end), replayed=True) if end is not None else None


class _Watch:
    """Looks at one change again and again, and distinguishes it from what another manager has changed since."""

    def __init__(self, context: Context, intent: Record, after: Mapping[str, Any]) -> None:
        assert intent.resource is not None
        self._reader, self._intent, self._after = context.reader, intent, after
        self._spec, self._args = spec_of(intent)
        where = intent.resource
        self._target = Target(
            cluster=where.cluster, namespace=where.namespace, kind=where.kind, name=where.name
        )
        self._total = 0

    async def look(self) -> RolloutProgress:
        """Raises NeverHappened where the cluster refuses to be read."""
        try:
            workload = await self._reader.read(self._target)
            pods = await self._reader.pods(self._target)
        except NotFound:
            return RolloutProgress("superseded", 0, self._total, "it is not there any more")
        except ClusterUnavailable as e:
            return RolloutProgress(None, 0, self._total, f"the cluster cannot be asked: {e.what}")
        found = self._judged(workload, pods)
        self._total = found.total
        return found

    def _judged(self, workload: Workload, pods: list[Pod]) -> RolloutProgress:
        intent = self._intent
        if intent.resource is not None and workload.uid != intent.resource.uid:
            return RolloutProgress("superseded", 0, self._total, "it is another object of the same name")
        if self._spec.pods(self._args):
            meant = pods_of(intent)
            pods = [pod for pod in pods if pod.uid == meant.get(pod.name, {}).get("uid")]
            workload = replace(workload, pods=tuple(pods))
        try:
            now = self._spec.view(self._args, workload)
            found = self._spec.settled(self._args, workload, pods)
        except ArgumentsInvalid as e:
            return RolloutProgress("superseded", 0, self._total, f"it is not what it was: {e.what}")
        if not _still(self._after, now):
            field = "spec.replicas" if "replicas" in now else "spec"
            by = _last(workload.managers if workload.pods is None else _of_pods(pods), intent.id, field)
            return replace(found, state="superseded", detail=f"{by} has changed it since")
        return found


def _still(after: Mapping[str, Any], now: Mapping[str, object]) -> bool:
    """Whether the fields are what our write made of them (nothing is known of that where a person said so);
    pods that are gone are not asked."""
    if "pods" not in after:
        return not after or after == now
    pods = now["pods"]
    assert isinstance(pods, Mapping)
    return all(after["pods"].get(name) == pod for name, pod in pods.items())


def _of_pods(pods: list[Pod]) -> tuple[Manager, ...]:
    return tuple(manager for pod in pods for manager in pod.managers)


def _last(managers: tuple[Manager, ...], intent: str, field: str) -> str:
    """Who wrote that field last, beside us. A manager's name is untrusted text; a write through `/scale` has no
    time, so that only its field tells it from the others."""
    others = [
        one
        for one in managers
        if one.name != manager_of(intent) and any(path.startswith(field) for path in one.fields)
    ]
    newest = max(others, key=lambda one: one.at, default=None)
    return newest.name if newest and _MANAGER.fullmatch(newest.name) else "somebody else"


def _settled(entry: Entry) -> Settled:
    seen = entry.record.observation or {}
    return Settled(seen["state"], seen["done"], seen["total"], seen["detail"], seen["waited_ms"], entry.seq)
