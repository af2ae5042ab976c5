"""`flyball policy can-i`: yes or no, and the exit code says it too."""

from flyball.cli.govern.question import Action, As, Replicas, Supposed, Tainted, asked
from flyball.cli.kit.options import Options, Target, command
from flyball.cli.kit.output import document, safe, say, tone
from flyball.exits import Exit, Stop


@command
def can_i(
    opts: Options,
    action: Action,
    workload: Target,
    who: As = "local",
    replicas: Replicas = None,
    tainted: Tainted = False,
) -> None:
    """Say yes or no, as kubectl auth can-i does. Example: flyball policy can-i scale deploy/web --as agent:tuner"""
    from policies.questions import judge

    decision = judge(*asked(opts, action, workload, who, Supposed(replicas, tainted=tainted)))
    verdict = decision.verdict.value
    if opts.json:
        document({"kind": "CanI", "verdict": verdict, "rule": decision.rule, "detail": decision.detail})
    else:
        words = {"allow": tone("yes", "good"), "needs_approval": tone("with approval", "wait")}
        say(f"{words.get(verdict, tone('no', 'bad'))}  {safe(decision.detail)}")
    if verdict != "allow":
        raise Stop(Exit.WAITING if verdict == "needs_approval" else Exit.REFUSED)
