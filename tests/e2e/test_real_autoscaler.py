"""The HPA of the real controller-manager moves a workload, on metrics.k8s.io; our tools see it, and keep out."""

import re
import time
from pathlib import Path

import pytest

from tests.e2e.test_real_path import opened
from tests.kit.console import Console
from tests.real.cluster import Namespace, eventually
from tests.real.hpa import cpu

pytestmark = pytest.mark.real


@pytest.fixture
def console(kube: Namespace, tmp_path: Path) -> Console:
    return opened(kube, tmp_path, kube.plane.kubeconfig)


def autoscaled(kube: Namespace) -> None:
    """Two replicas that ask for 100m each, aimed at 50 %, at most 4."""
    kube.workload("web", 2)
    kube.settled("web")
    reference = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
    spec = {**cpu(50, 1, 4), "scaleTargetRef": reference}
    path = f"/apis/autoscaling/v2/namespaces/{kube.name}/horizontalpodautoscalers"
    kube.api.post(path, {"metadata": {"name": "web"}, "spec": spec})


def test_it_moves_and_the_tools_see_it(kube: Namespace, console: Console) -> None:
    autoscaled(kube)
    kube.demand("web", "400m")
    eventually(lambda: kube.get("web")["spec"]["replicas"] == 4, "the autoscaler to move it")
    kube.settled("web")
    seen = eventually(lambda: _limited(console), "the autoscaler's status to say so", 20)
    assert (seen["replicas"], seen["ready"]) == (4, 4)
    scaler = seen["autoscaler"]
    assert (scaler["min"], scaler["max"], scaler["current"], scaler["desired"]) == (1, 4, 4, 4)
    assert scaler["target_percent"] == 50
    assert "SuccessfulRescale" in {event["reason"] for event in seen["events"]}
    changes = console.ask("changes", "deploy/web", code=0)
    assert "horizontal-pod-autoscaler" in str(changes) or "SuccessfulRescale" in str(changes)


def _limited(console: Console) -> dict | None:
    """It wants more than its bounds let it have, and its status has caught up with the workload: it writes both
    at its next sync only."""
    seen = console.ask("describe", "deploy/web", code=0)
    scaler = seen["autoscaler"] or {}
    return seen if scaler.get("limited") and scaler["current"] == seen["replicas"] else None


def test_a_scale_of_ours_is_refused_and_names_the_autoscaler(kube: Namespace, console: Console) -> None:
    autoscaled(kube)
    before = kube.get("web")["metadata"]["generation"]
    denied = console.ask("act", "scale", "deploy/web", "--replicas", "3", "--yes", code=3)
    assert denied["status"] == "refused"
    assert "horizontalpodautoscaler/web" in str(denied)
    assert kube.get("web")["metadata"]["generation"] == before


def bounds(console: Console, *flags: str, code: int = 0) -> dict:
    return console.ask("act", "set-autoscaler-bounds", "deploy/web", *flags, "--yes", code=code)


def hpa(kube: Namespace) -> dict:
    return kube.api.get(f"/apis/autoscaling/v2/namespaces/{kube.name}/horizontalpodautoscalers/web")


def test_its_floor_is_moved_it_obeys_and_the_undo_lets_it_down(kube: Namespace, console: Console) -> None:
    autoscaled(kube)
    kube.demand("web", "60m")
    raised = bounds(console, "--min-replicas", "4", "--wait", "1m")
    assert (raised["status"], raised["settled"]["state"]) == ("applied", "applied")
    assert kube.get("web")["spec"]["replicas"] == 4
    found = hpa(kube)
    marks = {one["manager"] for one in found["metadata"]["managedFields"]}
    assert f"flyball-{found['metadata']['annotations']['flyball.io/intent']}" in marks
    simulated = bounds(console, "--max-replicas", "6", "--dry-run")
    assert (simulated["status"], hpa(kube)["spec"]["maxReplicas"]) == ("simulated", 4)
    assert bounds(console, "--min-replicas", "9", code=1)["status"] == "failed", "above its maximum"
    back = console.ask("undo", str(raised["record"]), "--yes", code=0)
    assert (back["status"], hpa(kube)["spec"]["minReplicas"]) == ("applied", 1)


def test_its_scale_point_stays_where_requests_grow(kube: Namespace, console: Console) -> None:
    """The commands that the refusal names, one after the other, on the real API."""
    autoscaled(kube)
    refused = console.ask("act", "set-resources", "deploy/web", "--container", "main", "--cpu-request", "200m",
                          "--cpu-limit", "400m", "--yes", code=1)  # fmt: skip
    said = re.search(r"adds pods at 50% .*--target-percent (\d+)", str(refused))
    assert said is not None, str(refused)
    kept = said[1]
    lowered = bounds(console, "--target-percent", kept)
    assert lowered["status"] == "applied"
    done = console.ask("act", "set-resources", "deploy/web", "--container", "main", "--cpu-request", "200m",
                       "--cpu-limit", "400m", "--hpa-target", kept, "--yes", code=0)  # fmt: skip
    assert done["status"] == "applied"
    assert hpa(kube)["spec"]["metrics"][0]["resource"]["target"]["averageUtilization"] == int(kept) < 50


def test_no_pod_comes_or_goes_where_requests_change_after_the_hold(kube: Namespace, console: Console) -> None:
    """Its target as CPU of a pod, then twice the requests by a rollout: the real controller, whose sync is 15 s,
    keeps its two pods through three syncs; and it adds pods at the CPU where it did before."""
    autoscaled(kube)
    kube.demand("web", "100m")  # 50m of a pod: 50 % of 100m
    eventually(lambda: hpa(kube).get("status", {}).get("currentMetrics"), "its first figures", 60)
    held = console.ask("act", "keep-scale-point", "deploy/web", "--unit", "cpu", "--yes", code=0)
    target = hpa(kube)["spec"]["metrics"][0]["resource"]["target"]
    assert target == {"type": "AverageValue", "averageValue": "50m"}
    grown = console.ask("act", "set-resources", "deploy/web", "--container", "main", "--cpu-request", "200m",
                        "--cpu-limit", "400m", "--scale-point-held", "--yes", code=0)  # fmt: skip
    until = time.monotonic() + 45
    while time.monotonic() < until:
        assert kube.get("web")["spec"]["replicas"] == 2
        time.sleep(0.5)
    kube.demand("web", "200m")
    eventually(lambda: kube.get("web")["spec"]["replicas"] == 4, "it to add pods at 50m still", 60)
    console.ask("undo", str(grown["record"]), "--yes", code=0)
    kube.settled("web")
    back = console.ask("undo", str(held["record"]), "--yes", code=0)
    assert back["status"] == "applied"
    assert hpa(kube)["spec"]["metrics"][0]["resource"]["target"]["averageUtilization"] == 50


def test_it_without_metrics_is_told_as_not_working(kube: Namespace, console: Console) -> None:
    """No sample of any pod: it does nothing, and describe says why."""
    autoscaled(kube)
    broken = eventually(lambda: _inactive(console), "the autoscaler to say that it has no metrics", 20)
    assert "FailedGetResourceMetric" in str(broken["reasons"])
    assert kube.get("web")["spec"]["replicas"] == 2


def _inactive(console: Console) -> dict | None:
    """Not working, and it says why: one that was made a moment ago has no conditions yet."""
    scaler = console.ask("describe", "deploy/web", code=0)["autoscaler"]
    return scaler if scaler and not scaler["active"] and scaler["reasons"] else None
