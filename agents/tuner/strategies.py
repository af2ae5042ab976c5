"""The table of strategies: a new one is a file beside `hpa_formula.py` and a line here."""

from collections.abc import Callable, Mapping, Sequence

from agents.errors import StrategyUnknown
from agents.tuner.envelope import EnvelopeRange
from agents.tuner.forecast import Forecast
from agents.tuner.hpa_formula import HpaFormula
from agents.tuner.keep import Keep
from agents.tuner.memory import MemoryLimit
from agents.tuner.percentile_floor import PercentileFloor
from agents.tuner.strategy import Aim, Strategy
from agents.tuner.vertical_cpu import VerticalInPlace, VerticalTemplate

STRATEGIES: Mapping[str, Callable[[Aim], Strategy]] = {
    "keep": Keep,
    "hpa-formula": HpaFormula,
    "forecast": Forecast,
    "percentile-floor": PercentileFloor,
    "envelope": EnvelopeRange,
    "vertical-in-place": VerticalInPlace,
    "vertical-template": VerticalTemplate,
    "memory": MemoryLimit,
}
ALIASES: Mapping[str, str] = {"hpa": "hpa-formula"}
"""Names that older releases used."""

DEFAULT = "hpa-formula"


def strategy(name: str, aim: Aim) -> Strategy:
    """The strategy of this name. Raises StrategyUnknown."""
    known = ALIASES.get(name, name)
    if known not in STRATEGIES:
        raise StrategyUnknown(
            f"`{name[:64]}` is not a strategy",
            where="--strategy",
            hint="strategies: " + ", ".join(sorted(STRATEGIES)),
        )
    return STRATEGIES[known](aim)


def strategies(names: Sequence[str], aim: Aim) -> list[Strategy]:
    """Those of these names, each once, in the order of the table; all where none is named. Raises StrategyUnknown."""
    wanted = {strategy(name, aim).name for name in names} or set(STRATEGIES)
    return [make(aim) for name, make in STRATEGIES.items() if name in wanted]
