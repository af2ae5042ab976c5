"""The cluster is away, and the command answers from the log: said in one way by all commands that can."""

from typing import TYPE_CHECKING, Any

from flyball.cli.kit.output import guide, note, safe, tone

if TYPE_CHECKING:
    from flyball.wiring import App
    from tools.errors import ToolError


def warn(away: "ToolError") -> None:
    """Why, on stderr, before the answer."""
    note(f"{tone('cluster away:', 'bad')} {safe(away.said)}")
    for line in away.hint.splitlines():
        guide(f"  {safe(line)}")
    note("  what follows is what the log holds")


def as_json(app: "App") -> dict[str, Any]:
    """`cluster_away` of a document: what, where, hint; null where the cluster is there."""
    away = app.away
    told = {"what": away.what, "where": away.where, "hint": away.hint} if away else None
    return {"cluster_away": told}
