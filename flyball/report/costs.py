"""What the workloads that agents looked at cost, how often their service level was at risk, and the same of peers."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from base.errors import FlyballError

if TYPE_CHECKING:
    from flyball.wiring import App
    from forecasting.savings import Bill
    from policies.types import Target
    from tools.cluster_types import Workload
    from tools.metrics.types import Series
    from tools.reading.governed_reads import GovernedReads

HISTORY_S = 7 * 86_400
"""What the peers may have learnt from before the span."""
STEP_S = 60


@dataclass(frozen=True, slots=True)
class Course:
    """One workload over the span: its `bills`, and the points behind them for a plot, a minute each from `start_ms`
    on: millicores used and requested by all its pods, and pods; None where not known."""

    target: "Target"
    bills: "Sequence[Bill]"
    start_ms: int
    used: Sequence[int | None]
    requested: Sequence[int | None]
    pods: Sequence[int | None]


@dataclass(frozen=True, slots=True)
class Costs:
    """`courses` of the workloads whose figures are known; `missing` says why there are none of others, by name."""

    courses: Sequence[Course]
    missing: Mapping[str, str]

    def total(self) -> "list[Bill]":
        """The sums over all workloads, of the peers that each of them has."""
        from forecasting.savings import Bill

        names = dict.fromkeys(bill.name for course in self.courses for bill in course.bills)
        found = {name: [b for c in self.courses for b in c.bills if b.name == name] for name in names}
        whole = {name: each for name, each in found.items() if len(each) == len(self.courses)}
        return [
            Bill(
                name,
                sum(b.core_hours for b in each),
                sum(b.violated for b in each),
                sum(b.known for b in each),
                sum(b.changed for b in each),
                sum(known) if (known := [b.gib_hours for b in each if b.gib_hours is not None]) else None,
            )
            for name, each in whole.items()
        ]


async def costs(app: "App", touched: Iterable[str], span_s: int) -> Costs:
    """Of the workloads of these keys, for the person of this process, by governed reads."""
    reads, missing, courses = app.toolbox.reads(app.identity.by_hand()), dict[str, str](), list[Course]()
    wanted = set(touched)
    for namespace in sorted({key.rsplit("/", 3)[1] for key in wanted}):
        try:
            listed = [w for w in await reads.workloads(namespace) if w.target.key in wanted]
            courses += await _courses(reads, listed, span_s, missing)
        except FlyballError as e:
            missing[namespace] = e.what
    return Costs(courses, missing)


async def _courses(
    reads: "GovernedReads", workloads: "Sequence[Workload]", span_s: int, missing: dict[str, str]
) -> list[Course]:
    from tools.metrics.types import Metric

    names = (Metric.CPU_USAGE, Metric.CPU_REQUESTS, Metric.REPLICAS, Metric.MEMORY_REQUESTS)
    found = [await reads.fleet_series(workloads, name, HISTORY_S + span_s, STEP_S) for name in names]
    courses = []
    for workload in workloads:
        lines = [each[workload.target] for each in found if workload.target in each]
        course = _course(workload.target, lines, span_s) if len(lines) == len(names) else None
        if course is None:
            missing[f"{workload.target.namespace}/{workload.target}"] = "less than a day is known of its CPU"
        else:
            courses.append(course)
    return courses


def _course(target: "Target", lines: "Sequence[Series]", span_s: int) -> Course | None:
    from forecasting.savings import Past, bills

    used, requested, pods, memory = (line.values for line in lines)
    span = lines[0].span
    first = max(0, len(used) - span_s // STEP_S)
    found = bills(Past(used, requested, pods, first, span.start_ms // 1000, memory=memory))
    start_ms = span.start_ms + first * STEP_S * 1000
    return Course(target, found, start_ms, used[first:], requested[first:], pods[first:]) if found else None
