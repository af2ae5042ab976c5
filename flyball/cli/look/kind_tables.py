"""`flyball get daemonsets` and `get jobs`: the columns that kubectl prints for these kinds, with our figures.

kubectl's are those of the apiserver (kubernetes/kubernetes, pkg/printers/internalversion/printers.go, printDaemonSet
and printJob).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flyball.cli.kit.output import abbreviated, age
from flyball.cli.look import workload_table

if TYPE_CHECKING:
    from tools.cluster_types import JobProgress, Workload
    from tools.diagnosis.snapshot import Row


@dataclass(frozen=True, slots=True)
class Layout:
    """A table of workloads: its titles, what a narrow terminal goes without (the first first), and a line of it
    (row, now in Unix ms, wide)."""

    head: tuple[str, ...]
    wide_head: tuple[str, ...]
    less: tuple[str, ...]
    line: "Callable[[Row, int, bool], tuple[object, ...]]"


def layout(kind: str) -> Layout:
    """The table of this kind; that of Deployments and StatefulSets for what has none of its own."""
    return _OWN.get(kind, _ANY)


def _any(row: "Row", now: int, wide: bool) -> tuple[object, ...]:
    return workload_table.columns(row, now, wide=wide)


def _daemonset(row: "Row", now: int, wide: bool) -> tuple[object, ...]:
    w = row.workload
    nodes = ",".join(f"{key}={value}" for key, value in w.node_selector.items())
    counts = (w.replicas, w.current, w.ready, w.updated, w.available)
    return (str(w.target), *counts, nodes, *_figures(row, now), *_containers(w, wide))


def _job(row: "Row", now: int, wide: bool) -> tuple[object, ...]:
    w = row.workload
    done, lasted = (completions(w.job), _lasted(w.job, now)) if w.job else ("", "")
    return (str(w.target), job_status(w), done, lasted, *_figures(row, now), *_containers(w, wide))


def job_status(found: "Workload") -> str:
    """One word: what its conditions say, in kubectl's order."""
    held = {one.type for one in found.conditions if one.holds}
    for condition in ("Complete", "Failed"):
        if condition in held:
            return condition
    if found.job is not None and found.job.ending:
        return "Terminating"
    return next(
        (one for one in ("Suspended", "FailureTarget", "SuccessCriteriaMet") if one in held), "Running"
    )


def completions(job: "JobProgress") -> str:
    """`1/3`; `0/1 of 4` where one is enough and several run at once."""
    if job.completions is not None:
        return f"{job.succeeded}/{job.completions}"
    return f"{job.succeeded}/1 of {job.parallelism}" if job.parallelism > 1 else f"{job.succeeded}/1"


def _lasted(job: "JobProgress", now: int) -> str:
    return age(((job.completed_ms or now) - job.started_ms) / 1000) if job.started_ms else ""


def _figures(row: "Row", now: int) -> tuple[object, ...]:
    """CPU, CPU%, MEM, OWNER, AGE."""
    from tools.cluster.objects import unix_ms
    from tools.diagnosis.figures import figure, percent
    from tools.metrics.types import Metric, share

    w, n = row.workload, row.numbers
    used = share(n, Metric.CPU_USAGE, Metric.CPU_REQUESTS)
    return (
        figure(n.get(Metric.CPU_USAGE)),
        None if used is None else percent(used),
        figure(n.get(Metric.MEMORY_USAGE)),
        abbreviated(w.owner or ""),
        age((now - unix_ms(w.created_at)) / 1000),
    )


def _containers(found: "Workload", wide: bool) -> tuple[str, ...]:
    if not wide:
        return ()
    return ",".join(c.name for c in found.containers), ",".join(c.image for c in found.containers)


_FIGURES, _CONTAINERS = ("CPU", "CPU%", "MEM", "OWNER", "AGE"), ("CONTAINERS", "IMAGES")
_NODES = ("NAME", "DESIRED", "CURRENT", "READY", "UP-TO-DATE", "AVAILABLE", "NODE-SELECTOR", *_FIGURES)
_RUNS = ("NAME", "STATUS", "COMPLETIONS", "DURATION", *_FIGURES)
_ANY = Layout(workload_table.HEAD, workload_table.WIDE_HEAD, workload_table.LESS, _any)
_OWN: Mapping[str, Layout] = {
    "daemonset": Layout(
        _NODES,
        (*_NODES, *_CONTAINERS),
        ("NODE-SELECTOR", "CURRENT", "UP-TO-DATE", "OWNER", "MEM", "CPU%"),
        _daemonset,
    ),
    "job": Layout(_RUNS, (*_RUNS, *_CONTAINERS), ("OWNER", "MEM", "CPU%"), _job),
}
