"""`flyball pending`: what waits for an approval."""

from typing import TYPE_CHECKING, Any

import typer

from flyball.cli.kit.away import as_json
from flyball.cli.kit.options import Options, command
from flyball.cli.kit.output import document, note, say, table

if TYPE_CHECKING:
    from flyball.wiring import App
    from tools.approvals.background import Background
    from tools.plans.plan import WaitingPlan

app = typer.Typer()


@app.command()
@command
def pending(opts: Options) -> None:
    """List what waits for an approval, in all namespaces. Example: flyball pending"""

    async def work(app: "App") -> None:
        found, plans = await app.approvals.waiting(), await app.approvals.plans.waiting()
        if opts.json:
            items = [item(w, await app.approvals.background(w)) for w in found]
            shown = {"items": items, "plans": [plan_item(p) for p in plans]}
            document({"kind": "Pending", **as_json(app), **shown})
        elif not found and not plans:
            note("nothing waits")
        else:
            for line in table(
                ("HANDLE", "WHERE", "ACTION", "TARGET", "CHANGE", "ASKED-BY", "NEEDS", "LEFT"),
                [*rows(app, found), *[plan_row(app, p) for p in plans]],
            ):
                say(line)

    opts.run(work, for_log=True)


def behind(found: "Background") -> list[str]:
    """What stands behind a question, as lines for the one who is asked."""
    from flyball.cli.kit.output import safe, tone
    from flyball.cli.kit.render import instant

    lines = [f"  asked by  {safe(found.asker)}", f"  rule      {safe(', '.join(found.rules)) or '-'}"]
    if found.tainted_ms:
        said = f"its session has read untrusted text, last at {instant(found.tainted_ms)}"
        lines.append(f"  tainted   {tone(said, 'wait')}")
    return [*lines, f"  read      {safe(', '.join(found.read)) or '-'}"]


def item(waiting: Any, found: "Background") -> dict[str, Any]:
    """One question as JSON."""
    from flyball.cli.kit.render import instant

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
        "session": request.principal.session,
        "needs": list(waiting.needs),
        "tainted_since": instant(found.tainted_ms) if found.tainted_ms else None,
        "read": list(found.read),
        "expires": instant(waiting.expires_ms),
    }


def rows(app: "App", found: list[Any]) -> list[tuple[object, ...]]:
    """The questions as lines of a table."""
    from flyball.cli.kit.output import age

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


def plan_item(waiting: "WaitingPlan") -> dict[str, Any]:
    """A plan that waits as JSON; `open` are the numbers of the steps that wait for votes."""
    from flyball.cli.change.plan_view import as_json

    return {**as_json(waiting.plan), "open": [step.number for step in waiting.open]}


def plan_row(app: "App", waiting: "WaitingPlan") -> tuple[object, ...]:
    """A plan that waits as one line: how many of its steps need a vote, of whom."""
    from flyball.cli.kit.output import age

    plan, steps = waiting.plan, waiting.open
    spaces = {step.request.target.namespace for step in plan.steps}
    where = f"{plan.cluster}/{spaces.pop() if len(spaces) == 1 else '*'}"
    roles = dict.fromkeys(str(need["role"]) for step in steps for need in step.needs)
    return (
        plan.handle,
        where,
        "plan",
        f"{len(steps)}-of-{len(plan.steps)}-steps",
        "",
        plan.principal.agent or plan.principal.on_behalf_of,
        ",".join(roles),
        age((plan.votes_until_ms - app.context.now_ms()) / 1000),
    )
