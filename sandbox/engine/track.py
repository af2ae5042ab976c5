"""One workload over time: from one change of its pods to the next everything is computed at once."""

from dataclasses import dataclass, field

import numpy as np

from forecasting.seeded_random import Ints
from sandbox.api.store import Key
from sandbox.engine import record
from sandbox.engine.autoscaling import Scene, Watch
from sandbox.history import COLUMNS, MINUTE_MS
from sandbox.load.manifest import Load
from sandbox.serving.demand import demand
from sandbox.serving.pods import PodState
from sandbox.serving.queue import TICK_MS, Group, Served, cpu_of, groups_of, memory_of, serve
from sandbox.serving.volumes import Volume, fullest
from tools.metrics.types import Metric

_TICKS_MIN, TICKS_MAX = 32, 4096
_MINUTE = MINUTE_MS // TICK_MS
_RESTARTS, _OOM_KILLS = COLUMNS.index(Metric.RESTARTS), COLUMNS.index(Metric.OOM_KILLS)


@dataclass(frozen=True, slots=True)
class Block:
    """A stretch of ticks with the same pods; at the last of them something happens: `full` are the pods whose
    memory is over its limit, `asks` says that the autoscaler has to be asked."""

    times: Ints
    groups: tuple[Group, ...]
    served: Served
    full: tuple[PodState, ...]
    asks: bool


