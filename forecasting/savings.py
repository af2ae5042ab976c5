"""What a workload cost and how often its service level was at risk, beside what its peers would have made of the same
demand.

One measure for all: a minute is violated in which more than `TARGET` of the requested CPU is used, and the cost is
the CPU that was requested. The demand is the CPU that was used; where pods were throttled it was more, for all alike.
The peers get no history that was not there, and start where the workload stood.
"""

from collections.abc import Sequence
from dataclasses import dataclass

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


@dataclass(frozen=True, slots=True)
class Past:
    """A workload's past, a point a minute, None where it is not known: millicores used and requested by all its pods,
    and ready pods. What lies before `played` is history; `start_s` is the Unix time of the first point."""

    used: Sequence[int | None]
    requested: Sequence[int | None]
    pods: Sequence[int | None]
    played: int
    start_s: int
    minimum: int = 1


@dataclass(frozen=True, slots=True)
class Bill:
    """`core_hours` requested, minutes `violated`, of so many `known`, and how often the number was `changed`. `name`
    is `actual` or a peer's."""

    name: str
    core_hours: float
    violated: int
    known: int
    changed: int


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
    return (actual, *_replicas(demand, each, past, here), *_sizes(demand, pods, here))


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
