"""The table of strategies: a new one is a file beside `hpa.py` and a line here."""

from collections.abc import Callable, Mapping

from agents.errors import StrategyUnknown
from agents.tuner.hpa import Hpa
from agents.tuner.strategy import Aim, Strategy

STRATEGIES: Mapping[str, Callable[[Aim], Strategy]] = {
    "hpa": Hpa,
}

DEFAULT = "hpa"


def strategy(name: str, aim: Aim) -> Strategy:
    """The strategy of this name. Raises StrategyUnknown."""
    if name not in STRATEGIES:
        raise StrategyUnknown(
            f"`{name[:64]}` is not a strategy",
            where="--strategy",
            hint="strategies: " + ", ".join(sorted(STRATEGIES)),
        )
    return STRATEGIES[name](aim)
