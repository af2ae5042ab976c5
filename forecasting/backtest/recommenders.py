"""The policies of a backtest by name, and the settings that move each along its curve of cost against violations.

The one that forecasts is moved by its risk, the peers by the utilisation that they aim at.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, get_args, runtime_checkable

from forecasting.backtest.names import Name
from forecasting.replicas.floored import Floored
from forecasting.replicas.holt_winters import HoltWinters
from forecasting.replicas.hpa import Hpa
from forecasting.replicas.oracle import Oracle
from forecasting.replicas.seasonal_naive import SeasonalNaive
from forecasting.replicas.static import Static
from forecasting.types import Demand, Ints, ReplicaRecommender, Shape

DEFAULT_PERCENT = 70
DEFAULT_RISK = 0.02
RISKS = (0.2, 0.1, 0.07, 0.05, 0.03, 0.02, 0.01, 0.005, 0.002)
PERCENTS = (45, 55, 60, 65, 70, 75, 80, 85)
PEERS: tuple[Name, ...] = tuple(name for name in get_args(Name) if name != "quantile")


@runtime_checkable
class Synced(Protocol):
    """A recommender that also acts between two steps, every 15 s."""

    def steps(self, demand: Demand, shape: Shape) -> Ints:
        """The replicas asked for in each 15 s of what is played."""


@dataclass(frozen=True, slots=True)
class Setting:
    """A policy with its setting: `value` is the risk for `quantile`, percent for the others."""

    name: Name
    value: float

    @property
    def label(self) -> str:
        """As a table shows it."""
        if self.name == "oracle":
            return self.name
        return f"{self.name} {self.value:g}{'' if self.name == 'quantile' else '%'}"

    def recommender(self) -> ReplicaRecommender:
        """The policy itself, so set."""
        percent = int(self.value)
        match self.name:
            case "quantile":
                from forecasting.demand.recommender import QuantilePolicy

                return QuantilePolicy(self.value)
            case "hpa":
                return Hpa(percent)
            case "seasonal":
                return Floored(SeasonalNaive(percent), Hpa(percent))
            case "holt-winters":
                return Floored(HoltWinters(percent), Hpa(percent))
            case "seasonal-alone":
                return SeasonalNaive(self.value)
            case "holt-winters-alone":
                return HoltWinters(self.value)
            case "static":
                return Static(self.value)
            case "oracle":
                return Oracle()


def default(name: Name, shape: Shape, risk: float = DEFAULT_RISK, percent: int = DEFAULT_PERCENT) -> Setting:
    """The policy as it is shown in the table: static aims at what shall not be exceeded."""
    if name == "quantile":
        return Setting(name, risk)
    return Setting(name, 100 * shape.target_util if name in ("static", "oracle") else percent)


def curve(chosen: Setting) -> Sequence[Setting]:
    """The settings that its curve is drawn through, the chosen one among them; the oracle has none."""
    if chosen.name == "oracle":
        return [chosen]
    values = RISKS if chosen.name == "quantile" else PERCENTS
    return [Setting(chosen.name, value) for value in sorted({*values, chosen.value})]


def played(recommender: ReplicaRecommender, demand: Demand, shape: Shape) -> Ints:
    """What it asks for, as finely as it acts: HPAs every 15 s, the others each step."""
    if isinstance(recommender, Synced):
        return recommender.steps(demand, shape)
    return recommender.replay(demand, shape)
