"""`flyball tune pause|resume`: no run of an agent begins, and its fast loop stands, until a person lets it go on."""

from typing import TYPE_CHECKING, Annotated

import typer

from flyball.cli.govern.stop import Why
from flyball.cli.kit.agent_names import agent_key, known_agent
from flyball.cli.kit.options import Options, command
from flyball.cli.kit.output import document, say

if TYPE_CHECKING:
    from flyball.wiring import App

Agent = Annotated[str | None, typer.Argument(help="The agent, e.g. night; without it every agent.")]


@command
def pause(opts: Options, agent: Agent = None, reason: Why = "") -> None:
    """Pause the tuning of an agent, or of all; rollbacks go on. Example: flyball tune pause night"""
    _turn(opts, agent, reason, pause=True)


@command
def resume(opts: Options, agent: Agent = None, reason: Why = "") -> None:
    """Let the tuning of an agent, or of all, go on. Example: flyball tune resume night"""
    _turn(opts, agent, reason, pause=False)


def _turn(opts: Options, agent: str | None, reason: str, *, pause: bool) -> None:
    async def work(app: "App") -> None:
        from tools.path.tuning_pause import ALL, turn

        scope = await _known(app, agent) if agent else ALL
        entry = await turn(app.context, scope, app.identity.by_hand(), pause=pause, reason=reason)
        word = "paused" if pause else "resumed"
        if opts.json:
            seq = entry.seq if entry else None
            document({"kind": "TunePause", "scope": scope, "state": word, "record": seq})
            return
        named = "all tuning" if scope == ALL else f"tuning by {scope}"
        say(f"{named} {word}" + (f"   record {entry.seq}" if entry else "   it was so already"))

    opts.run(work, for_log=True)


async def _known(app: "App", name: str) -> str:
    agents = (await app.context.gate()).snapshot.agents
    return known_agent(name, agents) if agents else agent_key(name)
