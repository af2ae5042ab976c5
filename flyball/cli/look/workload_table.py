"""The columns of `flyball get`: workloads as kubectl prints them, with the figures that matter here."""

from typing import TYPE_CHECKING

from flyball.cli.kit.output import abbreviated, age

if TYPE_CHECKING:
    from tools.diagnosis.snapshot import Row

HEAD = ("NAME", "READY", "UP-TO-DATE", "CPU", "CPU%", "MEM", "DISK", "P95", "HPA", "OWNER", "AGE")
WIDE_HEAD = (*HEAD[:3], "AVAILABLE", *HEAD[3:], "RATE", "ERRORS", "THROTTLED", "CONTAINERS", "IMAGES")
LESS = ("DISK", "UP-TO-DATE", "P95", "HPA", "OWNER", "MEM", "CPU%")
"""What a narrow terminal goes without, the first first."""


def columns(row: "Row", now: int, *, wide: bool) -> tuple[object, ...]:
    """A line: what stands under HEAD, or under WIDE_HEAD."""
    from tools.cluster.objects import unix_ms
    from tools.diagnosis.figures import figure, percent
    from tools.metrics.types import Metric, share

    w, n = row.workload, row.numbers
    used = share(n, Metric.CPU_USAGE, Metric.CPU_REQUESTS)
    full = share(n, Metric.DISK_USAGE, Metric.DISK_CAPACITY)
    ready, old = f"{w.ready}/{w.replicas}", age((now - unix_ms(w.created_at)) / 1000)
    figures = (
        figure(n.get(Metric.CPU_USAGE)),
        None if used is None else percent(used),
        figure(n.get(Metric.MEMORY_USAGE)),
        None if full is None else percent(full),
        figure(n.get(Metric.LATENCY_P95)),
    )
    base = (str(w.target), ready, w.updated)
    if not wide:
        return (*base, *figures, _hpa(row), abbreviated(w.owner or ""), old)
    more = (figure(n.get(m)) for m in (Metric.REQUEST_RATE, Metric.ERROR_RATE, Metric.THROTTLED_RATIO))
    names, images = (",".join(c.name for c in w.containers), ",".join(c.image for c in w.containers))
    return (*base, w.available, *figures, _hpa(row), w.owner, old, *more, names, images)


def _hpa(row: "Row") -> str | None:
    """`2-4`, and a word where it cannot do what it wants."""
    hpa = row.autoscaler
    if hpa is None:
        return None
    word = ",unable" if not hpa.able else ",no-metrics" if not hpa.active else ""
    if not word and hpa.limited:
        word = ",at-max" if hpa.current >= hpa.maximum else ",at-min"
    return f"{hpa.minimum}-{hpa.maximum}{word}"
