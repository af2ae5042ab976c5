"""`flyball policy explain`: a decision, stage by stage."""

from typing import TYPE_CHECKING, Any

from flyball.cli.govern.can_i import UNKNOWN_NOW
from flyball.cli.govern.question import Action, Supposed, asked, slips, supposing
from flyball.cli.kit.options import Options, Target, command
from flyball.cli.kit.output import document, note, safe, say, tone

if TYPE_CHECKING:
    from policies.explain import Explanation
    from policies.questions import Question
    from policies.snapshot import Snapshot


@command
@supposing
def explain(opts: Options, action: Action, workload: Target, supposed: Supposed) -> None:
    """Explain a decision stage by stage. Example: flyball policy explain scale deploy/web --replicas 15"""
    from policies.explain import explain as stages_of

    snapshot, question = asked(opts, action, workload, supposed)
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
    said = tone("depends on the numbers", "wait") if found.open else _verdict(decision.verdict.value)
    say(f"{question.target.cluster}/{question.target.namespace}  {said}  {safe(why)}")
    for stage in found.stages:
        mark = "ok" if stage.ok else tone("no", "bad")
        text = "" if stage.text == "ok" else safe(stage.text)
        say(f"  {stage.name.replace('_', '-'):<14} {mark:<3} {text}".rstrip())
    for change in found.changes:
        say(f"  would do: {safe(change)}")
    for slip in slips(question):
        note(f"  {slip}")
    if by_names:
        note(f"  by names only: give the numbers, e.g. {_example(snapshot, question.action)}")
    elif question.wanted and not question.current:
        note(f"  {UNKNOWN_NOW}")


def _example(snapshot: "Snapshot", action: str) -> str:
    dimension = snapshot.catalogue[action].dimensions[0]
    if dimension == "replicas":
        return "--replicas 6"
    return "--cpu-request 500m"


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
