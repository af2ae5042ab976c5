"""`flyball chat`: talk to the ops agent. Its proposals take the same path as every other action."""

import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from flyball.cli.change.act import DryRun, mode
from flyball.cli.kit.model import endpoint_of
from flyball.cli.kit.options import Options, command
from flyball.exits import Stop, UsageError

if TYPE_CHECKING:
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
    how, endpoint = mode(dry_run), endpoint_of(opts)

    async def work(app: "App") -> None:
        from flyball.cli.chat.repl import Repl
        from flyball.cli.chat.show import chosen
        from flyball.cli.chat.turns import Chat
        from flyball.open_chat import open_chat

        name = thread or _new_name(app)
        async with open_chat(app, endpoint, how) as ops:
            show = chosen(str(app.place), name, lines=lines, document=opts.json and not lines)
            chat = Chat(app, ops, name, show)
            if message is not None:
                raise Stop(await chat.follow(ops.turn(name, message)))
            if opts.json:
                raise UsageError(
                    "-o json is for one turn", hint="give -m TEXT, or --json for a stream of events"
                )
            raise Stop(await Repl(chat).run())

    opts.run(work)


def _new_name(app: "App") -> str:
    now = datetime.fromtimestamp(app.context.clock.wall_ms() / 1000, UTC)
    return f"{now:%Y%m%d-%H%M%S}-{uuid.uuid4().hex[:4]}"
