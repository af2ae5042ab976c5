"""`flyball act set-envelope`: what a person may leave out or say shorter than the tool's arguments have it."""

import inspect
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flyball.exits import UsageError

if TYPE_CHECKING:
    from flyball.wiring import App
    from policies.types import Target

TOOL = "set_envelope"
LEFT_OUT = frozenset({"floor", "agent"})
"""Arguments that `filled` finds where they are not given."""

_OPTIONS: Mapping[str, Any] = {
    "lasting": Annotated[str | None, typer.Option("--for", help="How long, in place of --until: 8h, 1h30m.")],
    "end": Annotated[bool, typer.Option("--end", help="End the lease that there is now.")],
}


def parameters() -> list[inspect.Parameter]:
    """The options beside the arguments of the tool."""
    only = inspect.Parameter.KEYWORD_ONLY
    defaults = {"lasting": None, "end": False}
    return [inspect.Parameter(n, only, default=defaults[n], annotation=kind) for n, kind in _OPTIONS.items()]


async def filled(app: "App", given: dict[str, Any]) -> dict[str, Any]:
    """The arguments of the tool. Raises UsageError, and what the governed reads raise."""
    from flyball.tuning_pass import TUNER
    from tools.cluster.names import target

    fields = dict(given)
    lasting, end = fields.pop("lasting"), fields.pop("end")
    fields["until"] = _until(app.context.now_ms(), fields, lasting, end)
    fields["agent"] = fields["agent"] or TUNER
    if fields["floor"] is None:
        workload = target(app.place.context, app.place.namespace, fields["workload"])
        fields["floor"] = await _floor(app, workload)
    return fields


def _until(now_ms: int, fields: Mapping[str, Any], lasting: str | None, end: bool) -> str | None:
    from base.instants import utc_text
    from flyball.cli.kit.waiting import span

    ends = (fields["min_replicas"], fields["max_replicas"])
    until = fields["until"]
    if end:
        if (*ends, until, lasting) != (None,) * 4:
            raise UsageError("--end ends the lease, and the others ask for one", hint="leave them out")
        return None
    if None in ends or (until is None) == (lasting is None):
        hint = "e.g. --min-replicas 3 --max-replicas 7 --for 8h; or --end"
        raise UsageError("an envelope has both ends of its range and a time", hint=hint)
    return until if lasting is None else utc_text(now_ms + span(lasting, "--for") * 1000)


async def _floor(app: "App", target: "Target") -> int:
    """That of the envelope that it has now; else what its HPA keeps at least; else the replicas that it has."""
    from tools.envelope_text import written

    reads = app.toolbox.reads(app.identity.by_hand())
    workload = await reads.workload(target)
    if (now := written(workload.annotations)) is not None:
        return now.floor
    autoscaler = await reads.autoscaler(target)
    return max(1, workload.replicas if autoscaler is None else autoscaler.minimum)
