"""What a workload cost and how often its service level was at risk, beside what its peers would have made of the same
demand.

One measure for all: a minute is violated in which more than `TARGET` of the requested CPU is used, and the cost is
the CPU that was requested. The demand is the CPU that was used; where pods were throttled it was more, for all alike.
The peers get no history that was not there, and start where the workload stood.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from forecasting.backtest.score import ready, violated
from forecasting.replicas.hpa import TUNED, Hpa
from forecasting.types import Bools, Demand, Floats, Ints, Shape, floats
from forecasting.vertical.krr import Krr
from forecasting.vertical.types import CpuRecommender
from forecasting.vertical.vpa import Vpa

TARGET = 0.85
STARTUP_S = 60
STEP_S = 60
PER_HOUR = 60
GIB = 2**30


@dataclass(frozen=True, slots=True)
class Past:
    """A workload's past, a point a minute, None where it is not known: millicores used and requested by all its pods,
    ready pods, and `memory` that they request, in bytes (None: nobody knows). What lies before `played` is history;
    `start_s` is the Unix time of the first point."""

    used: Sequence[int | None]
    requested: Sequence[int | None]
    pods: Sequence[int | None]
    played: int
    start_s: int
    minimum: int = 1
    memory: Sequence[int | None] | None = None


@dataclass(frozen=True, slots=True)
class Bill:
    """`core_hours` requested, minutes `violated`, of so many `known`, and how often the number was `changed`. `name`
    is `actual` or a peer's. `gib_hours` of memory requested, over the minutes of which that is known; None where it
    is of none."""

    name: str
    core_hours: float
    violated: int
    known: int
    changed: int
    gib_hours: float | None = None


def bills(past: Past) -> tuple[Bill, ...]:
    """What was, and what an HPA at 70 % with and without tuning, a VPA and a KRR would have been; empty where less
    than a day is known, or no request. Only minutes count in which all three figures are known."""
    used, requested, pods = (floats(values) for values in (past.used, past.requested, past.pods))
    known = np.isfinite(used) & np.isfinite(requested) & np.isfinite(pods) & (pods > 0) & (requested > 0)
    here = known[past.played :]
    if known.sum() < 24 * PER_HOUR or not here.any():
        return ()
    each = float(np.median(requested[known] / pods[known])) / 1000
    demand = Demand(used / 1000, past.played, past.start_s, STEP_S)
    actual = _bill("actual", used[past.played :], requested[past.played :], here, pods[past.played :])
    found = (actual, *_replicas(demand, each, past, here), *_sizes(demand, pods, here))
    return found if past.memory is None else _with_memory(found, past, pods, known, each)


def _with_memory(
    found: Sequence[Bill], past: Past, pods: Floats, known: Bools, each: float
) -> tuple[Bill, ...]:
    """With what each requested of memory. Peers that move replicas request it with every pod, as much as a pod did;
    those that size CPU leave it as it was."""
    memory = floats(past.memory or ())
    told = known & np.isfinite(memory)
    here = told.copy()
    here[: past.played] = False
    if not here.any():
        return tuple(found)
    actual = float(memory[here].sum()) / GIB / PER_HOUR
    a_pod = float(np.median(memory[told] / pods[told])) / GIB
    share = float(here.sum()) / float(known[past.played :].sum())
    moved = {Hpa(70).name, Hpa(70, TUNED).name}
    return tuple(
        replace(bill, gib_hours=bill.core_hours / each * a_pod * share if bill.name in moved else actual)
        for bill in found
    )


def _replicas(demand: Demand, each: float, past: Past, here: Bools) -> list[Bill]:
    shape = Shape(each, startup_s=STARTUP_S, target_util=TARGET, minimum=max(1, past.minimum))
    found = []
    for hpa in (Hpa(70), Hpa(70, TUNED)):
        fine = hpa.steps(demand, shape)
        per_minute = STEP_S // 15
        load = np.repeat(demand.values[demand.played :], per_minute)
        above = violated(load, ready(fine, STARTUP_S), shape).reshape(-1, per_minute).any(axis=1)
        hours = float(fine.reshape(-1, per_minute).mean(axis=1)[here].sum()) * each / PER_HOUR
        changed = int(np.count_nonzero(np.diff(fine)))
        found.append(Bill(hpa.name, hours, int((above & here).sum()), int(here.sum()), changed))
    return found


def _sizes(demand: Demand, pods: Floats, here: Bools) -> list[Bill]:
    """With as many pods as there were, each of the size that the peer asks for; until it says one, of the first."""
    with np.errstate(divide="ignore", invalid="ignore"):
        one = Demand(demand.values / pods, demand.played, demand.start_s, demand.step_s)
    peers: tuple[CpuRecommender, ...] = (Vpa("updater"), Krr())
    there, used = pods[demand.played :], demand.values[demand.played :] * 1000
    found = []
    for peer in peers:
        asked = peer.replay(one)
        if not np.isfinite(asked).any():
            continue
        first = asked[np.isfinite(asked)][0]
        requested = np.where(np.isfinite(asked), asked, first) * there * 1000
        found.append(_bill(peer.name, used, requested, here, np.where(np.isfinite(asked), asked, first)))
    return found


def _bill(
    name: str,
    used: Floats,
    requested: Floats,
    here: Bools,
    number: Floats | Ints,
) -> Bill:
    over = used[here] > requested[here] * TARGET * (1 + 1e-9)
    changed = int(np.count_nonzero(np.diff(number[here])))
    return Bill(
        name, float(requested[here].sum()) / 1000 / PER_HOUR, int(over.sum()), int(here.sum()), changed
    )
