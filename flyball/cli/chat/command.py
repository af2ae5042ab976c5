"""`flyball chat`: talk to the ops agent. Its proposals take the same path as every other action."""

import asyncio
import uuid
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from flyball.cli.change.act import DryRun, mode
from flyball.cli.kit.model import endpoint_of
from flyball.cli.kit.options import Options, command
from flyball.exits import Stop, UsageError
from flyball.model_endpoint import is_configured

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
    how = mode(dry_run)
    if not is_configured(opts.settings):
        opts.run(partial(_without_model, opts, message, thread or "", how == "dry_run" or lines))
        return
    endpoint = endpoint_of(opts)

    async def work(app: "App") -> None:
        from flyball.cli.chat.commands import Commands
        from flyball.cli.chat.repl import Prompt, Repl
        from flyball.cli.chat.show import chosen
        from flyball.cli.chat.turns import Chat
        from flyball.cli.chat.typed import Typed
        from flyball.cli.chat.with_model import WithModel
        from flyball.cli.kit.session import Session
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
            prompt = Prompt(str(app.place))
            typed = Typed(Session(opts.flags, opts.config, app, asyncio.get_running_loop()))
            raise Stop(await Repl(prompt, WithModel(chat, Commands(chat, typed, prompt.ask))).run())

    opts.run(work)


async def _without_model(
    opts: Options, message: str | None, thread: str, asks_for_turns: bool, app: "App"
) -> None:
    """The command mode: the same prompt, and no model behind it."""
    from flyball.cli.chat.repl import Prompt, Repl
    from flyball.cli.chat.speaker import CONNECT, CommandMode
    from flyball.cli.chat.typed import Typed
    from flyball.cli.kit.session import Session

    if thread or asks_for_turns:
        raise UsageError("--thread, --dry-run and --json are for a chat with a model", hint=CONNECT)
    speaker = CommandMode(app, Typed(Session(opts.flags, opts.config, app, asyncio.get_running_loop())))
    if message is not None:
        raise Stop(await speaker.answer(message.strip()))
    if opts.json:
        raise UsageError("-o json is for one command", hint="give -m TEXT")
    raise Stop(await Repl(Prompt(str(app.place)), speaker).run())


def _new_name(app: "App") -> str:
    now = datetime.fromtimestamp(app.context.clock.wall_ms() / 1000, UTC)
    return f"{now:%Y%m%d-%H%M%S}-{uuid.uuid4().hex[:4]}"
