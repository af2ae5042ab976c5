"""What lint finds of agents that run by a schedule."""

from policies.lint import Finding, lint
from tests.kit.policies import PEOPLE, Doc, agent, binding, policy, rule

HUMAN = binding("people", ["human:anna"], "operator")


def nightly(**spec: object) -> Doc:
    return agent(schedule={"cron": "*/5 * * * *"}, **spec)


def found(*documents: Doc) -> list[Finding]:
    said = ("shorter than verify", "bounds how often")
    return [one for one in lint(policy(*documents)) if any(part in one.what for part in said)]


def test_a_pause_that_is_shorter_than_the_verdicts_time() -> None:
    budget = {"per": "agent", "changes": "9/h"}
    (one,) = found(rule(cooldown="5m", require=[{"verify": "10m"}], budget=budget), HUMAN, nightly())
    assert "web: cooldown 5m is shorter than verify 10m" in one.what
    assert (one.hint, one.level) == ("write `cooldown: 10m` or longer", "info")
    assert not found(rule(cooldown="10m", require=[{"verify": "10m"}], budget=budget), HUMAN, nightly())
    assert not found(rule(require=["dryRun"], budget=budget), HUMAN, nightly())
    assert not found(rule(cooldown="5m", require=[{"verify": "10m"}]), HUMAN, agent())


def test_runs_that_are_far_apart_leave_the_verdict_its_time() -> None:
    nights = agent(schedule={"cron": "30 2 * * *"}, budgets={"changes": "9/h"})
    assert not found(rule(cooldown="5m", require=[{"verify": "10m"}]), HUMAN, nights)


def test_an_agent_that_acts_by_itself_and_that_nothing_bounds() -> None:
    (one,) = found(rule(), HUMAN, nightly())
    assert "ops acts by itself, and nothing bounds how often (by web)" in one.what
    assert one.level == "info"
    assert found(rule(), HUMAN, nightly(autonomy={"*": "observe", "prod/shop": "autonomous"}))
    assert not found(rule(), HUMAN, nightly(autonomy="approve"))
    assert not found(rule(), HUMAN, nightly(budgets={"changes": "20/h"}))
    assert not found(rule(), HUMAN, nightly(budgets={"delta": "40/d"}))
    assert not found(rule(budget={"per": "workload", "changes": "6/h"}), HUMAN, nightly())
    assert not found(rule(), HUMAN, agent())
    assert not found(rule(actions=["read"], limits=None), HUMAN, nightly())


def test_what_counts_is_not_shadowed_by_what_does_not() -> None:
    counts = rule("counts", budget={"per": "workload", "changes": "6/h"})
    for one in (counts, rule("flips", flip="5m"), rule("quiet", quiet=["rollouts"])):
        said = [finding.what for finding in lint(policy(one, rule("plain"), *PEOPLE))]
        assert not any("shadowed" in what for what in said)
