"""`flyball audit in-doubt`: writes without an answer, and a person's decision where the outcome cannot be found."""

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from flyball.cli.kit.away import as_json
from flyball.cli.kit.numbers import whole
from flyball.cli.kit.options import Options, command
from flyball.cli.kit.output import advise, document, note, safe, say
from flyball.exits import Exit, Stop, UsageError

if TYPE_CHECKING:
    from flyball.wiring import App
    from tools.path.outcome import Result

app = typer.Typer(help="List and resolve writes in doubt. Example: flyball audit in-doubt")


@app.callback(invoke_without_command=True)
@command
def in_doubt(opts: Options, ctx: typer.Context) -> None:
    """Try to resolve what is in doubt, and list what remains. Example: flyball audit in-doubt"""
    if ctx.invoked_subcommand is not None:
        return

    async def work(app: "App") -> None:
        from flyball.cli.kit import result_json

        results = await app.executor.resolver.sweep()
        if opts.json:
            items = [result_json.document(r) for r in results]
            document({"kind": "InDoubt", **as_json(app), "items": items})
        elif not results:
            note("nothing is in doubt")
        else:
            for result in results:
                _show(result)
        if any(result_json.code(r) is Exit.IN_DOUBT for r in results):
            raise Stop(Exit.IN_DOUBT)

    opts.run(work, for_log=True)


def _show(result: "Result") -> None:
    """How it ended, or, where looking does not tell, how a person says so."""
    from flyball.cli.kit import render, result_json

    first, *rest = render.lines(result)
    say(first)
    if result_json.code(result) is not Exit.IN_DOUBT:
        for line in rest:
            advise(line)
        return
    for became in ("applied", "not-applied"):
        advise(
            f'  {became + ":":<12} flyball audit in-doubt resolve {result.record} --as {became} --reason "…"'
        )
    advise(f"  evidence:    flyball audit show {result.record}")


@app.command()
@command
def resolve(
    opts: Options,
    record: Annotated[int, typer.Argument(help="The intent's record number.", parser=whole)],
    outcome: Annotated[Literal["applied", "not-applied"], typer.Option("--as", help="What you found.")],
    reason: Annotated[str, typer.Option("--reason", help="How you know, recorded in the log.")],
) -> None:
    """Record how a write ended. Example: flyball audit in-doubt resolve 18204 --as applied --reason "seen" """
    if not reason.strip():
        raise UsageError("a reason is needed", where="--reason", hint="say how you know")

    async def work(app: "App") -> None:
        from tools.path.journal import actor_of

        resolver = app.executor.resolver
        found = [e for e in await resolver.open_intents() if e.seq == record]
        if not found:
            raise UsageError(f"record {record} is not in doubt", hint="flyball audit in-doubt")
        who = actor_of(app.identity.by_hand())
        await resolver.by_hand(found[0], outcome.replace("-", "_"), reason, who)
        if opts.json:
            document({"kind": "Resolved", "record": record, "as": outcome})
        else:
            say(f"{app.place}  record {record} resolved as {outcome}: {safe(reason)}")

    opts.run(work)
