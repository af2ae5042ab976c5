"""`flyball policy explain`: a decision, stage by stage."""

from typing import TYPE_CHECKING, Any

from flyball.cli.govern.question import (
    Action,
    As,
    Current,
    FieldOwner,
    Labels,
    Now,
    Replicas,
    Supposed,
    Tainted,
    Wanted,
    asked,
)
from flyball.cli.kit.options import Options, Target, command
from flyball.cli.kit.output import document, note, safe, say, tone

if TYPE_CHECKING:
    from policies.explain import Explanation
    from policies.questions import Question
    from policies.snapshot import Snapshot


@command
def explain(
    opts: Options,
    action: Action,
    workload: Target,
    who: As = "local",
    replicas: Replicas = None,
    current_replicas: Now = None,
    wanted: Wanted = None,
    current: Current = None,
    label: Labels = None,
    field_owner: FieldOwner = None,
    tainted: Tainted = False,
) -> None:
    """Explain a decision stage by stage. Example: flyball policy explain scale deploy/web --replicas 15"""
    from policies.explain import explain as stages_of

    supposed = Supposed(
        replicas,
        current_replicas,
        wanted=wanted,
        current=current,
        labels=label,
        field_owner=field_owner,
        tainted=tainted,
    )
    snapshot, question = asked(opts, action, workload, who, supposed)
    found = stages_of(snapshot, question)
    if opts.json:
        document(_explained(found))
    else:
        _say(snapshot, question, found)


def _say(snapshot: "Snapshot", question: "Question", found: "Explanation") -> None:
    """The verdict, a line for each stage, what would be done; notes on what was not known."""
    from policies.questions import lacks_numbers

    decision, by_names = found.decision, lacks_numbers(snapshot, question)
    why = f"{decision.rule or decision.stage}: {decision.detail}"
    open_ = by_names and decision.verdict == "allow"
    said = tone("depends on the numbers", "wait") if open_ else _verdict(decision.verdict.value)
    say(f"{question.target.cluster}/{question.target.namespace}  {said}  {safe(why)}")
    for stage in found.stages:
        mark = "ok" if stage.ok else tone("no", "bad")
        text = "" if stage.text == "ok" else safe(stage.text)
        say(f"  {stage.name.replace('_', '-'):<14} {mark:<3} {text}".rstrip())
    for change in found.changes:
        say(f"  would do: {safe(change)}")
    if by_names:
        note(f"  by names only: give the numbers, e.g. {_example(snapshot, question.action)}")
    elif question.wanted and not question.current:
        note(
            "  what it has now is not known here: steps and factors are not judged (--current-replicas, --from)"
        )


def _example(snapshot: "Snapshot", action: str) -> str:
    dimension = snapshot.catalogue[action].dimensions[0]
    if dimension == "replicas":
        return "--replicas 6"
    return f"--set {dimension}={'500m' if dimension.startswith('cpu') else '512Mi'}"


def _explained(found: "Explanation") -> dict[str, Any]:
    decision = found.decision
    return {
        "kind": "PolicyExplanation",
        "verdict": decision.verdict.value,
        "stage": decision.stage,
        "rule": decision.rule,
        "detail": decision.detail,
        "matched": list(decision.matched),
        "policy_sha256": decision.policy_digest,
        "stages": [{"name": s.name, "ok": s.ok, "text": s.text} for s in found.stages],
        "changes": list(found.changes),
    }


def _verdict(verdict: str) -> str:
    words = {"allow": tone("allowed", "good"), "deny": tone("denied", "bad")}
    return words.get(verdict, tone("needs approval", "wait"))
