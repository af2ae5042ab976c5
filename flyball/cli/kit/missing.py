"""Which data is missing in the output, and why: one line for each reason, on stderr."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from flyball.cli.kit.output import safe
from tools.metrics.hints import reason, shared
from tools.metrics.types import OF_EVERY, OF_VOLUMES, Metric

if TYPE_CHECKING:
    from tools.diagnosis.snapshot import Row


def lines(rows: "Sequence[Row]") -> list[str]:
    """`missing: latency_p95 of 2 of 6: no data`, by reason."""
    gone = defaultdict[tuple[str, str], list[str]](list)
    several = len({row.workload.target.namespace for row in rows}) > 1
    for row in rows:
        target = row.workload.target
        name = f"{target.namespace}/{target}" if several else str(target)
        for metric, number in row.numbers.items():
            if number.v is None:
                gone[metric.value, reason(number)].append(name)
        for part, why in row.missing.items():
            gone[part, why].append(name)
    return _told(gone, len(rows))


def parts(missing: Mapping[str, str]) -> list[str]:
    """The parts of one workload that could not be read."""
    known = set(map(str, Metric))
    every = missing.keys() >= OF_EVERY
    named = {
        ("all metrics" if every and part in known else part, why): [""]
        for why, names in shared(missing).items()
        for part in names
    }
    return _told(named, 1)


def _told(gone: Mapping[tuple[str, str], list[str]], total: int) -> list[str]:
    grouped = defaultdict[tuple[str, tuple[str, ...]], list[str]](list)
    of_all = {why: tuple(names) for (_, why), names in gone.items() if len(names) == total}
    for (part, why), names in gone.items():
        own = tuple(names)  # figures of volumes are asked of those that have some: all of them, then
        whole = of_all.get(why, own) if part in OF_VOLUMES else own
        grouped[why, whole].append(part)
    found = []
    for (why, whole), which in grouped.items():
        whose = "" if total == 1 else " of all" if len(whole) == total else f" of {', '.join(whole)}"
        found.append(safe(f"missing: {', '.join(which)}{whose}: {why}"))
    return found
