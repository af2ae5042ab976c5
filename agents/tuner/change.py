"""A change as a tuning pass asks for it: an action with its typed arguments, and the numbers that it moves."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from agents.errors import StrategyBroken
from base.errors import words_of
from base.quantities import format_bytes, format_millicores
from tools.arguments import Args, AutoscalerBoundsArgs, KeepScalePointArgs, ScaleArgs
from tools.cluster_types import Autoscaler, Workload
from tools.errors import ArgumentsInvalid
from tools.resource_arguments import VALUES

SCALE, SET_BOUNDS, KEEP_POINT = "scale", "set_autoscaler_bounds", "keep_scale_point"
PODS = ("replicas", "minReplicas")
"""Dimensions that count pods: what budgets and quotas bound."""
_SHORT: Mapping[str, str] = {"minReplicas": "floor", "maxReplicas": "max", "targetPercent": "target"}
_UNITS: Mapping[str, Callable[[int], str]] = {
    "cpuRequest": format_millicores,
    "cpuLimit": format_millicores,
    "memoryRequest": format_bytes,
    "memoryLimit": format_bytes,
}


@dataclass(frozen=True, slots=True)
class Move:
    """One number that a change moves. `dimension` is policy's name of it (policies.types.Delta), `field` the argument
    that holds it; `before` is None where it is not set now."""

    dimension: str
    field: str
    before: int | None
    after: int

    @property
    def argument(self) -> int | str:
        """As the action's arguments have it: amounts of CPU and memory are quantities."""
        value = VALUES.get(self.field)
        return self.after if value is None else value.text(self.after)


@dataclass(frozen=True, slots=True)
class Change:
    """What would be asked for. `args` is the action's own argument model, bound to what stands now where the action
    has a precondition for it."""

    action: str
    args: Args
    moves: tuple[Move, ...] = ()
    first: "Change | None" = None
    """What has to be done before it, and is put back where it is not done then."""

    @property
    def workload(self) -> str:
        """Which workload it is about, as its arguments name it (`deployment/web`)."""
        return str(self.args.model_dump().get("workload"))

    @property
    def sort(self) -> tuple[str, ...]:
        """What it does, whatever its figures: the tool, the arguments that are set to true (they make it another
        action for policy), and the numbers that it moves (as the target of a guard does)."""
        flags = (name for name, value in self.args if value is True)
        return (self.action, *flags, *(move.dimension for move in self.moves))

    @property
    def pods(self) -> Move | None:
        """The move that counts pods, if it has one."""
        return next((move for move in self.moves if move.dimension in PODS), None)

    @property
    def figure(self) -> int | None:
        """The number of its first move; None where it moves none."""
        return self.moves[0].after if self.moves else None

    @property
    def text(self) -> str:
        """What it comes to, for a table: `6`, `floor:3`, `cpuRequest:600m`."""
        return ",".join(_text(move) for move in self.moves) or self.action

    def to(self, numbers: Mapping[str, int]) -> "Change":
        """The same change to other numbers, by dimension. Raises StrategyBroken where they do not fit."""
        moves = tuple(
            Move(m.dimension, m.field, m.before, numbers.get(m.dimension, m.after)) for m in self.moves
        )
        values = {m.field: m.argument for m in moves if m.dimension in numbers}
        args = checked(type(self.args), self.args.model_dump() | values)
        return Change(self.action, args, moves, self.first)


def _text(move: Move) -> str:
    shown = _UNITS.get(move.dimension, str)(move.after)
    return shown if move.dimension == "replicas" else f"{_SHORT.get(move.dimension, move.dimension)}:{shown}"


def checked(model: type[Args], values: Mapping[str, Any]) -> Args:
    """Arguments of an action; what was left out is null. Raises StrategyBroken for what the action cannot take."""
    try:
        return model.model_validate(dict.fromkeys(model.model_fields) | dict(values))
    except ValidationError as e:
        first = e.errors(include_url=False, include_input=False)[0]
        field = ".".join(str(part) for part in first["loc"])
        raise StrategyBroken(f"{field}: {words_of(first)}", where=str(values.get("workload"))) from e
    except ArgumentsInvalid as e:
        raise StrategyBroken(e.what, where=str(values.get("workload"))) from e


def scaled(workload: Workload, replicas: int) -> Change:
    """So many replicas in place of those that it has now. Raises StrategyBroken."""
    now = workload.replicas
    values = {"workload": str(workload.target), "replicas": replicas, "current_replicas": now}
    return Change(SCALE, checked(ScaleArgs, values), (Move("replicas", "replicas", now, replicas),))


def floored(workload: Workload, hpa: Autoscaler, floor: int) -> Change:
    """Another minReplicas of its HPA. Raises StrategyBroken."""
    values = {"workload": str(workload.target), "min_replicas": floor, "current_min_replicas": hpa.minimum}
    move = Move("minReplicas", "min_replicas", hpa.minimum, floor)
    return Change(SET_BOUNDS, checked(AutoscalerBoundsArgs, values), (move,))


def held_in_cpu(workload: Workload) -> Change:
    """The CPU target of its HPA as CPU of a pod, at the same scale point. Raises StrategyBroken."""
    values = {"workload": str(workload.target), "unit": "cpu"}
    return Change(KEEP_POINT, checked(KeepScalePointArgs, values))
