"""From API JSON to the ports' types, and who keeps a workload's replicas."""

from typing import Any

import pytest

from policies.types import Target
from tools.cluster import objects
from tools.cluster.deployers import application_of, ignores_replicas
from tools.cluster.owners import NOBODY, Above, ownership_of
from tools.cluster_types import Container, Manager, Ownership, Resources

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


def kept(
    autoscalers: list[Any] | None = None,
    scalers: list[Any] | None = None,
    above: Above = NOBODY,
    **meta: Any,
) -> Ownership:
    return ownership_of(WEB, deployment(**meta), scalers or [], autoscalers or [], above)


def owner(autoscalers: list[Any] | None = None, scalers: list[Any] | None = None, **meta: Any) -> str | None:
    return kept(autoscalers, scalers, **meta).replicas


def test_what_the_api_leaves_out_is_not_guessed() -> None:
    seen = objects.workload("c", "deployment", deployment(), Ownership())
    assert seen.target == WEB
    assert seen.containers == (Container("main", "i:1", Resources(None, None, None, None)),)
    assert (seen.replicas, seen.ready, seen.observed_generation, seen.paused) == (2, 0, 0, False)
    assert (seen.labels, seen.managers) == ({}, ())


@pytest.mark.parametrize(("volumes", "templates", "names"), [
    (None, None, ()),
    ([{"name": "tmp", "emptyDir": {}}], None, ()),
    ([{"name": "scratch", "ephemeral": {"volumeClaimTemplate": {}}}], None, ()),
    ([{"name": "data", "persistentVolumeClaim": {"claimName": "assets"}}], None, ("assets",)),
    (None, [{"metadata": {"name": "data"}}], ()),
])  # fmt: skip
def test_whose_pods_mount_claims(volumes: Any, templates: Any, names: tuple[str, ...]) -> None:
    obj = deployment()
    obj["spec"]["template"]["spec"]["volumes"] = volumes
    obj["spec"]["volumeClaimTemplates"] = templates
    assert objects.workload("c", "statefulset", obj, Ownership()).mounts_claims is bool(names or templates)
    assert objects.claims_of(obj["spec"]["template"]["spec"]) == names


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
    seen = objects.workload("c", kind, body, Ownership())
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


def test_what_an_autoscaler_scales_is_still_deployed_by_another() -> None:
    """The replicas are the autoscaler's, the template is not: a change of it would be put back."""
    labels = {"kustomize.toolkit.fluxcd.io/name": "shop"}
    assert kept([scaler()], labels=labels) == Ownership("horizontalpodautoscaler/s", "kustomization")
    assert kept([scaler()]) == Ownership("horizontalpodautoscaler/s")


def test_a_controller_keeps_all_of_it() -> None:
    """Before who deploys it (an operator copies labels), and behind an autoscaler for the replicas alone."""
    above = Above("prometheus/main")
    assert kept(above=above) == Ownership("prometheus/main", "prometheus/main", "prometheus/main")
    labels = {"kustomize.toolkit.fluxcd.io/name": "shop"}
    assert kept(above=above, labels=labels).template == "prometheus/main"
    assert kept([scaler()], above=above).replicas == "horizontalpodautoscaler/s"
    assert kept(above=Above("unknown")).replicas == "unknown", "who cannot be named is an owner all the same"


ID, MANAGED = "configsync.gke.io/resource-id", "configmanagement.gke.io/managed"
SYNC: list[tuple[dict[str, str], str | None]] = [
    ({MANAGED: "enabled"}, "configsync"),
    ({MANAGED: "enabled", ID: "apps_deployment_shop_web"}, "configsync"),
    ({MANAGED: "enabled", ID: "apps_deployment_shop_copied-from"}, None),
    ({MANAGED: "disabled", ID: "apps_deployment_shop_web"}, None),
    ({ID: "apps_deployment_shop_web"}, None),
    ({MANAGED: "enabled", "client.lifecycle.config.k8s.io/mutation": "ignore"}, None),
]


@pytest.mark.parametrize(("annotations", "found"), SYNC)
def test_config_sync_keeps_what_it_says_it_manages(annotations: dict[str, str], found: str | None) -> None:
    assert owner(annotations=annotations) == kept(annotations=annotations).template == found


def test_fleet_keeps_what_its_agent_marks() -> None:
    annotations, labels = (
        {"objectset.rio.cattle.io/id": "default-shop"},
        {"objectset.rio.cattle.io/hash": "1f"},
    )
    assert owner(annotations=annotations, labels=labels) == "fleet"
    assert owner(annotations=annotations) is None
    others = annotations | {"objectset.rio.cattle.io/owner-gvk": "k3s.cattle.io/v1, Kind=Addon"}
    assert owner(annotations=others, labels=labels) is None


TRACKED = {"argocd.argoproj.io/tracking-id": "shop:apps/Deployment:shop/web"}


def test_an_application_that_ignores_the_replicas_keeps_the_rest() -> None:
    assert kept(above=Above(ignores_replicas=True), annotations=TRACKED) == Ownership(None, "argocd")
    flux = {"kustomize.toolkit.fluxcd.io/name": "shop"}
    both = kept(above=Above(ignores_replicas=True), annotations=TRACKED, labels=flux)
    assert both.replicas == "kustomization", "who else keeps it has ignored nothing"


@pytest.mark.parametrize(("meta", "application"), [
    ({"annotations": TRACKED}, ("argocd", "shop")),
    ({"annotations": {"argocd.argoproj.io/tracking-id": "team-a_shop:apps/Deployment:shop/web"}}, ("team-a", "shop")),
    ({"annotations": {"argocd.argoproj.io/tracking-id": "shop:apps/Deployment:shop/other"}}, None),
    ({"labels": {"app.kubernetes.io/instance": "shop"}}, None),
    ({"labels": {"app.kubernetes.io/instance": "shop"},
      "managedFields": [{"manager": "argocd-controller", "fieldsV1": {}}]}, ("argocd", "shop")),
])  # fmt: skip
def test_which_application_keeps_it(meta: dict[str, Any], application: tuple[str, str] | None) -> None:
    assert application_of(WEB, meta) == application


POINTER = {"group": "apps", "kind": "Deployment", "jsonPointers": ["/spec/replicas"]}


@pytest.mark.parametrize(("entry", "ignored"), [
    (POINTER, True),
    (POINTER | {"name": "web", "namespace": "shop"}, True),
    (POINTER | {"group": "*", "kind": "*"}, True),
    (POINTER | {"jsonPointers": None, "jqPathExpressions": [".spec.replicas"]}, True),
    (POINTER | {"name": "api"}, False),
    (POINTER | {"namespace": "other"}, False),
    (POINTER | {"kind": "StatefulSet"}, False),
    (POINTER | {"group": ""}, False),
    (POINTER | {"jsonPointers": ["/spec/template", "/metadata/annotations"]}, False),
    (POINTER | {"jsonPointers": None, "managedFieldsManagers": ["kubectl"]}, False),
])  # fmt: skip
def test_what_an_application_ignores(entry: dict[str, Any], ignored: bool) -> None:
    assert ignores_replicas(WEB, {"spec": {"ignoreDifferences": [entry]}}) is ignored
    assert not ignores_replicas(WEB, {"spec": {}})
    assert not ignores_replicas(WEB, {})
