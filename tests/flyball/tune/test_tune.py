"""`flyball tune run` on the sandbox's default world, with the real gate and log."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

from tests.agents.conftest import Flyball


def items(out: str) -> dict[str, dict[str, Any]]:
    return {i["target"].removeprefix("deployment/"): i for i in json.loads(out)["items"]}


def test_a_pass_scales_the_busy_one_and_leaves_what_others_keep(flyball: Flyball) -> None:
    code, out, err = flyball("tune", "run", "-n", "shop", "--yes", "-o", "json")
    assert code == 0, err
    found = items(out)
    assert found["web"]["status"] == "applied"
    assert found["web"]["proposed"] > found["web"]["now"]
    assert found["checkout"]["why"].startswith("owned-by-horizontalpodautoscaler/")
    assert found["payments"]["why"].startswith("owned-by-argocd")
    assert json.loads(out)["counts"]["applied"] >= 1


def test_the_run_and_all_of_its_records_are_found_by_its_id(flyball: Flyball) -> None:
    _, out, _ = flyball("tune", "run", "--yes", "-o", "json")
    run_id = json.loads(out)["run_id"]
    code, out, err = flyball("audit", "tail", "--lines", "500", "-o", "json")
    assert code == 0, err
    records = [i.get("record", i) for i in json.loads(out)["items"]]
    mine = [r for r in records if r.get("run_id") == run_id]
    kinds = [r["kind"] for r in mine]
    assert {"run.started", "tool.read", "action.intent", "action.outcome", "run.finished"} <= set(kinds)
    assert all(r["actor"]["id"] == "agent:tuner" for r in mine if r["actor"]["type"] == "agent")


def test_dry_run_changes_nothing(flyball: Flyball) -> None:
    for _ in range(2):
        code, out, err = flyball("tune", "run", "--dry-run", "-o", "json")
        assert code == 0, err
        assert items(out)["web"]["status"] == "simulated"
        assert items(out)["web"]["now"] == 4


def test_what_a_person_reads(flyball: Flyball) -> None:
    code, out, _ = flyball("tune", "run", "--dry-run")
    lines = out.splitlines()
    assert code == 0
    assert lines[0].startswith("sandbox/shop  run r-")
    assert lines[1].split() == ["NAME", "NOW", "WANTED", "PROPOSED", "CPU", "OUTCOME", "RECORD", "WHY"]
    assert len({len(line.split()) for line in lines[1:8]}) == 1, "no spaces inside values"
    suggested = [line.split("look: ")[1] for line in lines if "look: " in line]
    assert flyball(*suggested[0].split()[1:])[0] == 0, "what is suggested works"


def test_it_aims_inside_the_policy_and_says_both_figures(flyball: Flyball) -> None:
    """web: 12 alone, 20 with an approval; search and worker at most 5 at a time, up to 10."""
    code, out, _ = flyball("tune", "run", "--cpu-percent", "15", "--dry-run", "-o", "json")
    assert code == 0
    found = {n: (i["now"], i["wanted"], i["proposed"], i["status"]) for n, i in items(out).items()}
    assert found["web"] == (4, 34, 20, "simulated")
    assert found["search"] == (6, 14, 10, "simulated")
    said = "policy allows 10, not 14 (limits.replicas.max = 10"
    assert items(out)["search"]["notes"][0].startswith(said)
    assert said in items(out)["search"]["reason"]
    _, listed, _ = flyball("audit", "tail", "--lines", "500", "-o", "json")
    records = [i.get("record", i) for i in json.loads(listed)["items"]]
    assert not [r for r in records if (r.get("decision") or {}).get("verdict") == "deny"]
    _, shown, _ = flyball("tune", "run", "--cpu-percent", "15", "--dry-run")
    assert f"  deployment/search: {said}" in shown
    assert ["search", "6", "14", "10"] in [line.split()[:4] for line in shown.splitlines()]


MANIFESTS = """
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: search, namespace: shop}
spec: {minAvailable: 4, selector: {matchLabels: {app: search}}}
---
apiVersion: v1
kind: ResourceQuota
metadata: {name: team, namespace: shop}
spec: {hard: {pods: "21"}}
"""


def test_budgets_and_quotas_are_looked_at_first_and_said(flyball: Flyball, tmp_path: Path) -> None:
    """20 pods run in shop, and search may not be smaller than what lets one of its pods move."""
    (tmp_path / "restraints.yaml").write_text(MANIFESTS)
    assert flyball("sandbox", "load", str(tmp_path / "restraints.yaml"))[0] == 0
    code, out, err = flyball("tune", "run", "--dry-run")
    assert code == 0, err
    rows = {line.split()[0]: line.split()[1:4] for line in out.splitlines()[2:8]}
    assert (rows["search"], rows["web"]) == (["6", "3", "5"], ["4", "7", "5"])
    assert "deployment/search: poddisruptionbudget search would let no pod be moved at 3" in out
    assert "deployment/web: resourcequota team has room for 1 more pods (pods)" in out
    _, listed, _ = flyball("audit", "tail", "--lines", "500", "-o", "json")
    seen = [(i.get("record", i).get("observation") or {}) for i in json.loads(listed)["items"]]
    assert (["search"], ["team"]) in [(one.get("budgets"), one.get("quotas")) for one in seen]


def test_what_waits_is_a_count_and_one_yes_does_it(flyball: Flyball) -> None:
    code, out, _ = flyball("tune", "run", "--cpu-percent", "20", "--yes", "-o", "json")
    assert code == 0
    assert items(out)["web"]["status"] == "waiting"
    assert flyball("approve", json.loads(out)["plan"]["handle"], "--yes")[0] == 0
    assert flyball("get", "deploy/web", "-o", "json")[1].count('"replicas": 20') == 1


def test_usage(flyball: Flyball) -> None:
    assert flyball("tune", "run", "--dry-run=none")[0] == 2
    assert flyball("tune", "run", "--cpu-percent", "0")[0] == 2


def test_a_dry_run_looks_at_each_proposal_once(flyball: Flyball) -> None:
    """The dry run's own look, decision, intent and outcome; the plan is made of them and of no second look."""
    code, out, err = flyball("tune", "run", "--dry-run", "-o", "json")
    assert code == 0, err
    proposed = [i for i in items(out).values() if i["proposed"] is not None]
    assert len(proposed) >= 2
    _, listed, _ = flyball("audit", "tail", "--lines", "500", "-o", "json")
    records = [i.get("record", i) for i in json.loads(listed)["items"]]
    counts = Counter(r["kind"] for r in records if r.get("mode"))
    assert counts == {
        "policy.decision": len(proposed),
        "action.intent": len(proposed),
        "action.outcome": len(proposed),
        "plan.proposed": 1,
        "plan.step": len(proposed),
    }, "asking what policy allows leaves nothing"
    assert not [r for r in records if (r.get("labels") or {}).get("action") == "preview"]


def test_the_plan_of_a_dry_run_is_bound_to_what_the_dry_run_saw(flyball: Flyball) -> None:
    _, out, _ = flyball("tune", "run", "--dry-run", "-o", "json")
    plan = json.loads(out)["plan"]
    flyball("act", "scale", "deploy/web", "--replicas", "5", "--yes")
    _, out, err = flyball("tune", "apply", plan["handle"], "--yes", "-o", "json")
    found = {s["target"]: s for s in json.loads(out)["steps"]}
    assert found["deployment/web"]["status"] == "refused", (err, found)
    assert found["deployment/search"]["status"] == "applied"


def test_a_strategy_by_name(flyball: Flyball) -> None:
    assert flyball("tune", "run", "--dry-run", "--strategy", "hpa")[0] == 0
    code, out, err = flyball("tune", "run", "--strategy", "holt")
    assert (code, out) == (2, "")
    assert "`holt` is not a strategy" in err
    assert "strategies: envelope, forecast, hpa-formula, keep, memory, percentile-floor" in err
