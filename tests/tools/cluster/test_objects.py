"""From API JSON to the ports' types, and who keeps a workload's replicas."""

from typing import Any

import pytest

from policies.types import Target
from tools.cluster import objects
from tools.cluster.owners import owner_of
from tools.cluster_types import Container, Manager, Resources

WEB = Target(cluster="c", namespace="shop", kind="deployment", name="web")
REFERENCE = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}


def deployment(**meta: Any) -> dict[str, Any]:
    """As an apiserver answers for one that has just been made: no status counts, no labels."""
    template = {
        "spec": {"containers": [{"name": "main", "image": "i:1"}], "initContainers": [{"name": "init"}]}
    }
    base = {
        "name": "web",
        "namespace": "shop",
        "uid": "u-1",
        "resourceVersion": "7",
        "generation": 1,
        "creationTimestamp": "2026-11-01T00:00:00Z",
    }
    spec = {"replicas": 2, "selector": {"matchLabels": {"app": "web"}}, "template": template}
    return {"metadata": base | meta, "spec": spec, "status": {}}


def scaler(kind: str = "Deployment", name: str = "web", **meta: Any) -> dict[str, Any]:
    reference = REFERENCE | {"kind": kind, "name": name}
    return {"metadata": {"name": "s", "namespace": "shop", **meta}, "spec": {"scaleTargetRef": reference}}


def owner(autoscalers: list[Any] | None = None, scalers: list[Any] | None = None, **meta: Any) -> str | None:
    return owner_of(WEB, deployment(**meta), scalers or [], autoscalers or [])


def test_what_the_api_leaves_out_is_not_guessed() -> None:
    seen = objects.workload("c", "deployment", deployment(), None)
    assert seen.target == WEB
    assert seen.containers == (Container("main", "i:1", Resources(None, None, None, None)),)
    assert (seen.replicas, seen.ready, seen.observed_generation, seen.paused) == (2, 0, 0, False)
    assert (seen.labels, seen.managers) == ({}, ())


@pytest.mark.parametrize(("kind", "spec", "status", "found"), [
    ("deployment", {}, {}, ("RollingUpdate", 0, "")),
    ("deployment", {"strategy": {"type": "Recreate"}}, {}, ("Recreate", 0, "")),
    ("deployment", {"strategy": {"rollingUpdate": {"maxSurge": 1}}}, {}, ("RollingUpdate", 0, "")),
    ("statefulset", {"updateStrategy": {"type": "OnDelete"}}, {}, ("OnDelete", 0, "")),
    ("statefulset", {"updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 2}}},
     {"updateRevision": "web-b"}, ("RollingUpdate", 2, "web-b")),
    ("statefulset", {"updateStrategy": {"type": "ignore all rules"}}, {}, ("Unknown", 0, "")),
])  # fmt: skip
def test_how_pods_are_replaced(kind: str, spec: Any, status: Any, found: tuple[str, int, str]) -> None:
    body = deployment()
    body = {**body, "spec": body["spec"] | spec, "status": status}
    seen = objects.workload("c", kind, body, None)
    assert (seen.strategy, seen.partition, seen.newest_template) == found


def test_managers_are_named_with_the_fields_that_they_own() -> None:
    fields = {
        "f:metadata": {"f:annotations": {".": {}, "f:a": {}}},
        "f:spec": {"f:replicas": {}, "f:template": {"f:spec": {}}},
    }
    entry = {"manager": "kubectl", "operation": "Update", "time": "2026-11-01T00:00:00Z", "fieldsV1": fields}
    assert objects.managers({"managedFields": [entry]}) == (
        Manager(
            "kubectl",
            "Update",
            "",
            "2026-11-01T00:00:00Z",
            ("metadata.annotations", "spec.replicas", "spec.template"),
        ),
    )


def test_usage_without_a_figure_is_no_entry() -> None:
    sample = {
        "metadata": {"name": "web-1"},
        "timestamp": "2026-11-01T00:00:00Z",
        "window": "1m0.5s",
        "containers": [
            {"name": "main", "usage": {"cpu": "12345678n", "memory": "1Mi"}},
            {"name": "new", "usage": {"cpu": "1m"}},
        ],
    }
    usage = objects.pod_usage(sample)
    assert usage.containers == {"main": (13, 2**20)}
    assert (usage.window_s, usage.at_ms) == (61, 1_793_491_200_000)


def test_a_selector_with_expressions() -> None:
    selector = {
        "matchLabels": {"app": "web"},
        "matchExpressions": [
            {"key": "tier", "operator": "In", "values": ["a", "b"]},
            {"key": "env", "operator": "NotIn", "values": ["dev"]},
            {"key": "x", "operator": "Exists"},
            {"key": "y", "operator": "DoesNotExist"},
        ],
    }
    assert objects.selector_text(selector) == "app=web,tier in (a,b),env notin (dev),x,!y"


@pytest.mark.parametrize(
    ("controller", "mine"),
    [
        ({"kind": "ReplicaSet", "name": "web-5d4f"}, True),
        ({"kind": "ReplicaSet", "name": "web-api-5d4f"}, False),
        ({"kind": "StatefulSet", "name": "web"}, False),
        (None, False),
    ],
)
def test_pods_of_a_deployment_come_by_its_replicaset(controller: dict[str, Any] | None, mine: bool) -> None:
    references = [controller | {"controller": True}] if controller else []
    pod = {"metadata": {"labels": {"pod-template-hash": "5d4f"}, "ownerReferences": references}}
    assert objects.belongs(WEB, pod) is mine


def test_nobody_keeps_it() -> None:
    assert owner([scaler(name="api"), scaler(kind="StatefulSet")]) is None


def test_an_autoscaler_keeps_it() -> None:
    assert owner([scaler()]) == "horizontalpodautoscaler/s"


def test_keda_keeps_it_directly_or_through_its_autoscaler() -> None:
    plain = {"metadata": {"name": "so"}, "spec": {"scaleTargetRef": {"name": "web"}}}
    assert owner([scaler()], [plain]) == "scaledobject/so"
    made = [{"kind": "ScaledObject", "name": "so", "controller": True}]
    assert owner([scaler(ownerReferences=made)]) == "scaledobject/unknown"


def test_argo_keeps_what_its_tracking_id_names() -> None:
    key = "argocd.argoproj.io/tracking-id"
    assert owner(annotations={key: "shop:apps/Deployment:shop/web"}) == "argocd"
    assert owner(annotations={key: "shop:apps/Deployment:shop/copied-from"}) is None


def test_the_instance_label_counts_only_where_argo_wrote() -> None:
    """Helm sets the same label and reverts nothing."""
    labels = {"app.kubernetes.io/instance": "shop"}
    wrote = [{"manager": "argocd-controller", "operation": "Update", "fieldsV1": {}}]
    assert owner(labels=labels) is None
    assert owner(labels=labels, managedFields=wrote) == "argocd"


@pytest.mark.parametrize(
    ("group", "kind"),
    [("kustomize.toolkit.fluxcd.io", "kustomization"), ("helm.toolkit.fluxcd.io", "helmrelease")],
)
def test_flux_keeps_it_unless_told_to_leave_it_alone(group: str, kind: str) -> None:
    labels = {f"{group}/name": "shop"}
    assert owner(labels=labels) == kind
    assert owner(labels=labels, annotations={f"{group}/reconcile": "disabled"}) is None


def test_the_autoscaler_is_nearer_than_gitops() -> None:
    labels = {"kustomize.toolkit.fluxcd.io/name": "shop"}
    assert owner([scaler()], labels=labels) == "horizontalpodautoscaler/s"
