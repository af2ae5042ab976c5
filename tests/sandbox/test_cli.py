"""`flyball sandbox`: what a person sees, and the exit codes."""

import json
from pathlib import Path

import pytest

from flyball.cli.main import main
from tests.kit.manifests import workload


def flyball(state: Path, *args: str) -> int:
    return main(["sandbox", *args, "--state", str(state)])


def test_status_shows_the_world(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert flyball(tmp_path, "status") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("sandbox  Mon 2026-03-02 14:00 UTC; cluster ")
    titles = ["NAMESPACE", "NAME", "READY", "CPU", "REQUESTED", "P95", "OOM", "HPA", "OWNER"]
    assert lines[1].split() == titles
    assert {line.split()[1] for line in lines[2:]} >= {"deployment/web", "statefulset/worker"}


def test_advance_lasts_between_commands(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert flyball(tmp_path, "advance", "1d2h30m", "--still") == 0
    assert capsys.readouterr().out == "sandbox  advanced 1d2h30m: Tue 2026-03-03 16:30 UTC\n"
    assert flyball(tmp_path, "status", "-o", "json") == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["apiVersion"], document["kind"]) == ("flyball/v1", "SandboxWorld")
    assert document["world_time"] == "2026-03-03T16:30:00Z"


def test_reset_is_a_new_cluster(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    uids = []
    for _ in range(2):
        assert flyball(tmp_path, "reset", "--seed", "3", "-o", "json") == 0
        uids.append(json.loads(capsys.readouterr().out)["cluster_uid"])
    assert uids[0] != uids[1]


def test_load_adds_a_workload(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "extra.json"
    path.write_text(json.dumps(workload("extra", namespace="shop")))
    assert flyball(tmp_path, "load", str(path)) == 0
    assert capsys.readouterr().out == "sandbox/shop  deployment/extra loaded\n"


@pytest.mark.parametrize("span", ["", "2", "2x", "h", "-2h", "400d", "1h1d", "२h"])
def test_what_is_no_span_is_a_usage_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], span: str
) -> None:
    assert flyball(tmp_path, "advance", "--", span) == 2
    assert "error:" in capsys.readouterr().err


def test_a_bad_file_is_a_usage_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "bad.json"
    manifest = workload("bad")
    manifest["spec"]["replicas"] = -1
    path.write_text(json.dumps(manifest))
    assert flyball(tmp_path, "load", str(path)) == 2
    said = capsys.readouterr().err
    assert str(path) in said
    assert "must be greater than or equal to 0" in said
    assert flyball(tmp_path, "load", str(tmp_path / "none.yaml")) == 2


def _load(name: str, target: str) -> dict[str, object]:
    return {
        "kind": "Load",
        "metadata": {"name": name, "namespace": "shop"},
        "spec": {"target": target, "cpu": "1"},
    }


def _autoscaler(**spec: object) -> dict[str, object]:
    ref = {"kind": "Deployment", "name": "web", "apiVersion": "apps/v1"}
    meta = {"name": "web", "namespace": "shop"}
    return {"kind": "HorizontalPodAutoscaler", "metadata": meta, "spec": {"scaleTargetRef": ref, **spec}}


@pytest.mark.parametrize(
    ("document", "said"),
    [
        (None, "the file holds no object"),
        (_load("more", "deployment/nobody"), "there is no deployment/nobody in shop"),
        (_load("more", "deployment/web"), "deployment/web has the Load web already"),
        (_autoscaler(), "maxReplicas is missing"),
        (_autoscaler(maxReplicas="many"), "spec cannot be read"),
        (_autoscaler(maxReplicas=3, metrics=[{"type": "Resource"}]), "resource is missing"),
        (_autoscaler(maxReplicas=3, metrics="cpu"), "spec cannot be read"),
        (workload("huge", namespace="shop", replicas=1_000_000), "the sandbox carries 50000 pods in all"),
        ({"kind": "CronJob", "metadata": {"name": "a"}}, "it takes: Namespace, Node, Deployment"),
    ],
)
def test_what_could_not_work_is_not_loaded(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], document: object, said: str
) -> None:
    path = tmp_path / "given.json"
    path.write_text("" if document is None else json.dumps(document))
    assert flyball(tmp_path, "load", str(path)) == 2
    assert said in capsys.readouterr().err
    assert flyball(tmp_path, "load", str(tmp_path / "none.yaml")) == 2
    assert "[Errno" not in capsys.readouterr().err


def test_another_shipped_world_may_begin(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert flyball(tmp_path, "reset", "--world", "night", "--history", "1h") == 0
    assert flyball(tmp_path, "status", "-o", "json") == 0
    said = capsys.readouterr().out
    items = json.loads(said[said.index("{") :])["items"]
    named = {one["workload"].partition("/")[2]: one["owner"] for one in items}
    assert named == {"catalog": None, "exports": None, "search": None, "payments": "argocd"}
    assert flyball(tmp_path, "reset", "--world", "day") == 2
    assert "worlds: shop, night" in capsys.readouterr().err
