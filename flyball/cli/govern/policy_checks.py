"""`flyball policy test` and `flyball policy lint`: whether the policy says what it is meant to."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from flyball.cli.govern.question import policy_of
from flyball.cli.kit.options import Options, command
from flyball.cli.kit.output import document, safe, say, tone
from flyball.exits import Exit, Stop, UsageError

if TYPE_CHECKING:
    from policies.rule_tests import Result
    from policies.snapshot import Snapshot

Clusters = Annotated[
    str | None,
    typer.Option("--clusters", help="Names of clusters, a,b: then no kubeconfig is needed (CI)."),
]


@command
def run_tests(opts: Options, clusters: Clusters = None) -> None:
    """Run the tests in the policy files. Example: flyball policy test --policies ./policies"""
    from policies.rule_tests import run

    snapshot = _snapshot(opts, clusters)
    results = list(run(snapshot))
    failed = [result for result in results if result.problem is not None]
    if opts.json:
        document(_results_json(results, failed))
    else:
        for result in failed:
            say(f"{tone('FAILED', 'bad')}  {result.where}: {result.policy}: {safe(result.title)}")
            say(f"  {safe(result.problem or '')}")
        say(f"{len(results) - len(failed)} passed, {len(failed)} failed, {len(snapshot.rules)} rules")
    if failed:
        raise Stop(Exit.FAILED)


def _results_json(results: "Sequence[Result]", failed: "Sequence[Result]") -> dict[str, object]:
    items = [
        {"policy": r.policy, "where": r.where, "test": r.title, "passed": r.problem is None, "said": r.said}
        for r in results
    ]
    counts = {"passed": len(results) - len(failed), "failed": len(failed)}
    return {"kind": "PolicyTests", **counts, "items": items}


@command
def lint(opts: Options, clusters: Clusters = None) -> None:
    """Find rules that load but are probably mistakes. Example: flyball policy lint --policies ./policies"""
    from flyball.identity import os_user
    from flyball.policy import known_names
    from policies.lint import lint as findings_of

    snapshot = _snapshot(opts, clusters)
    findings = findings_of(snapshot, only_voter=os_user(), known=known_names())
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


def _snapshot(opts: Options, clusters: str | None) -> "Snapshot":
    """The policy in force, or as it is for the named clusters. Raises PolicyInvalid, UsageError."""
    if clusters is None:
        return policy_of(opts)[0]
    from flyball.policy import policy_for

    names = clusters.split(",")
    if not all(names):
        raise UsageError(f"`{clusters}` is no list of clusters", where="--clusters", hint="write a,b")
    return policy_for(opts.settings, names).current()
