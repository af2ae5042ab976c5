"""`flyball policy test` and `flyball policy lint`: whether the policy says what it is meant to."""

from flyball.cli.govern.question import policy_of
from flyball.cli.kit.options import Options, command
from flyball.cli.kit.output import document, safe, say, tone
from flyball.exits import Exit, Stop


@command
def test(opts: Options) -> None:
    """Run the tests in the policy files. Example: flyball policy test --policies ./policies"""
    from policies.rule_tests import run

    snapshot, _, _ = policy_of(opts)
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


@command
def lint(opts: Options) -> None:
    """Find rules that load but are probably mistakes. Example: flyball policy lint --policies ./policies"""
    from flyball.identity import os_user
    from policies.lint import lint as findings_of

    snapshot, _, _ = policy_of(opts)
    findings = findings_of(snapshot, only_voter=os_user())
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
