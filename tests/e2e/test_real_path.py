"""The whole path on a real kube-apiserver, by the command line, as a person would go it.

scale 2→4 · denied 2→60 · approved · dry-run · set_resources · undo · conflict · another manager · 403 by RBAC ·
a tuning pass · the apiserver's audit log matched one to one with ours
"""

import json
import threading
import time
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from tests.e2e.policy import write
from tests.kit.console import Console
from tests.real.cluster import Namespace, rule

pytestmark = pytest.mark.real


@pytest.fixture
def console(kube: Namespace, tmp_path: Path) -> Console:
    return opened(kube, tmp_path, kube.plane.kubeconfig)


def opened(kube: Namespace, folder: Path, kubeconfig: Path, context: str = "real") -> Console:
    policies = write(folder / "policies", context, kube.name)
    return Console(
        folder, kubeconfig=str(kubeconfig), context=context, namespace=kube.name, policies=str(policies)
    )


def act(console: Console, replicas: int, *more: str, code: int) -> dict:
    return console.ask("act", "scale", "deploy/web", "--replicas", str(replicas), "--yes", *more, code=code)


def test_scale_within_policy_is_done_and_undone(kube: Namespace, console: Console) -> None:
    kube.workload("web", 2)
    done = act(console, 4, code=0)
    assert done["status"] == "applied"
    assert kube.settled("web")["spec"]["replicas"] == 4
    undone = console.ask("undo", str(done["record"]), "--yes", code=0)
    assert undone["status"] == "applied"
    assert kube.get("web")["spec"]["replicas"] == 2


@pytest.mark.parametrize(
    "context",
    [
        "arn:aws:eks:eu-west-1:111122223333:cluster/prod",
        "gke_my-project_europe-west1-b_prod",
        "kubernetes-admin@kubernetes",
        "shop/api-example:6443/kube:admin",
    ],
)
def test_contexts_as_clouds_name_them(kube: Namespace, tmp_path: Path, context: str) -> None:
    config = tmp_path / "cloud.kubeconfig"
    document = YAML(typ="safe", pure=True).load(kube.plane.kubeconfig.read_text())
    document["contexts"][0]["name"] = document["current-context"] = context
    config.write_text(json.dumps(document))
    console = opened(kube, tmp_path, config, context)
    kube.workload("web", 2)
    done = act(console, 4, code=0)
    assert console.ask("status", code=0)["context"] == context
    changes = console.ask("changes", "deploy/web", code=0)["items"]
    assert done["record"] in [one["record"] for one in changes]
    assert console.ask("stop", "--cluster", code=0)["scope"] == f"cluster/{context}"
    act(console, 5, code=3)
    assert console.ask("resume", "--cluster", code=0)["state"] == "running"
    assert console.ask("undo", str(done["record"]), "--yes", code=0)["status"] == "applied"
    assert console.run("audit", "verify").code == 0


def test_all_namespaces_are_those_that_policy_lets_be_listed(kube: Namespace, console: Console) -> None:
    """This test's policy lets one namespace be listed, of those that the cluster has."""
    kube.workload("web", 2)
    done = console.run("get", "-A", "--no-base")
    assert done.code == 0, done.err
    head, row = [line.split() for line in done.out.splitlines()]
    assert (head[:2], row[:2]) == (["NAMESPACE", "NAME"], [kube.name, "deployment/web"])
    assert "that policy does not let you list" in done.err


def test_beyond_policy_nothing_happens(kube: Namespace, console: Console) -> None:
    before = kube.workload("web", 2)["metadata"]["generation"]
    denied = act(console, 60, code=3)
    assert denied["status"] == "refused"
    assert {room["alone"] for room in denied["allowed_now"]} == {True, False}
    assert kube.get("web")["metadata"]["generation"] == before


def test_dry_run_changes_nothing(kube: Namespace, console: Console) -> None:
    kube.workload("web", 2)
    version = kube.settled("web")["metadata"]["resourceVersion"]
    assert act(console, 4, "--dry-run", code=0)["status"] == "simulated"
    assert kube.get("web")["metadata"]["resourceVersion"] == version


def test_an_approval_carries_it_out_once(kube: Namespace, console: Console) -> None:
    kube.workload("web", 2)
    asked = act(console, 9, code=4)
    approved = console.ask("approve", asked["handle"], "--yes", code=0)
    assert approved["status"] == "applied"
    assert kube.get("web")["spec"]["replicas"] == 9
    assert console.run("approve", asked["handle"], "--yes").code == 2
    assert kube.get("web")["metadata"]["generation"] == 2


def test_a_waiting_process_and_its_approver_act_once(kube: Namespace, console: Console) -> None:
    kube.workload("web", 2)
    words = ("act", "scale", "deploy/web", "--replicas", "9", "--yes", "--wait", "60s", "-o", "json")
    waiting = console.start(*words)
    handle = _handle(console)
    approved = console.ask("approve", handle, "--yes", code=0)
    out, err = waiting.communicate(timeout=60)
    assert waiting.returncode == 0, err
    assert approved["record"] == json.loads(out)["record"]
    writes = [e for e in kube.audit_events(verb="patch") if e["objectRef"].get("subresource") == "scale"]
    assert len(writes) == 1