@dataclass(slots=True)
class Track:
    """A workload's state between ticks: `next_ms` is the first tick that is not settled yet, `left` the
    millicore-seconds that wait, `before` those that waited before the last settled tick, `minutes` the metrics of the
    block's full minutes (once asked for), `shown` the last settled tick and what was seen of it."""

    key: Key
    seed: str
    load: Load
    pods: tuple[PodState, ...]
    replicas: int
    watch: Watch | None
    volumes: tuple[Volume, ...]
    next_ms: int
    left: int = 0
    before: int = 0
    restarts: int = 0
    kills: int = 0
    ticks: int = TICKS_MAX
    block: Block | None = None
    minutes: Ints | None = None
    rows: list[tuple[int, Ints]] = field(default_factory=list)
    shown: tuple[Scene, int] | None = None

    def plan(self, end_ms: int) -> Block:
        """The next stretch, up to `end_ms` or to the first tick at which a pod's memory is over its limit."""
        count = max(1, min(self.ticks, (end_ms - self.next_ms) // TICK_MS + 1))
        times = self.next_ms + np.arange(count, dtype=np.int64) * TICK_MS
        groups = groups_of(self.pods, self.next_ms)
        served = serve(self.load, groups, demand(self.load, self.seed, times), self.left)
        stop, full = self._overflow(groups, served, times)
        times, served = times[:stop], cut(served, 0, stop)
        at = self.watch.look_ahead(self.scene(groups, served, times)) if self.watch else None
        if at is not None:
            full = full if at + 1 == stop else ()
            times, served = times[: at + 1], cut(served, 0, at + 1)
        self.block, self.minutes = Block(times, groups, served, full, at is not None), None
        return self.block

    def mounts(self, claim: Key) -> bool:
        """Whether a pod of it mounts that claim."""
        return claim.namespace == self.key.namespace and any(claim.name in pod.claims for pod in self.pods)

    def scene(self, groups: tuple[Group, ...], served: Served, times: Ints) -> Scene:
        """The workload over those ticks, as an autoscaler looks at it."""
        return Scene(self.load, self.seed, self.replicas, self.pods, groups, served, times)

    def _overflow(
        self, groups: tuple[Group, ...], served: Served, times: Ints
    ) -> tuple[int, tuple[PodState, ...]]:
        """The kernel's rule: a group that needs more than its limit and can free nothing has a process killed
        (Documentation/admin-guide/cgroup-v2.rst, memory.max)."""
        shares = {p.name: cpu_of(s, g) for g, s in zip(groups, served.shares, strict=True) for p in g.pods}
        idle, first, full = np.zeros(1, dtype=np.int64), len(times), []
        moving = self.load.leak or self.load.per_core
        for pod in self.pods:
            if pod.running_ms is None or pod.memory_limit is None:
                continue
            if not moving and self.load.memory <= pod.memory_limit:
                continue
            over = memory_of(self.load, pod, shares.get(pod.name, idle), times) > pod.memory_limit
            at = int(over.argmax()) if over.any() else len(times)
            if at < first:
                first, full = at, [pod]
            elif at == first < len(times):
                full.append(pod)
        return (min(first + 1, len(times)), tuple(full)) if full else (len(times), ())

    def settle(self, until_ms: int) -> None:
        """Record the ticks up to and with `until_ms`; the block must reach so far."""
        if self.block is None or until_ms < self.next_ms:
            return
        first = (self.next_ms - int(self.block.times[0])) // TICK_MS
        stop = min(len(self.block.times), (until_ms - int(self.block.times[0])) // TICK_MS + 1)
        if stop <= first:
            return
        self._note(self.block, first, stop)
        if self.watch is not None:
            last = len(self.block.times) - 1 if self.block.asks else len(self.block.times)
            self.watch.passed(self.block.times, first, min(stop, last))
        left = self.block.served.left
        self.before = int(left[stop - 2]) if stop - 2 >= 0 else self.left
        self.left = int(left[stop - 1])
        self.next_ms = int(self.block.times[stop - 1]) + TICK_MS
        if self.watch is not None:
            self.shown = (self.scene(self.block.groups, self.block.served, self.block.times), stop - 1)

    def _note(self, block: Block, first: int, stop: int) -> None:
        """The full minutes among the ticks go into history."""
        # Ticks lie on multiples of TICK_MS, so each fourth is a full minute.
        skip, step = -(int(block.times[0]) // TICK_MS) % _MINUTE, _MINUTE
        low, high = -((skip - first) // step), -((skip - stop) // step)
        if low >= high:
            return
        if self.minutes is None:
            served, times = cut(block.served, skip, len(block.times), step), block.times[skip::step]
            full = fullest(self.load, self.seed, self.volumes, times)
            self.minutes = record.rows(self.load, self.pods, block.groups, served, times, full)
        table = self.minutes[low:high].copy()
        table[0, _RESTARTS], table[0, _OOM_KILLS] = self.restarts, self.kills
        self.restarts = self.kills = 0
        self.rows.append((int(block.times[skip]) // MINUTE_MS + low, table))

    def renew(
        self,
        load: Load,
        pods: tuple[PodState, ...],
        replicas: int,
        watch: Watch | None,
        volumes: tuple[Volume, ...],
    ) -> bool:
        """Take over what changed, once all earlier ticks are settled; False where nothing did."""
        same_watch = (watch and (watch.key, watch.spec)) == (self.watch and (self.watch.key, self.watch.spec))
        same = (load, pods, replicas, volumes) == (self.load, self.pods, self.replicas, self.volumes)
        if same_watch and same:
            return False
        was = {p.name: p.restarts for p in self.pods}
        self.restarts += sum(max(0, p.restarts - was.get(p.name, 0)) for p in pods)
        self.load, self.pods, self.replicas, self.volumes, self.block = load, pods, replicas, volumes, None
        self.watch = self.watch if same_watch else watch
        return True

    def learn(self, ticks: int, *, stopped: bool) -> None:
        """How far to look ahead the next time, after a stretch of so many ticks that an event ended, or none."""
        self.ticks = max(_TICKS_MIN, min(TICKS_MAX, (2 if stopped else 4) * ticks))


def cut(served: Served, first: int, stop: int, step: int = 1) -> Served:
    """A part of it."""
    at = slice(first, stop, step)
    return Served(
        served.offered[at], served.used[at], served.left[at], served.dropped[at],
        tuple(s[at] for s in served.shares),
    )  # fmt: skip
