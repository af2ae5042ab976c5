"""The HPA of the real controller-manager moves a workload, on metrics.k8s.io; our tools see it, and keep out."""

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