def _handle(console: Console) -> str:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if items := console.ask("pending", code=0)["items"]:
            return str(items[0]["handle"])
    raise AssertionError("nothing waits")


def test_resources_by_the_template(kube: Namespace, console: Console) -> None:
    kube.workload("web", 2)
    done = console.ask("act", "set-resources", "deploy/web", "--cpu-request", "200m", "--yes", code=0)
    resources = kube.settled("web")["spec"]["template"]["spec"]["containers"][0]["resources"]
    assert resources["requests"] == {"cpu": "200m", "memory": "64Mi"}
    assert resources["limits"] == {"cpu": "500m", "memory": "256Mi"}
    console.ask("undo", str(done["record"]), "--yes", code=0)
    assert (
        kube.get("web")["spec"]["template"]["spec"]["containers"][0]["resources"]["requests"]["cpu"] == "100m"
    )


def test_the_cluster_refuses_what_cannot_be(kube: Namespace, console: Console) -> None:
    kube.workload("web", 2)
    failed = console.ask("act", "set-resources", "deploy/web", "--cpu-request", "900m", "--yes", code=1)
    assert (failed["status"], failed["http_status"]) == ("failed", 422)
    assert "limit" in failed["error"]


def test_somebody_else_changed_it_so_undo_refuses(kube: Namespace, console: Console) -> None:
    kube.workload("web", 2)
    done = act(console, 4, code=0)
    kube.scale("web", 5)
    refused = console.ask("undo", str(done["record"]), "--yes", code=1)
    assert "now 5, we left 4; last writer" in refused["error"]
    assert kube.get("web")["spec"]["replicas"] == 5


def test_a_403_names_the_missing_right(kube: Namespace, tmp_path: Path) -> None:
    kube.workload("web", 2)
    reader = rule("get,list", "deployments,statefulsets,horizontalpodautoscalers")
    kubeconfig = kube.user("viewer", reader)
    console = opened(kube, tmp_path, kubeconfig, context="viewer")
    answer = console.run("act", "scale", "deploy/web", "--replicas", "3", "--yes", "-o", "json")
    assert answer.code in (1, 7)
    assert "auth can-i" in answer.out + answer.err


def test_a_definite_conflict_is_decided_again(kube: Namespace, console: Console) -> None:
    """Somebody writes all the time; each try either wins or is decided again, never lost, never doubled."""
    kube.workload("web", 2)
    stop = threading.Event()

    def disturb() -> None:
        while not stop.is_set():
            kube.api.merge(
                f"{kube.apps}/deployments/web", {"metadata": {"annotations": {"at": str(time.monotonic_ns())}}},
                fieldManager="someone-else",
            )  # fmt: skip

    thread = threading.Thread(target=disturb)
    thread.start()
    try:
        answer = console.run("act", "scale", "deploy/web", "--replicas", "4", "--yes", "-o", "json")
    finally:
        stop.set()
        thread.join()
    assert answer.code in (0, 1)
    assert kube.get("web")["spec"]["replicas"] == (4 if answer.code == 0 else 2)
    events = kube.audit_events(verb="patch")
    tries = [e for e in events if e["objectRef"].get("subresource") == "scale"]
    assert sum(e["responseStatus"]["code"] == 200 for e in tries) == (1 if answer.code == 0 else 0)


def test_without_history_a_tuning_pass_refuses(kube: Namespace, console: Console) -> None:
    """metrics.k8s.io keeps the latest sample only: one sample is no reason to change production."""
    kube.workload("web", 2)
    kube.settled("web")
    kube.demand("web", "400m")
    answer = console.run("tune", "run", "--yes", "-o", "json")
    assert answer.code == 7
    assert "prometheus_url" in answer.err
    assert kube.get("web")["spec"]["replicas"] == 2
    assert not [e for e in kube.audit_events(verb="patch") if e.get("userAgent") == "flyball"]


def test_the_two_logs_match_one_to_one(kube: Namespace, console: Console) -> None:
    kube.workload("web", 2)
    act(console, 4, code=0)
    act(console, 60, code=3)
    act(console, 3, "--dry-run", code=0)
    act(console, 5, code=0)
    console.ask("undo", "--last", "--yes", code=0)
    ours = [e for e in kube.audit_events(verb="patch") if e.get("userAgent") == "flyball"]
    intents = _intents(console)
    assert sorted(e["auditID"] for e in ours) == sorted(intents)
    assert len(intents) == 4
    assert console.run("audit", "verify").code == 0


def _intents(console: Console) -> list[str]:
    """Every intent in our log, live and dry."""
    tail = console.ask("audit", "tail", "--lines", "200", code=0)
    return [item["record"]["id"] for item in tail["items"] if item["record"]["kind"] == "action.intent"]
