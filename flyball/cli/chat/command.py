"""`flyball chat`: talk to the ops agent. What it proposes takes the same path as anything else."""

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flyball.cli.change.act import DryRun, mode
from flyball.cli.chat.ends import AGENT
from flyball.cli.kit.options import Options, command
from flyball.exits import Stop, UsageError

if TYPE_CHECKING:
    from agents.models.endpoint import Endpoint
    from agents.ops.agent import OpsAgent
    from flyball.wiring import App

app = typer.Typer()

Message = Annotated[str | None, typer.Option("-m", "--message", help="One turn, then exit (for scripts).")]
Thread = Annotated[str | None, typer.Option("--thread", help="The conversation to continue, or to start.")]
Lines = Annotated[bool, typer.Option("--json", help="Events as JSON, one a line.")]


@app.command()
@command
def chat(
    opts: Options,
    message: Message = None,
    thread: Thread = None,
    dry_run: DryRun = None,
    lines: Lines = False,
) -> None:
    """Talk to the ops agent. Example: flyball chat -m "scale web to 6" """
    how, endpoint = mode(dry_run), _endpoint(opts)

    async def work(app: "App") -> None:
        from flyball.cli.chat.repl import Repl, one_turn
        from flyball.cli.chat.show import chosen

        name = thread or _new_name(app)
        async with _agent(app, endpoint, name, how) as ops:
            show = chosen(str(app.place), name, lines=lines, document=opts.json and not lines)
            if message is not None:
                raise Stop(await one_turn(app, ops, name, message, show))
            if opts.json:
                raise UsageError(
                    "-o json is for one turn", hint="give -m TEXT, or --json for a stream of events"
                )
            raise Stop(await Repl(app, ops, name, show).run())

    opts.run(work)


def _endpoint(opts: Options) -> "Endpoint":
    """The model that the settings name; without one, how to connect one, before anything is opened."""
    from agents.errors import ModelMissing
    from agents.models.endpoint import Endpoint

    settings = opts.settings
    endpoint = Endpoint(settings["model_url"], settings["model_name"], settings["model_key"])
    try:
        endpoint.check()
    except ModelMissing as e:
        raise UsageError(e.what, where=e.where, hint=e.hint) from e
    return endpoint


def _new_name(app: "App") -> str:
    now = datetime.fromtimestamp(app.context.clock.wall_ms() / 1000, UTC)
    return f"{now:%Y%m%d-%H%M%S}-{uuid.uuid4().hex[:4]}"


@asynccontextmanager
async def _agent(app: "App", endpoint: "Endpoint", thread: str, how: Any) -> AsyncIterator["OpsAgent"]:
    from agents.models.openai_chat import connect
    from agents.ops.agent import OpsAgent

    model = connect(endpoint)
    try:
        async with OpsAgent(
            model,
            app.toolbox,
            checkpoints=app.place.folder / "threads.db",
            leases=app.context.leases,
            principal=app.agent(AGENT, f"chat-{thread}"[:128]),
            where=str(app.place),
            namespace=app.place.namespace,
            mode=how,
            budget=await _budget(app),
            clock=app.context.clock,
        ) as ops:
            yield ops
    finally:
        await model.close()


async def _budget(app: "App") -> Any:
    """The default budget of a turn, narrowed by what policy gives the agent."""
    from dataclasses import replace

    from agents.ops.budget import Budget

    agent = (await app.context.gate()).snapshot.agents.get(AGENT)
    budget = Budget()
    if agent is None:
        return budget
    limits = agent.spec.budgets
    return replace(
        budget,
        steps=min(budget.steps, limits.steps or budget.steps),
        tokens=min(budget.tokens, limits.tokens or budget.tokens),
    )
