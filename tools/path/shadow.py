"""Shadow: what an agent that only recommended would have done, against what happened.

The log holds what its runs proposed, the source of metrics what became of the workloads; both are compared from each
proposal to the next one for that workload, a day at most. Only replicas can be compared: what other resources would
have done to a pod nobody measured. Of a large fleet MOST workloads are compared, drawn by a hash of their names; of
how many is said.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from audit.log import Entry
from audit.record import Record
from policies.types import Target, digest_of
from tools.cluster.objects import unix_ms
from tools.errors import ToolError
from tools.metrics.types import Metric, Span
from tools.path.context import Context
from tools.path.expectation import busy
from tools.path.log_span import walked

DAY_MS = 86_400_000
STEP_S = 300
MOST = 200
"""Workloads that are compared: each takes four series of each proposal."""
Proposed = list[tuple[int, int | None]]
"""When a workload was looked at (Unix ms), and how many replicas were wanted."""
_LATEST = 2
"""Runs count that are no older than so many times the days that policy asks for."""


@dataclass(frozen=True, slots=True)
class Beside:
    """One workload: how often something was proposed for it, how often that was compared; then, over the minutes in
    which it was, pods times minutes and minutes in violation, as they were and as they would have been."""

    workload: str
    proposals: int = 0
    compared: int = 0
    pod_minutes: int = 0
    pod_minutes_proposed: int = 0
    busy_minutes: int = 0
    busy_minutes_proposed: int = 0


@dataclass(frozen=True, slots=True)
class Shadow:
    """What was seen of an agent on `days` of the `needed` days that policy asks for; `lines` are of MOST of the
    `workloads` that it looked at, those first for which it proposed something."""

    agent: str
    days: int
    needed: int
    runs: int
    lines: tuple[Beside, ...]
    workloads: int = 0

    @property
    def missing_days(self) -> int:
        """On how many days more it must have run."""
        return max(0, self.needed - self.days)

    @property
    def document(self) -> dict[str, Any]:
        """For a program: whole numbers and names."""
        return asdict(self) | {"lines": [asdict(line) for line in self.lines]}

    @property
    def digest(self) -> str:
        """What the record of a promotion holds of it, in hex."""
        return digest_of(self.document)


async def shadow_of(context: Context, agent: str, needed_s: int) -> Shadow:
    """Of the agent's finished runs, where it must have run on as many days as `needed_s` make. What the source of
    metrics cannot tell is not compared. Raises LogUnavailable."""
    needed, now_ms = -(-needed_s * 1000 // DAY_MS), context.now_ms()
    since_ms = now_ms - _LATEST * needed * DAY_MS
    runs = await _runs(context, agent, since_ms)
    asked = await _proposals(context, agent, runs, since_ms)
    lines = [await _beside(context, target, asked[target], now_ms) for target in _drawn(asked)]
    days = {at_ms // DAY_MS for at_ms in runs.values()}
    told = tuple(sorted(lines, key=lambda line: line.workload))
    return Shadow(agent, len(days), needed, len(runs), told, len(asked))


def _drawn(asked: Mapping[Target, Proposed]) -> list[Target]:
    def order(target: Target) -> tuple[bool, str]:
        return all(replicas is None for _, replicas in asked[target]), digest_of(target.path)

    return sorted(asked, key=order)[:MOST]


async def _runs(context: Context, agent: str, since_ms: int) -> dict[str, int]:
    """The runs that ended without an error, by their id, with when they began."""
    begun, ended = dict[str, int](), set[str | None]()
    async for entry in walked(context.log, ("run.started", "run.finished"), since_ms):
        record, args = entry.record, entry.record.args or {}
        if record.actor.id != agent:
            continue
        if record.kind == "run.started" and "strategies" in args:
            begun[record.run_id or ""] = _at_ms(record)
        elif record.kind == "run.finished" and "error" not in args:
            ended.add(record.run_id)
    return {run_id: at_ms for run_id, at_ms in begun.items() if run_id in ended}


async def _proposals(
    context: Context, agent: str, runs: Mapping[str, int], since_ms: int
) -> dict[Target, Proposed]:
    """What the runs wanted of each workload: when, and how many replicas (None: nothing, or nothing comparable)."""
    found: dict[Target, Proposed] = defaultdict(list)
    async for entry in walked(context.log, ("tool.proposed",), since_ms):
        record, where = entry.record, _target(entry)
        if record.actor.id == agent and record.run_id in runs and where is not None:
            found[where].append((_at_ms(record), _replicas(record.args or {})))
    return found


async def _beside(context: Context, target: Target, asked: Proposed, now_ms: int) -> Beside:
    found = Beside(str(target), proposals=sum(replicas is not None for _, replicas in asked))
    ends = [at_ms for at_ms, _ in asked[1:]] + [now_ms]
    for (at_ms, replicas), end_ms in zip(asked, ends, strict=True):
        span_ms = min(end_ms, at_ms + DAY_MS) - at_ms
        if replicas is not None and span_ms >= STEP_S * 1000:
            found = await _compared(context, target, found, replicas, Span(at_ms, at_ms + span_ms, STEP_S))
    return found


async def _compared(context: Context, target: Target, so_far: Beside, replicas: int, span: Span) -> Beside:
    known = await _minutes(context, target, span)
    if not known:
        return so_far
    step = STEP_S // 60
    return Beside(
        so_far.workload,
        so_far.proposals,
        so_far.compared + 1,
        so_far.pod_minutes + step * sum(r for r, _, _ in known),
        so_far.pod_minutes_proposed + step * replicas * len(known),
        so_far.busy_minutes + step * sum(bool(busy(u, q, None)) for _, u, q in known),
        so_far.busy_minutes_proposed
        + step * sum(bool(busy(u, q * replicas // r, None)) for r, u, q in known),
    )


async def _minutes(context: Context, target: Target, span: Span) -> list[tuple[int, int, int]]:
    """At each step at which they are known: ready pods, and of all of them the CPU that they use and can use at most
    (their limits, else what they ask for), in millicores."""
    names = (Metric.REPLICAS, Metric.CPU_USAGE, Metric.CPU_REQUESTS, Metric.CPU_LIMITS)
    source = context.metrics
    if source is None:
        return []
    try:
        lines = [(await source.history(name, target, span)).values for name in names]
    except ToolError:
        return []
    steps = [(r, u, max(q or 0, limit or 0)) for r, u, q, limit in zip(*lines, strict=True)]
    return [(r, u, most) for r, u, most in steps if r and u is not None and most]


def _replicas(detail: Mapping[str, Any]) -> int | None:
    """How many replicas the change wants: of the workload, or at least, of its autoscaler."""
    args = (detail.get("change") or {}).get("args") or {}
    wanted = args.get("replicas", args.get("min_replicas"))
    return wanted if isinstance(wanted, int) and wanted > 0 else None


def _target(entry: Entry) -> Target | None:
    where = entry.record.resource
    if where is None:
        return None
    return Target(cluster=where.cluster, namespace=where.namespace, kind=where.kind, name=where.name)


def _at_ms(record: Record) -> int:
    return unix_ms(record.world_ts or record.ts)
