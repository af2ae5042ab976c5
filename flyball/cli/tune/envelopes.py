"""`flyball tune envelopes`: the ranges that are leased on this cluster, by the log."""

from typing import TYPE_CHECKING, Any

from flyball.cli.kit.options import Options, command
from flyball.cli.kit.output import document, fitted, note, say

if TYPE_CHECKING:
    from flyball.wiring import App
    from tools.path.standing_envelopes import Standing

_HEAD = ("NAMESPACE", "WORKLOAD", "RANGE", "LEFT", "FLOOR", "GUARD", "AGENT", "FOR", "MOVES", "RECORD")
_LESS = ("FOR", "RECORD")


@command
def envelopes(opts: Options) -> None:
    """List the ranges in which agents may move workloads. Example: flyball tune envelopes"""

    async def work(app: "App") -> None:
        from flyball.cli.kit.away import as_json
        from tools.path.standing_envelopes import Envelopes

        found = await Envelopes(app.context).standing()
        items = [await _item(app, one) for one in found]
        if opts.json:
            document({"kind": "EnvelopeList", **as_json(app), "items": items})
        elif not items:
            note("nothing is leased")
        else:
            for line in fitted(_HEAD, [_cells(item) for item in items], _LESS):
                say(line)

    opts.run(work, for_log=True)


async def _item(app: "App", one: "Standing") -> dict[str, Any]:
    """As the JSON has it; `moves` are those of the last hour, `state` says whether anything may move."""
    now_ms, args = app.context.now_ms(), one.args
    over = one.over(now_ms)
    return {
        "namespace": one.target.namespace,
        "target": str(one.target),
        "state": "over" if over else "in_force",
        "min_replicas": args.min_replicas,
        "max_replicas": args.max_replicas,
        "until": args.until,
        "left_s": 0 if over else _left_s(args.until, now_ms),
        "floor": args.floor,
        "guard_percent": args.guard_percent,
        "target_percent": args.target_percent,
        "agent": args.agent,
        "on_behalf_of": one.human,
        "moves": await _moves(app, one, now_ms),
        "record": one.intent.seq,
    }


def _left_s(until: str | None, now_ms: int) -> int:
    from base.instants import utc_ms

    return max(0, utc_ms(until) - now_ms) // 1000 if until else 0


async def _moves(app: "App", one: "Standing", now_ms: int) -> int:
    from policies.envelopes import moves_of

    window = moves_of(one.target)
    return window.spent(await app.log.values(tuple(window.keys(now_ms))), now_ms)


def _cells(item: dict[str, Any]) -> tuple[object, ...]:
    from base.durations import written

    over = item["state"] == "over"
    span = "-" if item["min_replicas"] is None else f"{item['min_replicas']}..{item['max_replicas']}"
    left = "over" if over else written(item["left_s"], most=2)
    guard = "-" if item["guard_percent"] is None else f"{item['guard_percent']}%"
    who = (item["agent"].removeprefix("agent:"), item["on_behalf_of"].removeprefix("human:"))
    return (
        item["namespace"],
        item["target"],
        span,
        left,
        item["floor"],
        guard,
        *who,
        item["moves"],
        item["record"],
    )
