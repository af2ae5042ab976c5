"""Two weeks of a fleet's life under each way of keeping it, in one simulated world each, with the same demand.

Every workload has an HPA at 70 % as guard. `hpa` leaves it at that; `tuned` gives it half the tolerance and a faster
way up; `percentile` moves its floor each hour to the 90th percentile of what that hour of the day asked for in the
past week, as percentile recommenders do; `flyball` is an agent with a schedule, alone: it leases ranges and guards
each night, and its fast loop moves floors each minute. A minute is violated where the ready pods use more than 85 %
of what they ask for, or none is ready. Cost is the core-hours asked for by all pods, ready or not.
"""

import argparse
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from forecasting.types import Ints
from sandbox import history
from sandbox.api.apiserver import Write
from sandbox.api.store import Key
from sandbox.world import START_MS, World
from tests.bench.fleet import MAX_PODS, MIN_PODS, REQUEST_M, TUNED, documents, names
from tests.bench.report import Row
from tests.bench.tune_flyball import live
from tools.metrics.types import Metric

DAY_S, HOUR_S, WEEK_MIN = 86_400, 3_600, 7 * 1440
SLO = 0.85
PERCENTILE, TARGET = 0.9, 0.7
CPU_S, FULL_SIZE = 600, 30 * 14
"""A fortnight of thirty workloads takes no more of one core; less is held to its share."""


@dataclass(slots=True)
class Lived:
    """What a stretch came to, over all workloads: minutes violated, core-hours asked for, minutes in which the number
    of pods was another than in the one before, and seconds of CPU that it took to simulate."""

    violations: int
    cost: float
    moves: int
    cpu_s: float
    more: Sequence[Row] = ()


Arm = Callable[[World, int], Sequence[Row]]


def run(argv: Sequence[str]) -> list[Row]:
    """Violations, cost and moves of each arm, with ratios to the HPA alone."""
    options = argparse.ArgumentParser(prog="bench tune")
    options.add_argument("--traces", type=Path, help="a folder with demand_*/*.csv to play")
    options.add_argument("--workloads", type=int, default=30)
    options.add_argument("--days", type=int, default=14)
    options.add_argument("--past", type=int, default=14, help="days of the world before it begins")
    options.add_argument("--only", nargs="*", choices=tuple(ARMS), default=tuple(ARMS))
    given = options.parse_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        past = _past(Path(folder) / "past", given)
        found = {
            name: _lived(ARMS[name], past, Path(folder) / name / "sandbox", given) for name in given.only
        }
    base = found.get("hpa")
    size = given.workloads * given.days
    return [row for name, lived in found.items() for row in _rows(name, lived, base, size)]


def _past(folder: Path, given: argparse.Namespace) -> Path:
    """The fortnight before, under the HPA alone: every arm begins from the same world."""
    world = World(folder)
    made = documents(given.workloads, given.traces)
    world.reset(made, seed=1, start_ms=START_MS, history_s=given.past * DAY_S)
    world.close()
    return folder


def _lived(arm: Arm, past: Path, folder: Path, given: argparse.Namespace) -> Lived:
    shutil.copytree(past, folder)
    world = World(folder)
    begun = time.process_time()
    more = arm(world, given.days * DAY_S)
    lived = judged(world, given.workloads, given.days * 1440, time.process_time() - begun)
    lived.more = more
    world.close()
    return lived


def _rows(name: str, lived: Lived, base: Lived | None, workload_days: int) -> Iterator[Row]:
    def to(value: float, peer: float) -> float | None:
        return value / peer if base is not None and peer else None

    peer = base or lived
    yield Row(f"{name}: SLO-violation minutes", lived.violations, to(lived.violations, peer.violations))
    yield Row(f"{name}: cost, core-hours requested", lived.cost, to(lived.cost, peer.cost))
    yield Row(f"{name}: moves", lived.moves, to(lived.moves, peer.moves))
    yield Row(f"{name}: CPU s", lived.cpu_s)
    if name == "flyball":
        a_day = f"<= {CPU_S / FULL_SIZE:.2f}"
        yield Row("flyball: CPU s a workload and day", lived.cpu_s / workload_days, None, a_day)
    yield from lived.more
    if base is not None and name == "flyball":
        yield Row("flyball: better than the HPA by the bar", _beats(lived, base), None, ">= 1")


