"""`tune run --agent`, `status`, `history`, `explain`, `pause`, `resume` as a person sees them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.agents.conftest import Flyball
from tests.flyball.tune.agents import SCHEDULE, policy

SHORT_LEASES = """\
---
apiVersion: flyball/v1
kind: ActionPolicy
metadata: {name: short-leases}
spec:
  roles: [tuner, operator]
  actions: [set_envelope]
  target: {clusters: [sandbox], namespaces: [shop], names: [web]}
  effect: allow
  limits: {minReplicas: {min: 1, max: 20}, maxReplicas: {min: 1, max: 20}}
  envelope: {longest: 1h, moves: 60/h}
"""
"""A lease is asked for a day and an hour: how long it may be is seen in the dry run."""


@pytest.fixture
def run(flyball: Flyball, tmp_path: Path) -> Callable[..., tuple[int, str, str]]:
    """The command line under the policy with the agent `night`."""
    given = str(policy(tmp_path))
    return lambda *words: flyball(*words, "--policies", given)


def parsed(out: str) -> Any:
    return json.loads(out)


def test_a_run_as_its_file_says(run: Callable[..., tuple[int, str, str]]) -> None:
    code, out, err = run("tune", "run", "--agent", "night", "--yes", "-o", "json")
    assert code == 0, err
    found = parsed(out)
    assert (found["agent"], found["exit_code"]) == ("agent:night", 0)
    web = next(i for i in found["items"] if i["target"] == "deployment/web")
    assert (web["status"], web["strategy"], web["action"]) == ("applied", "hpa-formula", "scale")
    assert web["expects"]["violations_after_ppm"] < web["expects"]["violations_before_ppm"]
    assert {i["target"] for i in found["items"]} == {
        "deployment/web", "deployment/search", "deployment/payments",
    }  # fmt: skip


def test_what_a_person_reads_of_a_run(run: Callable[..., tuple[int, str, str]]) -> None:
    code, out, err = run("tune", "run", "--agent", "night", "--dry-run")
    assert code == 0, err
    lines = out.splitlines()
    assert "agent:night for human:" in lines[0]
    assert lines[1].split() == ["NAME", "NOW", "PROPOSED", "STRATEGY", "RISK", "CORE-H/D", "OUTCOME", "WHY"]
    assert any("flyball" in line and "tune apply" in line for line in lines)
    assert any("tune explain r-" in line for line in lines)


def test_the_run_is_found_and_explained(run: Callable[..., tuple[int, str, str]]) -> None:
    run("tune", "run", "--agent", "night", "--yes")
    code, out, err = run("tune", "history", "-o", "json")
    assert code == 0, err
    (one,) = parsed(out)["items"]
    assert one["agent"] == "agent:night"
    assert set(one["strategies"]) >= {"keep", "forecast", "hpa-formula", "percentile-floor"}
    code, out, err = run("tune", "explain", one["run_id"], "deploy/web", "-o", "json")
    assert code == 0, err
    (web,) = parsed(out)["items"]
    assert {c["strategy"] for c in web["candidates"]} >= {"keep", "hpa-formula", "forecast"}
    assert [c["strategy"] for c in web["candidates"] if "why_not" not in c] == [web["strategy"]]
    assert all({"risk_ppm", "cost_mch", "score"} <= set(c) for c in web["candidates"])
    assert any(r["read"] == "cpu_usage" for r in web["reads"])
    assert {"action.intent", "action.outcome"} <= {c["kind"] for c in web["came"]}
    code, out, _ = run("tune", "explain", one["run_id"], "web")
    assert code == 0
    for figure in web["figures"].values():
        assert str(figure) in out


@pytest.mark.parametrize(
    ("later", "became"),
    [
        (("approve", "--yes"), {"applied": 2}),
        (("deny", "--reason", "not now"), {"denied": 2}),
        ((), {"passed": 2}),
    ],
)
@pytest.mark.slow
def test_what_became_of_its_plan_after_the_run_is_told(
    flyball: Flyball, tmp_path: Path, later: tuple[str, ...], became: dict[str, int]
) -> None:
    given = ("--policies", str(policy(tmp_path, "approve")))
    flyball("tune", "run", "--agent", "night", "--yes", *given)

    def plan() -> dict[str, int]:
        (one,) = parsed(flyball("tune", "history", "-o", "json", *given)[1])["items"]
        found: dict[str, int] = one["plan"]
        return found

    assert plan() == {"waiting": 2}
    (waits,) = parsed(flyball("pending", "-o", "json", *given)[1])["plans"]
    if later:
        code, _, err = flyball(later[0], waits["handle"], *later[1:], *given)
        assert code == 0, err
    else:
        assert flyball("sandbox", "advance", "20m", *given)[0] == 0
    assert plan() == became
    shown = flyball("tune", "history", *given)[1].splitlines()
    assert shown[0].split()[-2:] == ["RESULT", "PLAN"]
    assert shown[1].split()[-1] == ",".join(f"{count}-{status}" for status, count in became.items())


def test_a_plan_that_nobody_applied_is_told_as_that(run: Callable[..., tuple[int, str, str]]) -> None:
    run("tune", "run", "--agent", "night", "--dry-run")
    (one,) = parsed(run("tune", "history", "-o", "json")[1])["items"]
    assert one["plan"] == {"not_applied": 2}


def test_explaining_what_was_not_there(run: Callable[..., tuple[int, str, str]]) -> None:
    code, _, err = run("tune", "explain", "r-none")
    assert (code, "the log has no tuning run" in err) == (2, True)
    run("tune", "run", "--agent", "night", "--dry-run")
    one = parsed(run("tune", "history", "-o", "json")[1])["items"][0]["run_id"]
    code, _, err = run("tune", "explain", one, "deploy/none")
    assert (code, "saw no" in err) == (2, True)


def test_the_agents_with_a_schedule(run: Callable[..., tuple[int, str, str]]) -> None:
    code, out, err = run("tune", "status", "-o", "json")
    assert code == 0, err
    (one,) = parsed(out)["items"]
    assert (one["agent"], one["autonomy"], one["state"], one["last"]) == (
        "agent:night", "autonomous", "ready", None,
    )  # fmt: skip
    assert one["next_ms"] % 3_600_000 == 30 * 60_000
    run("tune", "run", "--agent", "night", "--dry-run")
    run("stop", "--agent", "night", "--reason", "paging storm")
    (one,) = parsed(run("tune", "status", "-o", "json")[1])["items"]
    assert (one["state"], one["last"]["agent"]) == ("stopped", "agent:night")
    assert "agent:night" in run("tune", "status")[1]


def test_the_level_that_is_told_is_the_one_that_holds(flyball: Flyball, tmp_path: Path) -> None:
    """An agent in its shadow recommends, whatever its file allows; a retired one is never due."""
    watched = SCHEDULE + "\n  promotion: {shadow: 7d}"
    given = str(policy(tmp_path, schedule=watched))
    (one,) = parsed(flyball("tune", "status", "-o", "json", "--policies", given)[1])["items"]
    assert (one["autonomy"], one["state"]) == ("recommend", "ready")
    assert flyball("agent", "retire", "night", "--yes", "--policies", given)[0] == 0
    (one,) = parsed(flyball("tune", "status", "-o", "json", "--policies", given)[1])["items"]
    assert (one["state"], one["next_ms"]) == ("retired", None)


@pytest.mark.slow
def test_what_a_scheduled_run_was_refused_is_told_alike_everywhere(flyball: Flyball, tmp_path: Path) -> None:
    """Its plan leaves out what the dry run was refused: that is no live request, and a refusal all the same."""
    file = policy(tmp_path, schedule=SCHEDULE + "\n  strategy: [envelope]")
    file.write_text(file.read_text().removesuffix("...\n") + SHORT_LEASES + "...\n")
    given = str(file)
    assert flyball("sandbox", "reset", "--history", "8d")[0] == 0
    code, out, err = flyball("sandbox", "advance", "16h", "--policies", given, "-o", "json")
    assert code == 0, err
    refused = parsed(out)["happened"]["refused"]
    (one,) = parsed(flyball("tune", "history", "-o", "json", "--policies", given)[1])["items"]
    report = parsed(flyball("tune", "report", "-o", "json", "--policies", given)[1])
    assert refused == one["result"]["refused"] == sum(by["times"] for by in report["refused"].values()) > 0
    code, out, err = flyball("tune", "explain", one["run_id"], "web", "--policies", given)
    assert code == 0, err
    assert "policy.decision deny: envelope.longest = 1h" in out
    assert ": cpu_usage" in out
    assert ": list_workloads" in out


def test_pause_and_resume(run: Callable[..., tuple[int, str, str]]) -> None:
    code, out, err = run("tune", "pause", "night", "--reason", "a sale", "-o", "json")
    assert (code, parsed(out)["state"]) == (0, "paused"), err
    assert parsed(run("tune", "status", "-o", "json")[1])["items"][0]["state"] == "paused"
    code, _, err = run("tune", "run", "--agent", "night", "--dry-run")
    assert code == 3
    assert "is paused" in err
    assert "tune resume night" in err
    assert run("tune", "resume", "night")[0] == 0
    assert "it was so already" in run("tune", "resume", "night")[1]
    assert run("tune", "run", "--agent", "night", "--dry-run")[0] == 0


def test_words_that_do_not_go_together(run: Callable[..., tuple[int, str, str]]) -> None:
    code, _, err = run("tune", "run", "--agent", "night", "--strategy", "forecast", "--dry-run")
    assert (code, "its strategies" in err) == (2, True)
    code, _, err = run("tune", "pause", "dawn")
    assert (code, "policy names no `agent:dawn`" in err) == (2, True)
    code, _, err = run("tune", "history", "--agent", "dawn")
    assert (code, "policy names no `agent:dawn`" in err) == (2, True)
    code, _, err = run("tune", "run", "--agent", "dawn", "--dry-run")
    assert (code, "policy names no `agent:dawn`" in err) == (2, True)
