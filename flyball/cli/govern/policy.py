"""`flyball policy explain|can-i|test|lint|schema`: questions to the policy; nothing is asked of the cluster."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from flyball.cli.kit.options import Options, Target, command
from flyball.cli.kit.output import document, note, safe, say, tone
from flyball.exits import Exit, Stop, UsageError

if TYPE_CHECKING:
    from policies.explain import Explanation
    from policies.questions import Question
    from policies.snapshot import Snapshot

app = typer.Typer(
    help="Explain, test and lint the policy. Example: flyball policy can-i scale deploy/web",
    no_args_is_help=True,
)
Action = Annotated[str, typer.Argument(help="The action, e.g. scale.")]
As = Annotated[str, typer.Option("--as", help="local (you), agent:NAME or human:NAME.")]
Replicas = Annotated[int | None, typer.Option("--replicas", help="The wanted number of replicas.")]
Now = Annotated[
    int | None, typer.Option("--current-replicas", help="The number of replicas to assume it has now.")
]
Wanted = Annotated[list[str] | None, typer.Option("--set", help="A wanted value, e.g. cpuRequest=500m.")]
Current = Annotated[
    list[str] | None, typer.Option("--from", help="A value to assume now, e.g. cpuRequest=250m.")
]
Labels = Annotated[
    list[str] | None, typer.Option("-l", "--label", help="A label to assume on it, e.g. tier=web.")
]
Marked = Annotated[bool, typer.Option("--tainted", help="As if the agent's session had read untrusted text.")]
FieldOwner = Annotated[
    str | None, typer.Option("--field-owner", help="Assume that this owns the fields, e.g. argocd/shop.")
]


@app.command()
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
    tainted: Marked = False,
) -> None:
    """Explain a decision stage by stage. Example: flyball policy explain scale deploy/web --replicas 15"""
    from flyball.cli.kit.naming import one
    from policies.explain import explain as stages_of
    from policies.questions import lacks_numbers

    snapshot, cluster, namespace = _policy(opts)
    question = _question(
        snapshot,
        (cluster, namespace, one(workload)),
        action,
        who,
        wanted=_numbers(replicas, wanted),
        current=_numbers(current_replicas, current),
        labels=_pairs(label),
        field_owner=field_owner,
        tainted=tainted,
    )
    found = stages_of(snapshot, question)
    if opts.json:
        document(_explained(found))
        return
    decision = found.decision
    why = f"{decision.rule or decision.stage}: {decision.detail}"
    open_ = lacks_numbers(snapshot, question) and decision.verdict == "allow"
    said = tone("depends on the numbers", "wait") if open_ else _verdict(decision.verdict.value)
    say(f"{cluster}/{namespace}  {said}  {safe(why)}")
    for stage in found.stages:
        mark = "ok" if stage.ok else tone("no", "bad")
        text = "" if stage.text == "ok" else safe(stage.text)
        say(f"  {stage.name.replace('_', '-'):<14} {mark:<3} {text}".rstrip())
    for change in found.changes:
        say(f"  would do: {safe(change)}")
    if lacks_numbers(snapshot, question):
        note(f"  by names only: give the numbers, e.g. {_example(snapshot, question.action)}")
    elif question.wanted and not question.current:
        note(
            "  what it has now is not known here: steps and factors are not judged (--current-replicas, --from)"
        )


@app.command("can-i")
@command
def can_i(
    opts: Options,
    action: Action,
    workload: Target,
    who: As = "local",
    replicas: Replicas = None,
    tainted: Marked = False,
) -> None:
    """Say yes or no, as kubectl auth can-i does. Example: flyball policy can-i scale deploy/web --as agent:tuner"""
    from flyball.cli.kit.naming import one
    from policies.questions import judge

    snapshot, cluster, namespace = _policy(opts)
    question = _question(
        snapshot,
        (cluster, namespace, one(workload)),
        action,
        who,
        wanted=_numbers(replicas, None),
        current={},
        tainted=tainted,
    )
    decision = judge(snapshot, question)
    verdict = decision.verdict.value
    if opts.json:
        document({"kind": "CanI", "verdict": verdict, "rule": decision.rule, "detail": decision.detail})
    else:
        words = {"allow": tone("yes", "good"), "needs_approval": tone("with approval", "wait")}
        say(f"{words.get(verdict, tone('no', 'bad'))}  {safe(decision.detail)}")
    _end(verdict)


@app.command()
@command
def test(opts: Options) -> None:
    """Run the tests in the policy files. Example: flyball policy test --policies ./policies"""
    from policies.rule_tests import run

    snapshot, _, _ = _policy(opts)
    results = list(run(snapshot))
    failed = [result for result in results if result.problem is not None]
    if opts.json:
        items = [
            {
                "policy": r.policy,
                "where": r.where,
                "test": r.title,
                "passed": r.problem is None,
                "said": r.said,
            }
            for r in results
        ]
        document(
            {
                "kind": "PolicyTests",
                "passed": len(results) - len(failed),
                "failed": len(failed),
                "items": items,
            }
        )
    else:
        for result in failed:
            say(f"{tone('FAILED', 'bad')}  {result.where}: {result.policy}: {safe(result.title)}")
            say(f"  {safe(result.problem or '')}")
        say(f"{len(results) - len(failed)} passed, {len(failed)} failed, {len(snapshot.rules)} rules")
    if failed:
        raise Stop(Exit.FAILED)


@app.command()
@command
def lint(opts: Options) -> None:
    """Find rules that load but are probably mistakes. Example: flyball policy lint --policies ./policies"""
    from policies.lint import lint as findings_of

    snapshot, _, _ = _policy(opts)
    findings = findings_of(snapshot)
    if opts.json:
        items = [{"level": f.level, "what": f.what, "where": f.where, "hint": f.hint} for f in findings]
        document({"kind": "PolicyFindings", "items": items})
    else:
        for finding in findings:
            level = "" if finding.level == "error" else f"{finding.level}: "
            say(f"{safe(finding.where)}: {level}{safe(finding.what)}\n  {safe(finding.hint)}")
        say(f"{len(findings)} findings, {len(snapshot.rules)} rules, policy {snapshot.digest[:8]}")
    if any(finding.level == "error" for finding in findings):
        raise Stop(Exit.FAILED)


@app.command()
def schema() -> None:
    """Print the JSON Schema of policy documents, for editors. Example: flyball policy schema > policy.schema.json"""
    import json

    from policies.schema import schema as json_schema

    say(json.dumps(json_schema(), indent=2))


def _policy(opts: Options) -> "tuple[Snapshot, str, str]":
    """The policy in force, the cluster and the namespace that questions are about. Raises PolicyInvalid."""
    from flyball.place import place_of
    from flyball.policy import policy_source

    place = place_of(opts.settings)
    return policy_source(opts.settings, place).current(), place.context, place.namespace


def _question(
    snapshot: "Snapshot", place: tuple[str, str, str], action: str, who: str, **supposed: Any
) -> "Question":
    """The question as the command line puts it. Raises UsageError."""
    from flyball.identity import LOCAL, os_user
    from policies.questions import Question, numbers
    from tools.cluster.names import target

    action = action.replace("-", "_")  # `set-resources`, as `flyball act` spells it
    if action not in snapshot.catalogue:
        raise UsageError(
            f"`{action}` is not an action", hint="actions: " + ", ".join(sorted(snapshot.catalogue))
        )
    if who != "local" and not who.startswith(("agent:", "human:")):
        raise UsageError(f"`{who}` is nobody", where="--as", hint="local, agent:NAME or human:NAME")
    mine = not who.startswith("human:")
    return Question(
        who=os_user() if who == "local" else who,
        action=action,
        target=target(*place),
        behind=os_user() if mine else who,
        groups=(LOCAL,) if mine else (),
        wanted=numbers(supposed.pop("wanted"), action, snapshot),
        current=numbers(supposed.pop("current"), action, snapshot),
        **supposed,
    )


def _numbers(replicas: int | None, others: list[str] | None) -> dict[str, int | str]:
    found: dict[str, int | str] = dict(_pairs(others))
    if replicas is not None:
        found["replicas"] = replicas
    return found


def _example(snapshot: "Snapshot", action: str) -> str:
    dimension = snapshot.catalogue[action].dimensions[0]
    if dimension == "replicas":
        return "--replicas 6"
    return f"--set {dimension}={'500m' if dimension.startswith('cpu') else '512Mi'}"


def _pairs(given: list[str] | None) -> dict[str, str]:
    pairs = [part.partition("=") for part in given or ()]
    for key, equals, value in pairs:
        if not key or not equals:
            raise UsageError(f"`{key}{equals}{value}` is not KEY=VALUE", hint="write e.g. cpuRequest=500m")
    return {key: value for key, _, value in pairs}


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


def _end(verdict: str) -> None:
    if verdict != "allow":
        raise Stop(Exit.WAITING if verdict == "needs_approval" else Exit.REFUSED)
