"""`flyball event add|list|show|end`: load that somebody knows of beforehand."""

from typing import TYPE_CHECKING, Annotated

import typer

from flyball.cli.kit.away import as_json
from flyball.cli.kit.options import Options, command
from flyball.cli.kit.output import document, note, safe, say, table
from flyball.exits import UsageError

if TYPE_CHECKING:
    from flyball.wiring import App
    from tools.events.live import Declared

app = typer.Typer(
    help='Declare load that you know of. Example: flyball event add "black friday" --to +8h --at-least 3x',
    no_args_is_help=True,
)
Title = Annotated[str | None, typer.Argument(metavar="[NAME]", help='What it is, e.g. "black friday".')]
Name = Annotated[str, typer.Argument(help="From `flyball event list`.")]
Select = Annotated[str, typer.Option("--select", "-l", help="Labels, e.g. tier=frontend; unset: all.")]
From = Annotated[str, typer.Option("--from", help="When: 2026-11-27T06:00 (local), with Z, or +2h.")]
To = Annotated[str | None, typer.Option("--to", help="Until when, in the same way.")]
AtLeast = Annotated[str | None, typer.Option("--at-least", help="Times the forecast load, e.g. 3x.")]
AtMost = Annotated[str | None, typer.Option("--at-most", help="What it will hardly pass, e.g. 5x.")]
Words = Annotated[
    str | None, typer.Option("--words", help="Say it plainly instead; a model reads it, you decide.")
]
Reason = Annotated[str, typer.Option("--reason", help="The reason, recorded in the log.")]


@app.callback()
def _group() -> None:
    """Declare load that you know of beforehand."""


@app.command()
@command
def add(
    opts: Options,
    title: Title = None,
    select: Select = "",
    from_: From = "+0s",
    to: To = None,
    at_least: AtLeast = None,
    at_most: AtMost = None,
    words: Words = None,
    reason: Reason = "",
) -> None:
    """Declare an event. Example: flyball event add "black friday" -l tier=frontend --to +8h --at-least 3x"""
    from flyball.cli.event import reading
    from flyball.cli.event.declaring import declare

    if words is not None:
        from flyball.cli.event.in_words import add_in_words

        if title or to or at_least or at_most or select:
            raise UsageError(
                "an event is given in words or by options", where="--words", hint="leave one out"
            )
        add_in_words(opts, words, reason)
        return
    if not (title and to and at_least):
        missing = [n for n, v in (("NAME", title), ("--to", to), ("--at-least", at_least)) if not v]
        hint = 'e.g. flyball event add "black friday" --to +8h --at-least 3x'
        hint += '\nin plain words: flyball event add --words "three times the load from 6 to 10 pm"'
        raise UsageError(f"an event needs {', '.join(missing)}", hint=hint)

    async def work(app: "App") -> None:
        said = {"title": title, "select": select, "from_": from_, "to": to, "at_least": at_least}
        by = {"namespace": app.place.namespace, "source": app.identity.human, "at_most": at_most}
        await declare(opts, app, reading.event(app.context.now_ms(), **said, **by), reason)

    opts.run(work)


@app.command("list")
@command
def list_(opts: Options) -> None:
    """List the events that are on or upcoming. Example: flyball event list"""

    async def work(app: "App") -> None:
        from flyball.cli.event import show as view

        now, found = app.context.now_ms(), await _declared(app)
        if opts.json:
            document({"kind": "Events", **as_json(app), "items": [view.as_item(one, now) for one in found]})
        elif not found:
            note(f"{app.place.context}: no event is on or upcoming")
        else:
            for line in table(view.TITLES, [view.row(one, now) for one in found]):
                say(line)

    opts.run(work, for_log=True)


async def _declared(app: "App") -> "list[Declared]":
    """Those that hold or will, in every namespace of the cluster, by their beginning."""
    from tools.events.live import declared

    every, now = await declared(app.log, app.place.context), app.context.now_ms()
    return sorted((one for one in every if now < one.until_ms), key=lambda one: one.event.from_ms)


@app.command()
@command
def show(opts: Options, name: Name) -> None:
    """Show one event, also one that is over. Example: flyball event show black-friday"""

    async def work(app: "App") -> None:
        from flyball.cli.event import show as view
        from policies.claim_keys import EVENT
        from tools.events.declare import Declarations
        from tools.events.live import Declared
        from tools.events.types import Event

        entry = await Declarations(app.context).named(app.place.namespace, name)
        event = Event.of(entry.record.args or {})
        key = EVENT.of(event.target(app.place.context).key)
        one = Declared(event, entry, (await app.log.values((key,)))[key])
        if opts.json:
            document({"kind": "Event", **as_json(app), **view.as_item(one, app.context.now_ms())})
            return
        by = f"  by     {entry.record.actor.id}  record {entry.seq}"
        for line in (*view.lines(event), f"  state  {view.state(one, app.context.now_ms())}", by):
            say(line)
        if entry.record.reason:
            say(f"  reason {safe(entry.record.reason)}")

    opts.run(work, for_log=True)


@app.command()
@command
def end(opts: Options, name: Name, reason: Reason = "") -> None:
    """End an event before its time. Example: flyball event end black-friday"""

    async def work(app: "App") -> None:
        from tools.events.declare import Declarations

        by = app.identity.by_hand()
        entry = await Declarations(app.context).end(app.place.namespace, name, by, reason)
        if opts.json:
            document({"kind": "EventEnded", **as_json(app), "name": name, "record": entry.seq})
        else:
            say(f"{app.place}  ended {name}\n  record {entry.seq}")

    opts.run(work)
