"""The closed registry of tools: one line each. What is not listed here cannot be called."""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from base.errors import words_of
from policies.types import ActionInfo, Scalar
from tools.actions import (
    changes,
    describe_workload,
    get_events,
    keep_scale_point,
    list_workloads,
    read_metrics,
    restart,
    scale,
    set_autoscaler_bounds,
    set_envelope,
    set_resources,
    why,
)
from tools.errors import ArgumentsInvalid, UnknownTool
from tools.spec import ActionSpec, Args, ReadSpec

ACTIONS: Mapping[str, ActionSpec[Any]] = {
    spec.name: spec
    for spec in (
        scale.SPEC,
        set_resources.SPEC,
        restart.SPEC,
        set_envelope.SPEC,
        set_autoscaler_bounds.SPEC,
        keep_scale_point.SPEC,
    )
}
READS: Mapping[str, ReadSpec[Any]] = {
    spec.name: spec
    for spec in (
        list_workloads.SPEC,
        describe_workload.SPEC,
        read_metrics.SPEC,
        get_events.SPEC,
        changes.SPEC,
        why.SPEC,
    )
}
DECLARED: tuple[ActionInfo, ...] = (ActionInfo("declare_event", "write"),)
"""What is judged and recorded like an action and writes to no cluster: it is carried out elsewhere (tools.events)."""


def catalogue() -> tuple[ActionInfo, ...]:
    """Every action that policy can name, sorted; part of the policy's digest. A tool that puts reads together
    names theirs again."""
    specs: tuple[ActionSpec[Any] | ReadSpec[Any], ...] = (*ACTIONS.values(), *READS.values())
    found = {info for spec in specs for info in spec.actions} | {*DECLARED}
    return tuple(sorted(found, key=lambda info: info.name))


def action(name: str) -> ActionSpec[Any]:
    """The spec of a writing tool. Raises UnknownTool."""
    try:
        return ACTIONS[name]
    except KeyError:
        raise UnknownTool(
            f"`{name[:64]}` is not an action", hint="actions: " + ", ".join(sorted(ACTIONS))
        ) from None


def parse(model: type[Args], values: Mapping[str, Any]) -> Args:
    """Strictly typed arguments; what was left out is null. Raises ArgumentsInvalid, fit for a model to read."""
    named = dict.fromkeys(model.model_fields) | dict(values)
    try:
        return model.model_validate(named)
    except ValidationError as e:
        first = e.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])[:80]
        hint = "arguments: " + ", ".join(model.model_fields)
        raise ArgumentsInvalid(words_of(first), where=where, hint=hint) from e


def plain(args: Args) -> dict[str, Scalar]:
    """Arguments as they are recorded and digested."""
    return dict(args.model_dump(mode="json"))
