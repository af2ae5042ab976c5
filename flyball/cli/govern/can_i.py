"""`flyball policy can-i`: yes or no, and the exit code says it too; without an action, every action."""

import dataclasses
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flyball.cli.govern.question import Supposed, action_of, asked, asker, policy_of, slips, supposing
from flyball.cli.kit.completion import workloads
from flyball.cli.kit.naming import one
from flyball.cli.kit.options import Options, command
from flyball.cli.kit.output import document, note, safe, say, table, tone
from flyball.exits import Exit, Stop, UsageError

if TYPE_CHECKING:
    from policies.explain import Explanation
    from policies.questions import Question
    from policies.snapshot import Snapshot

Words = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[ACTION] [KIND/NAME]",
        help="scale deploy/web; deploy/web: every action on it; nothing: every action in the namespace.",
        autocompletion=workloads,
    ),
]
All = Annotated[bool, typer.Option("--list", help="List every action, also where nothing else is named.")]
UNKNOWN_NOW = (
    "what it has now is not known here: steps and factors are not judged (--current-replicas, --from)"
)


@command
@supposing
def can_i(opts: Options, words: Words = None, every: All = False, supposed: Supposed = Supposed()) -> None:  # noqa: B008
    """Say yes or no, as kubectl auth can-i does. Example: flyball policy can-i scale deploy/web --as agent:tuner"""
    snapshot, cluster, namespace = policy_of(opts)
    action, *named = words or [""]
    if action and not every and "/" not in action:
        action_of(snapshot, action)
        if not named:
            raise UsageError(f"`{action}`: on what?", hint=f"flyball policy can-i {action} deploy/web")
        _one(opts, *asked(opts, action, named, supposed))
        return
    if supposed.numbers():
        raise UsageError("numbers are given, and no action", hint="leave them out, or name the action")
    _list(opts, _rows(snapshot, cluster, namespace, list(filter(None, words or [])), supposed))


def _one(opts: Options, snapshot: "Snapshot", question: "Question") -> None:
    from policies.explain import explain

    found = explain(snapshot, question)
    verdict, why = (
        found.decision.verdict.value,
        list(found.changes) if found.open else [found.decision.detail],
    )
    if opts.json:
        told = {"verdict": verdict, "rule": found.decision.rule, "detail": found.decision.detail}
        document({"kind": "CanI", **told, "depends_on": why if found.open else []})
    else:
        first, *more = why or ["no limits"]
        head = f"{_word(found)}: " if found.open else f"{_word(found)}  "
        say(f"{head}{safe(first)}")
        for line in more:
            say(f"  {safe(line)}")
        for slip in slips(question):
            note(f"  {slip}")
        if question.wanted and not question.current and verdict != "deny":
            note(f"  {UNKNOWN_NOW}")
    if verdict != "allow":
        raise Stop(Exit.WAITING if verdict == "needs_approval" else Exit.REFUSED)


def _word(found: "Explanation") -> str:
    if found.open:
        return tone("depends on the numbers", "wait")
    words = {"allow": tone("yes", "good"), "needs_approval": tone("with approval", "wait")}
    return words.get(found.decision.verdict.value, tone("no", "bad"))


def _rows(
    snapshot: "Snapshot", cluster: str, namespace: str, named: list[str], supposed: Supposed
) -> "Iterator[tuple[str, str, Explanation]]":
    """Every action on the workload that is named, or wherever in the namespace a rule allows it."""
    from flyball.cli.govern.question import pairs
    from policies.explain import explain
    from policies.permitted import permitted
    from policies.questions import Question
    from tools.cluster.names import target

    where = target(cluster, namespace, one(named) if named else "deployment/x")
    who = asker(snapshot, cluster, supposed.who)
    like = Question(
        supposed.who, "", where, {}, labels=pairs(supposed.labels), tainted=supposed.tainted, asker=who,
        field_owner=supposed.field_owner,
    )  # fmt: skip
    if not named:
        yield from permitted(snapshot, like)
        return
    for action in sorted(snapshot.catalogue):
        yield action, str(where), explain(snapshot, dataclasses.replace(like, action=action))


def _list(opts: Options, rows: "Iterable[tuple[str, str, Explanation]]") -> None:
    items = [_item(*row) for row in rows]
    if opts.json:
        document({"kind": "CanIList", "items": items})
        return
    head = ("ACTION", "ON", "PERMITTED", "WHY")
    for line in table(head, [(i["action"], i["on"], i["permitted"], i["why"]) for i in items]):
        say(line)


def _item(action: str, on: str, found: "Explanation") -> dict[str, Any]:
    words = {"allow": "depends" if found.open else "yes", "needs_approval": "with-approval"}
    why = "; ".join(found.changes) if found.open else found.decision.detail
    why = "no rule lets you do it here" if on == "-" else why
    return {
        "action": action,
        "on": on,
        "permitted": words.get(found.decision.verdict.value, "no"),
        "why": why,
    }
