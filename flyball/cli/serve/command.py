"""`flyball serve`: the process that works by itself; `flyball serve status` says how it stands."""

import asyncio
import os
import signal
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Annotated

import typer

from flyball.cli.kit.options import Options, command
from flyball.cli.kit.output import document, say
from flyball.exits import Exit, Stop, UsageError

if TYPE_CHECKING:
    from flyball.service.address import Port
    from flyball.service.health import Health
    from flyball.wiring import App

app = typer.Typer()

Listen = Annotated[
    str | None,
    typer.Option("--listen", help="Also answer /healthz and /readyz there: HOST:PORT.", metavar="HOST:PORT"),
]
Once = Annotated[bool, typer.Option("--once", help="Do what is due now, and end.")]


@app.callback(invoke_without_command=True)
@command
def serve(opts: Options, ctx: typer.Context, listen: Listen = None, once: Once = False) -> None:
    """Run schedules and all other duties until stopped. Example: flyball serve --listen 127.0.0.1:8080"""
    if ctx.invoked_subcommand is not None:
        if listen is not None or once:
            raise UsageError(f"`{ctx.invoked_subcommand}` only asks", hint="leave --listen and --once out")
        # what stands before it counts for it too: `serve -n shop status`
        ctx.default_map = {ctx.invoked_subcommand: {k: v for k, v in ctx.params.items() if v is not None}}
        return
    if once and listen is not None:
        raise UsageError("--once listens nowhere", hint="leave --listen out")
    from flyball.cli.serve.log_lines import log_lines
    from flyball.service.address import port_of

    port = port_of(listen) if listen is not None else None
    log_lines(as_json=opts.json)
    opts.run((lambda app: _once(opts, app)) if once else (lambda app: _serve(app, port)))


@app.command()
@command
def status(opts: Options) -> None:
    """Say how the services stand, and what each duty does. Example: flyball serve status"""
    from flyball.cli.serve.show import show
    from flyball.place import log_place
    from flyball.service.ask import services

    place = log_place(opts.settings)
    found = asyncio.run(services(place.folder, place.context))
    show(opts, place, found)
    if not any(one["role"] == "active" for one in found):
        raise Stop(Exit.UNAVAILABLE)


async def _serve(app: "App", port: "Port | None") -> None:
    from flyball.service.health import Health
    from flyball.service.service import Service

    health = Health(app)
    service = Service(app, health)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, service.stop)
    async with AsyncExitStack() as stack:
        await _listen(stack, app, health, port)
        await service.run()


async def _listen(stack: AsyncExitStack, app: "App", health: "Health", port: "Port | None") -> None:
    from flyball.service.address import SocketFile
    from flyball.service.ask import clear_dead
    from flyball.service.http_server import listening

    folder = app.place.folder
    await clear_dead(folder)
    own = SocketFile(folder / f"serve-{os.getpid()}.sock")
    await stack.enter_async_context(listening(own, health.private))
    if port is not None:
        await stack.enter_async_context(listening(port, health.public))


async def _once(opts: Options, app: "App") -> None:
    from flyball.service.happened import Tally
    from flyball.service.health import Health
    from flyball.service.service import Service

    tally = await Tally.begin(app)
    problems = await Service(app, Health(app)).once()  # said already, as they happened
    happened = await tally.count()
    if opts.json:
        told = {"happened": happened.document(), "problems": problems}
        document({"kind": "ServedOnce", "context": app.place.context, **told})
    else:
        say(f"{app.place.context}  {happened if happened else 'nothing happened'}")
    if problems:
        raise Stop(Exit.FAILED)
