"""`flyball pending`: what waits for an approval."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import typer

from flyball.cli.kit.away import as_json
from flyball.cli.kit.options import Options, command
from flyball.cli.kit.output import document, note, say, table

if TYPE_CHECKING:
    from flyball.wiring import App
    from tools.approvals.background import Background
    from tools.plans.plan import PlanStep, WaitingPlan

app = typer.Typer()

_HEAD = ("HANDLE", "WHERE", "ACTION", "TARGET", "CHANGE", "ASKED-BY", "TAINT", "NEEDS", "LEFT")


@app.command()
@command
def pending(opts: Options) -> None:
    """List what waits for an approval, in all namespaces. Example: flyball pending"""

    async def work(app: "App") -> None:
        found, plans = await app.approvals.waiting(), await app.approvals.plans.waiting()
        if opts.json:
            items = [item(w, await app.approvals.background(w)) for w in found]
            behind_plans = [(p, await app.approvals.background(p.plan)) for p in plans]
            shown = {"items": items, "plans": [plan_item(*one) for one in behind_plans]}
            document({"kind": "Pending", **as_json(app), **shown})
        elif not found and not plans:
            note("nothing waits")
        else:
            for line in table(_HEAD, await _rows(app, found, plans)):
                say(line)

    opts.run(work, for_log=True)


async def _rows(app: "App", found: list[Any], plans: "list[WaitingPlan]") -> list[tuple[object, ...]]:
    """Questions, then plans, each with whether the session that asks has read untrusted text."""
    asked_by = [*(w.request.principal for w in found), *(p.plan.principal for p in plans)]
    words = ["tainted" if since else "" for since in await app.approvals.tainted(asked_by)]
    now, count = app.context.now_ms(), len(found)
    questions = [_row(one, now, word) for one, word in zip(found, words[:count], strict=True)]
    return [*questions, *(_plan_row(one, now, word) for one, word in zip(plans, words[count:], strict=True))]


def behind(found: "Background") -> list[str]:
    """What stands behind a question, as lines for the one who is asked."""
    from flyball.cli.kit.instants import instant
    from flyball.cli.kit.output import safe, tone

    lines = [f"  asked by  {safe(found.asker)}", f"  rule      {safe(', '.join(found.rules)) or '-'}"]
    if found.tainted_ms:
        said = f"its session has read untrusted text, last at {instant(found.tainted_ms)}"
        lines.append(f"  tainted   {tone(said, 'wait')}")
    return [*lines, f"  read      {safe(', '.join(found.read)) or '-'}"]


def item(waiting: Any, found: "Background") -> dict[str, Any]:
    """One question as JSON."""
    from flyball.cli.kit.instants import instant

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
        **_behind(found),
        "expires": instant(waiting.expires_ms),
    }


def plan_item(waiting: "WaitingPlan", found: "Background") -> dict[str, Any]:
    """A plan that waits as JSON; `open` are the numbers of the steps that wait for votes."""
    from flyball.cli.change.plan_view import as_json

    return {
        **as_json(waiting.plan),
        "open": [step.number for step in waiting.open],
        "session": waiting.plan.principal.session,
        **_behind(found),
    }


def _behind(found: "Background") -> dict[str, Any]:
    from flyball.cli.kit.instants import instant

    since = instant(found.tainted_ms) if found.tainted_ms else None
    return {"tainted_since": since, "read": list(found.read)}


def _row(waiting: Any, now: int, taint: str) -> tuple[object, ...]:
    """A question as one line."""
    from flyball.cli.kit.output import age

    request = waiting.request
    return (
        waiting.handle,
        f"{request.target.cluster}/{request.target.namespace}",
        request.action,
        str(request.target),
        _one_word(waiting.diff),
        request.principal.agent or request.principal.on_behalf_of,
        taint,
        ",".join(str(n["role"]) for n in waiting.needs),
        age((waiting.expires_ms - now) / 1000),
    )


def _one_word(diff: str) -> str:
    """A diff for a column, of which programs cut words: `6->3`, `no_envelope->2..6_until_…`."""
    return diff.replace(" -> ", "->").replace(" ", "_")


def _plan_row(waiting: "WaitingPlan", now: int, taint: str) -> tuple[object, ...]:
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
        _changes(steps),
        plan.principal.agent or plan.principal.on_behalf_of,
        taint,
        ",".join(roles),
        age((plan.votes_until_ms - now) / 1000),
    )


def _changes(steps: "Sequence[PlanStep]") -> str:
    """`search:6->3,+2-more`: the first of the changes that a vote is about."""
    first = f"{steps[0].request.target.name}:{_one_word(steps[0].diff)}"
    return first if len(steps) == 1 else f"{first},+{len(steps) - 1}-more"
