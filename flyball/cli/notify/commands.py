"""`flyball notify test|status`: who is told of what, and whether it arrives."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from flyball.cli.kit.away import as_json
from flyball.cli.kit.options import Options, command
from flyball.cli.kit.output import document, note, safe, say, table, tone
from flyball.exits import Exit, Stop, UsageError

if TYPE_CHECKING:
    from flyball.notify.message import Message
    from flyball.notify.post import Answer
    from flyball.notify.receivers import Receiver
    from flyball.notify.standing import Standing
    from flyball.wiring import App

app = typer.Typer(
    help="Send a test message, or show who is told of what. Example: flyball notify status",
    no_args_is_help=True,
)
Name = Annotated[str | None, typer.Argument(help="A receiver of the file; unset: all of them.")]


@app.callback()
def _group() -> None:
    """Who is told of what, and whether it arrives."""


@app.command("test")
@command
def try_(opts: Options, name: Name = None) -> None:
    """Send a test message. Example: flyball notify test oncall"""
    import asyncio

    from flyball.notify.receivers import receivers

    found = [one for one in receivers(opts.settings["notify"]) if name in (None, one.name)]
    if not found:
        what = f"no receiver `{name}`" if name else "no receiver is configured"
        raise UsageError(what, where="notify", hint="name them in the file of the setting `notify`")
    ends = asyncio.run(_sent(found))
    items = [{"name": one.name, "end": a.end, "why": a.why} for one, a in zip(found, ends, strict=True)]
    if opts.json:
        document({"kind": "NotifyTest", "items": items})
    else:
        for one in items:
            told = tone(one["end"], "good" if one["end"] == "sent" else "bad")
            say(f"{one['name']}  {told}  {safe(one['why'])}".rstrip())
    if any(a.end != "sent" for a in ends):
        raise Stop(Exit.UNAVAILABLE)


async def _sent(found: "list[Receiver]") -> "list[Answer]":
    import asyncio
    import time

    from flyball.notify.bodies import body_of, headers
    from flyball.notify.post import post

    message, at_s = _example(int(time.time())), int(time.time())
    bodies = [body_of(message, one) for one in found]
    made = zip(found, bodies, strict=True)
    return await asyncio.gather(*(post(one, body, headers(message, one, body, at_s)) for one, body in made))


def _example(at_s: int) -> "Message":
    from flyball.notify.message import Message

    return Message(
        id=f"test-{at_s}",
        topic="service",
        severity="info",
        seq=0,
        at_ms=1000 * at_s,
        cluster="",
        about="",
        title="a test message of Flyball",
        lines=("nothing has happened: somebody tries whether messages arrive",),
        command="flyball notify status",
    )


@app.command()
@command
def status(opts: Options) -> None:
    """Show the receivers and what they wait for. Example: flyball notify status"""

    async def work(app: "App") -> None:
        from flyball.notify.receivers import receivers
        from flyball.notify.standing import standing

        found = [await standing(app.context, one) for one in receivers(app.settings["notify"])]
        if opts.json:
            document({"kind": "Notify", **as_json(app), "items": [_item(one) for one in found]})
        elif not found:
            note("nobody is told of anything: no receiver is configured (setting `notify`)")
        else:
            for line in table(_TITLES, [_row(one) for one in found]):
                say(line)

    opts.run(work, for_log=True)


_TITLES = ("RECEIVER", "KIND", "ADDRESS", "WAITING", "OLDEST", "TOLD-TO", "LAST", "TOPICS")


def _row(one: "Standing") -> tuple[object, ...]:
    from flyball.cli.kit.output import age

    r = one.receiver
    oldest = None if one.oldest_ms is None else age(one.oldest_ms / 1000)
    told = None if one.at is None else f"record {one.at - 1}"
    waiting = f"{one.waiting}{'+' if one.more else ''}"
    return (r.name, r.kind, r.address, waiting, oldest, told, one.last, ",".join(sorted(r.topics)))


def _item(one: "Standing") -> dict[str, Any]:
    r = one.receiver
    return {
        "name": r.name,
        "kind": r.kind,
        "address": str(r.address),
        "topics": sorted(r.topics),
        "next_record": one.at,
        "waiting": one.waiting,
        "more": one.more,
        "oldest_ms": one.oldest_ms,
        "last_sent": one.last or None,
    }