def _beats(lived: Lived, base: Lived) -> int:
    """At least 60 % fewer violations at no more cost, or 12 % cheaper at no more violations."""
    calmer = lived.violations <= 0.4 * base.violations and lived.cost <= base.cost
    cheaper = lived.cost <= 0.88 * base.cost and lived.violations <= base.violations
    return int(calmer or cheaper)


def judged(world: World, workloads: int, minutes: int, cpu_s: float) -> Lived:
    """From the world's own history of the last `minutes`."""
    last = world.now_ms() // 60_000
    total = Lived(0, 0.0, 0, cpu_s)
    with world.store.read() as txn:
        for namespace, name in names(workloads):
            key = Key("deployment", namespace, name)
            used, ready, asked = (
                np.maximum(0, history.read(txn, key, metric, last - minutes + 1, last))
                for metric in (Metric.CPU_USAGE, Metric.REPLICAS, Metric.CPU_REQUESTS)
            )
            total.violations += int(((used > SLO * REQUEST_M * ready) | (ready == 0)).sum())
            total.cost += float(asked.sum()) / 60_000
            total.moves += int((np.diff(asked) != 0).sum())
    return total


def _alone(world: World, seconds: int) -> Sequence[Row]:
    world.advance(seconds)
    return ()


def _tuned(world: World, seconds: int) -> Sequence[Row]:
    for _, autoscaler in _autoscaled(world):
        world.send(Write("patch", autoscaler, "", {"spec": {"behavior": dict(TUNED)}}, "owner"))
    return _alone(world, seconds)


def _percentile(world: World, seconds: int) -> Sequence[Row]:
    """Each hour every floor is set anew."""
    for _ in range(seconds // HOUR_S):
        for workload, autoscaler in _autoscaled(world):
            floor = _floor(_week(world, workload))
            world.send(Write("patch", autoscaler, "", {"spec": {"minReplicas": floor}}, "percentile"))
        world.advance(HOUR_S)
    return ()


def _flyball(world: World, seconds: int) -> Sequence[Row]:
    done = live(world, seconds)
    return (
        Row("flyball: its changes", done.happened.changes),
        Row("flyball: changes rolled back", done.happened.rolled_back),
        Row("flyball: writes that no allowed intent accounts for", done.outside, None, "<= 0"),
        Row("flyball: verdicts that are overdue", done.owed, None, "<= 0"),
    )


def _autoscaled(world: World) -> list[tuple[Key, Key]]:
    """The workloads, and the HPA of the same name of each."""
    with world.store.read() as txn:
        metas = [one["metadata"] for one in txn.all("horizontalpodautoscaler")]
    at = [(one["namespace"], one["name"]) for one in metas]
    return [(Key("deployment", *one), Key("horizontalpodautoscaler", *one)) for one in at]


def _week(world: World, key: Key) -> Ints:
    """What it used in each of the last seven days' minutes."""
    with world.store.read() as txn:
        last = txn.number("now_ms") // 60_000
        return history.read(txn, key, Metric.CPU_USAGE, last - WEEK_MIN + 1, last)


def _floor(week: Ints) -> int:
    """From the minutes of the past seven days up to now: those of the hour that comes, a day to a row."""
    hour = week.reshape(7, 1440)[:, :60]
    known = hour[hour >= 0]
    wanted = np.quantile(known, PERCENTILE) / (TARGET * REQUEST_M) if len(known) else MIN_PODS
    return int(np.clip(np.ceil(wanted), MIN_PODS, MAX_PODS))


ARMS: Mapping[str, Arm] = {"hpa": _alone, "tuned": _tuned, "percentile": _percentile, "flyball": _flyball}
