"""`flyball pending`: what waits for an approval."""

from typing import Any

import typer

from flyball.cli.options import Options, command
from flyball.cli.output import document, note, say, table

app = typer.Typer()


@app.command()
@command
def pending(opts: Options) -> None:
    """List what waits for an approval. Example: flyball pending"""

    async def work(app: Any) -> None:
        found = await app.approvals.waiting()
        if opts.json:
            document({"kind": "Pending", "items": [item(w) for w in found]})
        elif not found:
            note("nothing waits")
        else:
            for line in table(
                ("HANDLE", "WHERE", "ACTION", "TARGET", "CHANGE", "ASKED-BY", "NEEDS", "LEFT"),
                rows(app, found),
            ):
                say(line)

    opts.run(work)


def item(waiting: Any) -> dict[str, Any]:
    """One question as JSON."""
    from flyball.cli.render import instant

    request = waiting.request
    return {
        "handle": waiting.handle,
        "request_digest": request.digest,
        "record": waiting.entry.seq,
        "context": request.target.cluster,
        "namespace": request.target.namespace,
        "target": str(request.target),
        "action": request.action,
        "args": request.args,
        "diff": waiting.diff,
        "asked_by": request.principal.agent or request.principal.on_behalf_of,
        "on_behalf_of": request.principal.on_behalf_of,
        "needs": list(waiting.needs),
        "expires": instant(waiting.expires_ms),
    }


def rows(app: Any, found: list[Any]) -> list[tuple[object, ...]]:
    """The questions as lines of a table."""
    from flyball.cli.output import age

    now = app.context.now_ms()
    return [
        (
            w.handle,
            f"{w.request.target.cluster}/{w.request.target.namespace}",
            w.request.action,
            str(w.request.target),
            w.diff.replace(" ", ""),
            w.request.principal.agent or w.request.principal.on_behalf_of,
            ",".join(str(n["role"]) for n in w.needs),
            age((w.expires_ms - now) / 1000),
        )
        for w in found
    ]
