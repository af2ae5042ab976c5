"""A plan on the screen: its steps with their diffs, the question, each step as it ends, what to do next."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from flyball.cli.kit.options import Options
from flyball.cli.kit.output import Tone, advise, note, safe, say, tone
from flyball.exits import Exit

if TYPE_CHECKING:
    from flyball.wiring import App
    from tools.plans.plan import Carried, Plan, PlanStep, StepDone

Exclude = Annotated[
    list[str] | None,
    typer.Option("--exclude", help="Leave this workload out, e.g. deploy/web; may be repeated."),
]
Stop = Annotated[
    Literal["doubt", "failure", "refusal"],
    typer.Option("--stop-on", help="When to stop early; a write in doubt always stops it."),
]

_WORDS: dict[str, tuple[str, Tone]] = {
    "applied": ("done", "good"),
    "in_part": ("in part", "bad"),
    "unchanged": ("unchanged", "good"),
    "simulated": ("would", "good"),
    "refused": ("denied", "bad"),
    "waiting": ("waits", "wait"),
    "failed": ("failed", "bad"),
    "in_doubt": ("IN DOUBT", "bad"),
    "unavailable": ("unavailable", "bad"),
    "excluded": ("left out", "dim"),
    "not_tried": ("not tried", "dim"),
}
_WIDTH = max(len(word) for word, _ in _WORDS.values())


def summary(plan: "Plan") -> str:
    """`plan 77ab41c9  9 changes, 2 need approval, 0 refused`."""
    need, refused, later = (len(plan.having(v)) for v in ("needs_approval", "deny", "later"))
    behind = f", {later} judged later" if later else ""
    changes = f"{len(plan.steps)} change{'' if len(plan.steps) == 1 else 's'}"
    verb = "needs" if need == 1 else "need"
    return f"plan {plan.handle}  {changes}, {need} {verb} approval, {refused} refused{behind}"


def offer(plan: "Plan") -> str:
    """The command that applies exactly this plan, or why there is none."""
    if plan.hopeless:
        return "  nothing of it can be applied: each step was refused"
    return f"  apply exactly this: flyball tune apply {plan.handle}"


def lines(app: "App", plan: "Plan", left_out: frozenset[int] = frozenset()) -> list[str]:
    """The whole plan, a line a step, as it is shown before it is confirmed."""
    from flyball.cli.kit.output import age

    who = plan.principal.agent or plan.principal.on_behalf_of
    left = age((plan.expires_ms - app.context.now_ms()) / 1000)
    head = f"{app.place}  {summary(plan)}   by {who}, for {left} more"
    wide = max(len(what(step)) for step in plan.steps)
    return [head, *[_planned(step, wide, step.number in left_out) for step in plan.steps]]


def _planned(step: "PlanStep", wide: int, left_out: bool) -> str:
    if left_out:
        return f"  {step.number:>3}  {what(step).ljust(wide)}   {tone('left out', 'dim')}"
    said = {"deny": "denied: ", "later": "later: "}.get(step.verdict, "")
    rule = f"{step.rule}: " if step.verdict == "deny" and step.rule else ""
    how: Tone = {"deny": "bad", "needs_approval": "wait"}.get(step.verdict, "dim")  # type: ignore[assignment]
    return f"  {step.number:>3}  {what(step).ljust(wide)}   {tone(safe(said + rule + step.detail), how)}"


def what(step: "PlanStep") -> str:
    """`scale deployment/web 4 -> 7`."""
    return safe(f"{step.request.action} {step.request.target} {step.diff}".rstrip())


def ended(done: "StepDone") -> str:
    """How a step ended, in a line."""
    word, how = _WORDS[done.status]
    record = f"   record {done.result.record}" if done.result else ""
    detail = f"   {safe(done.detail)}" if done.detail else ""
    again = "   carried out before" if getattr(done.result, "replayed", False) else ""
    return (
        f"  {done.step.number:>3}  {tone(word.ljust(_WIDTH), how)}  {what(done.step)}{again}{detail}{record}"
    )


def code_of(carried: "Carried") -> Exit:
    """The first of in doubt, unavailable, failed; what was refused or waits is a count."""
    counts = carried.counts()
    if counts.get("in_doubt"):
        return Exit.IN_DOUBT
    if counts.get("unavailable"):
        return Exit.UNAVAILABLE
    return Exit.FAILED if counts.get("failed") or counts.get("in_part") else Exit.DONE


def next_steps(carried: "Carried") -> list[str]:
    """What can be done now, by what is left of the plan; what was left out stays out."""
    from tools.plans.plan import leaving_out

    counts, plan = carried.counts(), carried.plan
    failed = next((done for done in carried.steps if done.status == "failed"), None)
    out = [done.step for done in carried.steps if done.status == "excluded"]
    named = plan.handle + leaving_out(out)
    found = []
    if counts.get("in_doubt"):
        found.append("  do not repeat: flyball audit in-doubt, then: flyball tune apply " + named)
    if counts.get("waiting"):
        found.append(f"  yes:   flyball approve {named}")
    if failed is not None and counts.get("not_tried"):
        without = plan.handle + leaving_out([*out, failed.step])
        found.append(f"  without it:  flyball tune apply {without}")
    if counts.get("unavailable"):
        found.append(f"  go on: flyball tune apply {named}")
    if counts.get("applied") or counts.get("in_part"):
        found.append(f"  undo:  flyball undo --run {plan.run_id}")
    return found


def teller(opts: Options) -> "Callable[[StepDone], None]":
    """Says how each step ends, as it ends."""
    tell = note if opts.json else say
    return lambda done: tell(ended(done))


def report(opts: Options, app: "App", carried: "Carried", **more: Any) -> Exit:
    """The counts and what comes next, or the one document (with `more`); the exit code of it all."""
    from flyball.cli.kit.output import document

    if opts.json:
        document({**result(carried), **more})
        return code_of(carried)
    counts = ", ".join(f"{n} {status.replace('_', ' ')}" for status, n in carried.counts().items())
    say(f"{app.place}  plan {carried.plan.handle}  {counts}")
    for line in next_steps(carried):
        advise(line)
    return code_of(carried)


def as_json(plan: "Plan") -> dict[str, Any]:
    """A plan as JSON; `verdict` is allow, needs_approval, deny, or later."""
    from flyball.cli.kit.instants import instant

    return {
        "handle": plan.handle,
        "digest": plan.digest,
        "run_id": plan.run_id,
        "context": plan.cluster,
        "by": plan.principal.agent or plan.principal.on_behalf_of,
        "on_behalf_of": plan.principal.on_behalf_of,
        "reason": plan.reason,
        "changes": len(plan.steps),
        "need_approval": len(plan.having("needs_approval")),
        "refused": len(plan.having("deny")),
        "expires": instant(plan.expires_ms),
        "votes_until": instant(plan.votes_until_ms),
        "steps": [_step(step) for step in plan.steps],
    }


def _step(step: "PlanStep") -> dict[str, Any]:
    request = step.request
    return {
        "number": step.number,
        "namespace": request.target.namespace,
        "target": str(request.target),
        "action": request.action,
        "args": request.args,
        "diff": step.diff,
        "verdict": step.verdict,
        "stage": step.stage,
        "rule": step.rule,
        "detail": step.detail,
        "needs": [dict(need) for need in step.needs],
        "request_digest": request.digest,
    }


def result(carried: "Carried") -> dict[str, Any]:
    """The result of an application as JSON."""
    plan = carried.plan
    return {
        "kind": "PlanResult",
        "exit_code": int(code_of(carried)),
        "handle": plan.handle,
        "digest": plan.digest,
        "run_id": plan.run_id,
        "context": plan.cluster,
        "counts": dict(carried.counts()),
        "steps": [_ended(done) for done in carried.steps],
    }


def _ended(done: "StepDone") -> dict[str, Any]:
    return {
        "number": done.step.number,
        "namespace": done.step.request.target.namespace,
        "target": str(done.step.request.target),
        "action": done.step.request.action,
        "diff": done.step.diff,
        "status": done.status,
        "detail": done.detail,
        "record": done.result.record if done.result else None,
        "replayed": getattr(done.result, "replayed", False),
    }


def ask(opts: Options, shown: Sequence[str], question: str, yes: bool) -> None:
    """Print the plan, then ask, unless --yes is given. Anything but yes ends the command."""
    from flyball.cli.kit.confirm import confirm

    if not yes:
        confirm(opts, "\n".join(shown), question)
        return
    for line in shown:
        (note if opts.json else say)(line)
