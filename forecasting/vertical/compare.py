"""CPU recommenders side by side on the same traces; pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from forecasting.types import Demand, Floats
from forecasting.vertical.in_place import InPlace
from forecasting.vertical.krr import Krr
from forecasting.vertical.restart import Restart
from forecasting.vertical.score import CpuScore, score, together
from forecasting.vertical.types import CpuRecommender
from forecasting.vertical.vpa import Vpa

Name = Literal["in-place", "restart", "vpa", "vpa-updater", "krr"]
PEER: Name = "vpa"


@dataclass(frozen=True, slots=True)
class Case:
    """The usage of one workload, its second half to be played."""

    stem: str
    demand: Demand
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Compared:
    """The score of each policy on each trace, and on all of them together."""

    each: Mapping[Name, Mapping[str, CpuScore]]
    fleet: Mapping[Name, CpuScore]


def policies() -> dict[Name, CpuRecommender]:
    """Ours first, then the peers, each as it comes."""
    return {
        "in-place": InPlace(),
        "restart": Restart(),
        "vpa": Vpa(),
        "vpa-updater": Vpa("updater"),
        "krr": Krr(),
    }


def compare(cases: Sequence[Case], told: Callable[[str], object] = str) -> Compared:
    """Play every policy on every trace; `told` hears which one is being played."""
    each: dict[Name, dict[str, CpuScore]] = {}
    for case in cases:
        told(case.stem)
        for name, policy in policies().items():
            each.setdefault(name, {})[case.stem] = score(case.demand, policy.replay(case.demand))
    return Compared(each, {name: together(list(scores.values())) for name, scores in each.items()})


def requests(case: Case, name: Name) -> str:
    """`ts,cores` at each played step, rounded up to whole millicores; an empty value where there is no
    recommendation."""
    asked = policies()[name].replay(case.demand)
    demand = case.demand
    lines = ["ts,cores"]
    for number, cores in enumerate(asked):
        at = demand.start_s + (demand.played + number) * demand.step_s
        lines.append(f"{at},{_millicores(cores)}")
    return "\n".join(lines) + "\n"


def _millicores(cores: float) -> str:
    return f"{int(np.ceil(cores * 1000 - 1e-6)) / 1000:g}" if np.isfinite(cores) else ""


def ahead(policy: CpuRecommender, demand: Demand) -> float:
    """What `policy` asks for now, after the last value of `demand`: cores, NaN where it has no answer."""
    values: Floats = np.append(demand.values, np.nan)
    return float(policy.replay(Demand(values, len(values) - 1, demand.start_s, demand.step_s))[-1])
