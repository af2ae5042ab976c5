"""`flyball agent promote|retire`: how far an agent may go, raised or ended by the person who owns it."""

from typing import TYPE_CHECKING, Annotated

import typer

from flyball.cli.govern.stop import Why
from flyball.cli.kit.agent_names import known_agent
from flyball.cli.kit.confirm import confirm
from flyball.cli.kit.options import Options, command
from flyball.cli.kit.output import document, safe, say, table

if TYPE_CHECKING:
    from flyball.wiring import App
    from policies.fields import Autonomy
    from tools.path.promotion import Raise
    from tools.path.shadow import Shadow

Name = Annotated[str, typer.Argument(help="The agent, e.g. tuner.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
To = Annotated[
    str | None,
    typer.Option("--to", help="recommend, approve or autonomous (unset: one level higher)."),
]


@command
def promote(opts: Options, name: Name, to: To = None, reason: Why = "", yes: Yes = False) -> None:
    """Let an agent go one level further, after its shadow. Example: flyball agent promote tuner --to approve"""

    async def work(app: "App") -> None:
        from tools.path import promotion

        who, agent = app.identity.by_hand(), await _known(app, name)
        asked = await promotion.proposed(app.context, agent, who, _level(to))
        if not opts.json:
            _say_shadow(asked)
        if not yes and not (asked.shadow and asked.shadow.missing_days):
            confirm(opts, f"{agent}: {asked.before} -> {asked.after}", "Promote it? ")
        entry = await promotion.promote(app.context, asked, who, reason)
        if opts.json:
            document({"kind": "Promotion", "agent": agent, "record": entry.seq, **_document(asked)})
        else:
            say(f"{agent}  {asked.before} -> {asked.after}  record {entry.seq}")

    opts.run(work)


@command
def retire(opts: Options, name: Name, reason: Why = "", yes: Yes = False) -> None:
    """End an agent for good: its name never acts again. Example: flyball agent retire tuner"""

    async def work(app: "App") -> None:
        from tools.path import promotion

        agent = await _known(app, name)
        if not yes:
            confirm(opts, f"{agent} never acts again, whatever policy says", "Retire it? ")
        entry = await promotion.retire(app.context, agent, app.identity.by_hand(), reason)
        if opts.json:
            document({"kind": "Retirement", "agent": agent, "record": entry.seq})
        else:
            say(f"{agent}  retired  record {entry.seq}")

    opts.run(work, for_log=True)


async def _known(app: "App", name: str) -> str:
    return known_agent(name, (await app.context.gate()).snapshot.agents)


def _level(to: str | None) -> "Autonomy | None":
    from flyball.exits import UsageError
    from policies.agent_fields import LEVELS

    if to is None:
        return None
    for level in LEVELS:
        if level == to:
            return level
    raise UsageError(f"`{to}` is no level", hint="one of " + ", ".join(LEVELS))


def _document(asked: "Raise") -> dict[str, object]:
    shadow = asked.shadow
    found = {"shadow": {**shadow.document, "sha256": shadow.digest}} if shadow else {}
    return {"from": asked.before, "to": asked.after, **found}


def _say_shadow(asked: "Raise") -> None:
    """What it would have done, against what happened."""
    shadow = asked.shadow
    if shadow is None:
        say(f"{asked.agent.principal} has been at `{asked.after}` before, or policy asks for no shadow")
        return
    say(f"the shadow of {shadow.agent}: {shadow.runs} runs on {shadow.days} of {shadow.needed} days")
    for line in _table(shadow):
        say(safe(line))
    if len(shadow.lines) < shadow.workloads:
        say(f"{len(shadow.lines)} of {shadow.workloads} workloads, drawn by a hash of their names")
    say(f"sha256 {shadow.digest}")


def _table(shadow: "Shadow") -> list[str]:
    titles = (
        "WORKLOAD",
        "PROPOSED",
        "COMPARED",
        "POD-HOURS",
        "WOULD HAVE BEEN",
        "BUSY MIN",
        "WOULD HAVE BEEN",
    )
    rows = [
        (
            line.workload,
            str(line.proposals),
            str(line.compared),
            f"{line.pod_minutes / 60:.1f}",
            f"{line.pod_minutes_proposed / 60:.1f}",
            str(line.busy_minutes),
            str(line.busy_minutes_proposed),
        )
        for line in shadow.lines
    ]
    return list(table(titles, rows)) if rows else ["nothing was proposed"]
