"""`flyball sentinel status` and `check`: what is foreseen in the cluster, by the log and by a pass made now."""

from typing import TYPE_CHECKING, Any

from base.durations import written
from flyball.cli.kit.away import as_json
from flyball.cli.kit.instants import instant
from flyball.cli.kit.output import advise, age, document, note, safe, say, table, tone

if TYPE_CHECKING:
    from flyball.sentinel_pass import Looked
    from flyball.wiring import App
    from tools.findings.types import OpenFinding

_TITLES = ("WHAT", "WORKLOAD", "NAMESPACE", "IN", "SINCE", "RECORD")


async def status(app: "App", *, json: bool) -> None:
    """What is open by the log."""
    from tools.findings.findings import Findings

    found, now = await Findings(app.context).opened(), app.context.now_ms()
    if json:
        document({"kind": "SentinelStatus", **as_json(app), "items": [_item(one) for one in found]})
        return
    if not found:
        note(f"{app.place.context}: nothing is foreseen")
        return
    for line in table(_TITLES, [_row(one, now) for one in found]):
        say(line)
    for one in found:
        _told(one, now)


async def check(app: "App", *, json: bool) -> None:
    """A pass now, and what is open after it."""
    from flyball.sentinel_pass import look_once

    done = await look_once(app)
    if not json:
        note(_counts(done))
    await status(app, json=json)


def _counts(done: "Looked") -> str:
    silent = f", {done.unknown} checks without enough figures" if done.unknown else ""
    changed = f"{len(done.opened)} opened, {len(done.resolved)} resolved"
    return f"looked at {done.workloads} workloads: {changed}{silent}"


def _row(one: "OpenFinding", now_ms: int) -> tuple[object, ...]:
    f, gone_s = one.finding, (now_ms - one.since_ms) // 1000
    eta = f.figures.get("eta_s")
    left = None if eta is None else written(eta - gone_s, 2) if eta > gone_s else "now"
    return f.what, str(f.target), f.target.namespace, left, age(gone_s), one.record


def _told(one: "OpenFinding", now_ms: int) -> None:
    """The sentence is as it was when the finding was opened."""
    f, since = one.finding, age((now_ms - one.since_ms) // 1000)
    say(f"{tone(f.what, 'bad')} {safe(str(f.target))}, found {since} ago: {safe(f.said)}")
    say(f"  {safe(f.advice)}")
    if f.tried:
        say(f"  dry run: {safe(f.tried)}")
    advise(f"  {safe(f.command)}")


def _item(one: "OpenFinding") -> dict[str, Any]:
    f = one.finding
    return {
        "what": f.what,
        "context": f.target.cluster,
        "namespace": f.target.namespace,
        "target": str(f.target),
        "since": instant(one.since_ms),
        "record": one.record,
        "said": f.said,
        "figures": dict(f.figures),
        "advice": f.advice,
        "command": f.command,
        "tried": f.tried or None,
    }
