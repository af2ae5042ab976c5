"""`flyball act set-envelope`: what a person may leave out or say shorter than the tool's arguments have it."""

import inspect
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from flyball.exits import UsageError

if TYPE_CHECKING:
    from flyball.wiring import App
    from policies.types import Target

TOOL = "set_envelope"
LEFT_OUT = frozenset({"floor", "agent", "target_percent"})
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
    aims = fields["target_percent"] is None and (end or fields["guard_percent"] is not None)
    if fields["floor"] is None or aims:
        before = await _before(app, target(app.place.context, app.place.namespace, fields["workload"]))
        fields["floor"] = fields["floor"] or before.floor
        if aims:
            fields["target_percent"] = before.leased_target if end else before.target
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


class _Before(NamedTuple):
    """What a workload has again once a lease is over: the least number of pods, its HPA's CPU target (None: it has
    none); and the latter as far as the lease that stands has moved it."""

    floor: int
    target: int | None
    leased_target: int | None


async def _before(app: "App", target: "Target") -> _Before:
    """As the envelope that it has now says; else what its HPA has; else the replicas that it has."""
    from tools.envelope_text import written

    reads = app.toolbox.reads(app.identity.by_hand())
    workload = await reads.workload(target)
    now, autoscaler = written(workload.annotations), await reads.autoscaler(target)
    own = autoscaler.target_percent if autoscaler else None
    if now is not None:
        return _Before(now.floor, now.target or own, now.target)
    return _Before(max(1, workload.replicas if autoscaler is None else autoscaler.minimum), own, None)
