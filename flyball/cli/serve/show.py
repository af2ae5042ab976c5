"""How services stand, for people and as JSON."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from flyball.cli.kit.options import Options
from flyball.cli.kit.output import advise, document, safe, say, table, tone
from flyball.place import Place


def show(opts: Options, place: Place, found: Sequence[dict[str, Any]]) -> None:
    """All of it."""
    if opts.json:
        document({"kind": "ServiceList", "context": place.context, "items": list(found)})
        return
    if not found:
        advise(f"{place.context}  no service runs   flyball serve")
    for one in found:
        say(f"{place.context}  {_role(one)}  process {one['pid']}, since {_local(one['since'])}")
        for name, problem in one["ready"].items():
            if problem:
                say(f"  {tone('not ready', 'bad')}: {name}: {safe(problem)}")
        for line in _duties(one["duties"]):
            say(f"  {line}")


def summary(found: Sequence[dict[str, Any]]) -> str:
    """In one line: what `flyball status` says of it."""
    active = [one for one in found if one["role"] == "active"]
    if not active:
        return "nobody serves   flyball serve"
    troubled = [duty["name"] for one in active for duty in one["duties"] if duty["problem"]]
    waiting = len(found) - len(active)
    also = f", {waiting} in standby" if waiting else ""
    trouble = tone(f", trouble with {', '.join(troubled)}", "bad") if troubled else ""
    return f"process {active[0]['pid']}{also}{trouble}   flyball serve status"


def _role(one: dict[str, Any]) -> str:
    return tone(one["role"], "good" if one["role"] == "active" else "wait")


def _duties(duties: Sequence[dict[str, Any]]) -> list[str]:
    if not duties:
        return []
    rows = [
        (
            one["name"],
            one["runs"],
            _local(one["last"]),
            "now" if one["running"] else _local(one["next"]),
            one["problem"],
        )
        for one in duties
    ]
    return table(("DUTY", "RUNS", "LAST", "NEXT", "PROBLEM"), rows)


def _local(instant: str | None) -> str:
    return f"{datetime.fromisoformat(instant).astimezone():%Y-%m-%d %H:%M:%S}" if instant else ""
