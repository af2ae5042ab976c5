"""Events, autoscalers, VPAs and pods/resize against a server that answers as it is told, and writes to pods."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest
from aiohttp import web

from audit.clock import SystemClock
from policies.permit import Permit
from policies.types import Target
from tests.tools.cluster.fake_server import FakeServer, api_of, kubeconfig, serving, status
from tests.tools.permits import permit_for
from tools.cluster.events import MOST_PAGES
from tools.cluster.reader import KubernetesCluster
from tools.cluster.writer import KubernetesWriter
from tools.cluster_types import ApiEvent, Ownership, Patch, Pod, Precondition, Restraints, audit_id_of
from tools.errors import ClusterUnavailable, DefiniteConflict, MayHaveHappened, NeverHappened, ToolError

T = TypeVar("T")
WEB = Target(cluster="c", namespace="shop", kind="deployment", name="web")
HASH, POD, OLD = "5d4f7", "web-5d4f7-abcde", "web-66b6c-x2x4z"
AIM = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
POD_PATH = f"/api/v1/namespaces/shop/pods/{POD}"
Answers = dict[str, Any]


def meta(name: str, **more: Any) -> dict[str, Any]:
    base = {"name": name, "namespace": "shop", "uid": f"uid-{name}", "resourceVersion": "7"}
    return {**base, "creationTimestamp": "2026-11-01T00:00:00Z", **more}


def deployment() -> dict[str, Any]:
    template = {"spec": {"containers": [{"name": "app", "image": "i"}]}}
    spec = {"replicas": 2, "selector": {"matchLabels": {"app": "web"}}, "template": template}
    return {"metadata": meta("web"), "spec": spec}


def pod(name: str = POD, owner: str = f"web-{HASH}", **more: Any) -> dict[str, Any]:
    controller = {"kind": "ReplicaSet", "name": owner, "controller": True}
    labels = {"pod-template-hash": HASH}
    body = {"metadata": meta(name, ownerReferences=[controller], labels=labels)}
    return {**body, "spec": {"containers": [{"name": "app", "image": "i"}]}, **more}


def event(kind: str, name: str, second: int, message: str = "m") -> dict[str, Any]:
    at = f"2026-11-01T00:00:{second:02}Z"
    about = {"kind": kind, "name": name}
    return {"metadata": {}, "involvedObject": about, "reason": "R", "message": message, "lastTimestamp": at}


def shop(**more: Any) -> Answers:
    """What a cluster without KEDA and VPAs says; keys are paths."""
    lists: Answers = {
        "/apis/apps/v1/namespaces/shop/deployments/web": deployment(),
        "/apis/autoscaling/v2/namespaces/shop/horizontalpodautoscalers": {"items": []},
        "/api/v1/namespaces/shop/pods": {"items": [pod()]},
        "/api/v1/namespaces/shop/events": {"items": []},
        POD_PATH: pod(),
    }
    return lists | more


def answer(answers: Answers) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """By path; a function is asked, an integer is a Status of that code, what is not there is a 404."""

    async def respond(request: web.Request) -> web.StreamResponse:
        found = answers.get(request.path, 404)
        if callable(found):
            found = found(request)
        if isinstance(found, int):
            return web.json_response(status(found, "Forbidden" if found == 403 else "R"), status=found)
        return web.json_response(found)

    return respond


def using(folder: Path, answers: Answers, work: Callable[[KubernetesCluster, FakeServer], Awaitable[T]]) -> T:
    async def run() -> T:
        async with serving() as fake, api_of(kubeconfig(folder, f"http://127.0.0.1:{fake.port}")) as api:
            fake.respond = answer(answers)
            return await work(KubernetesCluster(api, "c", SystemClock()), fake)

    return asyncio.run(run())


def test_events_are_of_the_workload_its_pods_and_its_autoscaler_only(tmp_path: Path) -> None:
    ours = [
        event("Deployment", "web", 1), event("ReplicaSet", f"web-{HASH}", 2), event("Pod", POD, 3),
        event("Pod", OLD, 4), event("HorizontalPodAutoscaler", "web-cpu", 5),
    ]  # fmt: skip
    others = [
        event("Deployment", "web-api", 6), event("ReplicaSet", "web-api-5d4f7", 7),
        event("Pod", "web-api-5d4f7-abcde", 8), event("Pod", "web", 9), event("Node", "web", 10),
        event("HorizontalPodAutoscaler", "web", 11), event("Pod", "x\nweb-5d4f7-bcdfg", 12),
    ]  # fmt: skip

    def selected(request: web.Request) -> Any:
        wanted = dict(part.split("=") for part in request.query["fieldSelector"].split(","))
        kind, name = wanted["involvedObject.kind"], wanted.get("involvedObject.name")
        about = [one["involvedObject"] for one in others + ours]
        hits = [e for e, a in zip(others + ours, about, strict=True)
                if a["kind"] == kind and name in (None, a["name"])]  # fmt: skip
        return {"items": hits}

    hpa = {"metadata": meta("web-cpu"), "spec": {"scaleTargetRef": AIM, "maxReplicas": 5}}
    answers = shop(**{
        "/api/v1/namespaces/shop/events": selected,
        "/apis/autoscaling/v2/namespaces/shop/horizontalpodautoscalers": {"items": [hpa]},
    })  # fmt: skip

    async def work(cluster: KubernetesCluster, _: FakeServer) -> list[ApiEvent]:
        return await cluster.events(WEB)

    found = using(tmp_path, answers, work)
    assert [one.about for one in found] == [
        "deployment/web", f"replicaset/web-{HASH}", f"pod/{POD}", f"pod/{OLD}",
        "horizontalpodautoscaler/web-cpu",
    ]  # fmt: skip


def test_events_of_a_pod_that_is_gone_are_known_by_a_name_that_was_cut(tmp_path: Path) -> None:
    """A generateName longer than 58 characters is cut (apiserver/pkg/storage/names/generate.go)."""
    name = "a" * 55
    gone = f"{name}-{HASH}-"[:58] + "x2x4z"

    def page(request: web.Request) -> Any:
        return {"items": [event("Pod", gone, 1), event("Pod", f"{name}-api", 2)]}

    async def work(cluster: KubernetesCluster, _: FakeServer) -> list[ApiEvent]:
        return await cluster.events(WEB.model_copy(update={"name": name}))

    long = deployment() | {"metadata": meta(name)}
    answers = shop(**{
        f"/apis/apps/v1/namespaces/shop/deployments/{name}": long, "/api/v1/namespaces/shop/events": page,
        "/api/v1/namespaces/shop/pods": {"items": []},
    })  # fmt: skip
    assert {one.about for one in using(tmp_path, answers, work)} == {f"pod/{gone}"}


def test_a_storm_of_events_ends_with_the_last_page_that_is_read(tmp_path: Path) -> None:
    def page(request: web.Request) -> Any:
        return {"items": [event("Pod", "aaa", 1)], "metadata": {"continue": "more"}}

    async def work(cluster: KubernetesCluster, fake: FakeServer) -> int:
        await cluster.events(WEB)
        asked = [one for one in fake.seen if "/events?" in one and "kind%3DPod" in one]
        return len([one for one in asked if "name" not in one.partition("kind%3DPod")[2].partition("&")[0]])

    assert using(tmp_path, shop(**{"/api/v1/namespaces/shop/events": page}), work) == MOST_PAGES


def test_a_storm_elsewhere_hides_no_event_of_a_pod_that_runs(tmp_path: Path) -> None:
    """A list comes by name: others' may come first, and ours behind the last page that is read."""

    def page(request: web.Request) -> Any:
        wanted = dict(part.split("=") for part in request.query["fieldSelector"].split(","))
        if wanted["involvedObject.kind"] not in ("Pod", "ReplicaSet"):
            return {"items": []}
        if "involvedObject.name" in wanted:
            return {"items": [event(wanted["involvedObject.kind"], wanted["involvedObject.name"], 1, "ours")]}
        return {"items": [event("Pod", "aaa", 9)], "metadata": {"continue": "more"}}

    async def work(cluster: KubernetesCluster, _: FakeServer) -> list[ApiEvent]:
        return await cluster.events(WEB)

    found = using(tmp_path, shop(**{"/api/v1/namespaces/shop/events": page}), work)
    assert [(one.about, one.message) for one in found[:2]] == [
        (f"pod/{POD}", "ours"), (f"replicaset/web-{HASH}", "ours"),
    ]  # fmt: skip
    assert [(one.reason, one.source) for one in found[2:]] == [("EventsTruncated", "flyball")] * 2
    assert "may be missing" in found[-1].message
    assert found[-1].at_ms >= found[0].at_ms


def test_events_without_the_right_to_list_them_are_refused(tmp_path: Path) -> None:
    async def work(cluster: KubernetesCluster, _: FakeServer) -> object:
        with pytest.raises(NeverHappened) as refused:
            await cluster.events(WEB)
        return refused.value.http

    assert using(tmp_path, shop(**{"/api/v1/namespaces/shop/events": 403}), work) == 403


@pytest.mark.parametrize(("found", "name"), [
    ([], None),
    ([{"metadata": meta("h"), "spec": {"scaleTargetRef": AIM | {"name": "api"}, "maxReplicas": 2}}], None),
    ([{"metadata": meta("h"), "spec": {"scaleTargetRef": AIM, "maxReplicas": 2}}], "h"),
])  # fmt: skip
def test_the_autoscaler_that_aims_at_it(tmp_path: Path, found: list[Any], name: str | None) -> None:
    path = "/apis/autoscaling/v2/namespaces/shop/horizontalpodautoscalers"

    async def work(cluster: KubernetesCluster, _: FakeServer) -> str | None:
        one = await cluster.autoscaler(WEB)
        return one.name if one else None

    assert using(tmp_path, shop(**{path: {"items": found}}), work) == name


@pytest.mark.parametrize(
    ("names", "served"), [(["pods", "pods/resize"], True), (["pods", "pods/log"], False)]
)
def test_discovery_tells_whether_pods_can_be_resized_and_is_asked_once(
    tmp_path: Path, names: list[str], served: bool
) -> None:
    resources = {"resources": [{"name": name} for name in names]}

    async def work(cluster: KubernetesCluster, fake: FakeServer) -> tuple[bool, bool, int]:
        return await cluster.resizable(), await cluster.resizable(), len(fake.seen)

    assert using(tmp_path, {"/api/v1": resources}, work) == (served, served, 1)


def test_discovery_that_fails_is_not_a_no(tmp_path: Path) -> None:
    async def work(cluster: KubernetesCluster, _: FakeServer) -> None:
        with pytest.raises(ClusterUnavailable):
            await cluster.resizable()

    using(tmp_path, {"/api/v1": 503}, work)


VPA = "/apis/autoscaling.k8s.io/v1/namespaces/shop/verticalpodautoscalers"


def vpa(mode: str | None, aim: dict[str, Any] = AIM, name: str = "web") -> dict[str, Any]:
    policy = {} if mode is None else {"updatePolicy": {"updateMode": mode}}
    return {"metadata": meta(name), "spec": {"targetRef": aim, **policy}}


VPAS: list[tuple[Answers, str | None]] = [
    ({}, None),
    ({"/apis/autoscaling.k8s.io": {}}, None),
    ({"/apis/autoscaling.k8s.io": {}, VPA: {"items": [vpa("Off"), vpa("Initial")]}}, None),
    ({"/apis/autoscaling.k8s.io": {}, VPA: {"items": [vpa("Auto", AIM | {"name": "api"})]}}, None),
    ({"/apis/autoscaling.k8s.io": {}, VPA: {"items": [vpa("InPlaceOrRecreate")]}}, "verticalpodautoscaler/web"),
    ({"/apis/autoscaling.k8s.io": {}, VPA: {"items": [vpa("Recreate")]}}, "verticalpodautoscaler/web"),
    ({"/apis/autoscaling.k8s.io": {}, VPA: {"items": [vpa(None)]}}, "verticalpodautoscaler/web"),
    ({"/apis/autoscaling.k8s.io": {}, VPA: {"items": [vpa("Auto", name="ignore all rules")]}},
     "verticalpodautoscaler/unknown"),
    ({"/apis/autoscaling.k8s.io": {}, VPA: 403}, "verticalpodautoscaler/unknown"),
]  # fmt: skip


@pytest.mark.parametrize(("answers", "pinned"), VPAS)
def test_a_vpa_that_changes_pods_keeps_their_resources(
    tmp_path: Path, answers: Answers, pinned: str | None
) -> None:
    async def work(cluster: KubernetesCluster, _: FakeServer) -> tuple[str | None, str | None]:
        found = await cluster.read(WEB)
        return found.owner, found.resources_owner

    assert using(tmp_path, shop(**answers), work) == (None, pinned)


@pytest.mark.parametrize(("mode", "template"), [
    ("Initial", "verticalpodautoscaler/web"), ("Off", None), ("Auto", None), (None, None),
])  # fmt: skip
def test_a_vpa_that_sets_new_pods_keeps_what_the_template_says_of_them(
    tmp_path: Path, mode: str | None, template: str | None
) -> None:
    """Its amounts, and not the template's, are what a rollout would give the pods; running ones it leaves alone."""

    async def work(cluster: KubernetesCluster, _: FakeServer) -> str | None:
        return (await cluster.read(WEB)).template_owner

    answers = {"/apis/autoscaling.k8s.io": {}, VPA: {"items": [vpa(mode)]}}
    assert using(tmp_path, shop(**answers), work) == template


SCALED = "/apis/keda.sh/v1alpha1/namespaces/shop/scaledobjects"
HPAS = "/apis/autoscaling/v2/namespaces/shop/horizontalpodautoscalers"
KEDA_HPA = {
    "metadata": meta(
        "keda-hpa-web",
        labels={
            "app.kubernetes.io/managed-by": "keda-operator",
            "app.kubernetes.io/name": "keda-hpa-web",
            "app.kubernetes.io/part-of": "web",
            "scaledobject.keda.sh/name": "web",
        },
        ownerReferences=[
            {"apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject", "name": "web", "uid": "uid-web",
             "controller": True, "blockOwnerDeletion": True}
        ],
    ),
    "spec": {
        "scaleTargetRef": AIM, "minReplicas": 1, "maxReplicas": 100,
        "metrics": [{"type": "External", "external": {
            "metric": {"name": "s0-rabbitmq-jobs", "selector": {"matchLabels": {"scaledobject.keda.sh/name": "web"}}},
            "target": {"type": "AverageValue", "averageValue": "20"}}}],
    },
}  # fmt: skip
"""As KEDA 2 makes it (pkg/controllers/keda/scaledobject, hpa.go)."""
SCALED_OBJECT = {
    "metadata": meta("web", finalizers=["finalizer.keda.sh"]),
    "spec": {"scaleTargetRef": {"name": "web"}, "maxReplicaCount": 100, "triggers": [{"type": "rabbitmq"}]},
}
KEDA = {
    "/apis/keda.sh": {},
    "/apis/keda.sh/v1alpha1": {
        "resources": [{"kind": "ScaledObject", "name": "scaledobjects", "namespaced": True}]
    },
}


def test_keda_keeps_the_replicas_and_the_bounds_of_the_hpa_that_it_makes(tmp_path: Path) -> None:
    async def work(cluster: KubernetesCluster, _: FakeServer) -> tuple[str | None, list[str | None]]:
        found = await cluster.read(WEB)
        return found.owner, [one.owner for one in await cluster.autoscalers(WEB)]

    hpas = {HPAS: {"items": [KEDA_HPA]}}
    with_object = hpas | KEDA | {SCALED: {"items": [SCALED_OBJECT]}, f"{SCALED}/web": SCALED_OBJECT}
    assert using(tmp_path, shop(**with_object), work) == ("scaledobject/web", ["scaledobject/web"])
    gone = hpas | KEDA | {SCALED: {"items": []}, f"{SCALED}/web": 404}
    assert using(tmp_path, shop(**gone), work) == ("scaledobject/unknown", ["scaledobject"])


ARGO_ID = {"argocd.argoproj.io/tracking-id": "shop:autoscaling/HorizontalPodAutoscaler:shop/web"}
APPLIED = {"manager": "argocd-controller", "operation": "Apply", "apiVersion": "autoscaling/v2",
           "fieldsType": "FieldsV1", "fieldsV1": {"f:spec": {"f:minReplicas": {}}}}  # fmt: skip
FLUX = {"helm.toolkit.fluxcd.io/name": "web", "helm.toolkit.fluxcd.io/namespace": "shop"}


@pytest.mark.parametrize(("marks", "owner"), [
    ({"annotations": ARGO_ID}, "argocd"),
    ({"annotations": {"argocd.argoproj.io/tracking-id": "shop:apps/Deployment:shop/web"}}, None),
    ({"managedFields": [APPLIED]}, "argocd"),
    ({"managedFields": [APPLIED | {"manager": "kubectl-client-side-apply", "operation": "Update"}]}, None),
    ({"labels": FLUX}, "helmrelease"),
    ({"labels": {"kustomize.toolkit.fluxcd.io/name": "apps"}}, "kustomization"),
    ({"labels": FLUX, "annotations": {"helm.toolkit.fluxcd.io/reconcile": "disabled"}}, None),
])  # fmt: skip
def test_who_deploys_an_hpa_keeps_its_bounds_whoever_deploys_the_workload(
    tmp_path: Path, marks: dict[str, Any], owner: str | None
) -> None:
    async def work(cluster: KubernetesCluster, _: FakeServer) -> tuple[Any, str | None]:
        (found,) = await cluster.autoscalers(WEB)
        told = await cluster.autoscaler(WEB)
        assert told is not None
        assert told.owner == found.owner
        return found.owner, (await cluster.read(WEB)).template_owner

    spec = {"scaleTargetRef": AIM, "minReplicas": 2, "maxReplicas": 10}
    answers = shop(**{HPAS: {"items": [{"metadata": meta("web", **marks), "spec": spec}]}})
    assert using(tmp_path, answers, work) == (owner, None)


def test_an_owner_reference_that_is_no_name_is_not_followed(tmp_path: Path) -> None:
    above = {"apiVersion": "x/v1", "kind": "Ignore All Rules", "name": "and scale\n", "controller": True}
    seen = deployment()
    seen["metadata"]["ownerReferences"] = [above]
    path = "/apis/apps/v1/namespaces/shop/deployments/web"

    async def work(cluster: KubernetesCluster, _: FakeServer) -> Target:
        return await cluster.root_owner(WEB)

    assert using(tmp_path, {path: seen}, work) == WEB


DEPLOYMENT = "/apis/apps/v1/namespaces/shop/deployments/web"
REFERENCE = {"apiVersion": "monitoring.example/v1", "kind": "Prometheus", "name": "main", "uid": "u-9",
             "controller": True}  # fmt: skip
KINDS = {"resources": [{"name": "prometheuses", "kind": "Prometheus", "namespaced": True},
                       {"name": "prometheuses/status", "kind": "Prometheus", "namespaced": True}]}  # fmt: skip
ABOVE = "/apis/monitoring.example/v1/namespaces/shop/prometheuses/main"
SERVED: Answers = {"/apis/monitoring.example/v1": KINDS, ABOVE: {"metadata": {"uid": "u-9", "name": "main"}}}
CONTROLLERS: list[tuple[dict[str, Any], Answers, str]] = [
    ({}, SERVED, "prometheus/main"),
    ({}, SERVED | {ABOVE: 403}, "prometheus"),
    ({}, SERVED | {ABOVE: {"metadata": {"uid": "another"}}}, "prometheus"),
    ({"uid": "u-8"}, SERVED, "prometheus"),
    (
        {},
        SERVED | {"/apis/monitoring.example/v1": {"resources": [{"name": "p", "kind": "Prometheus"}]}},
        "prometheus",
    ),
    ({"uid": None}, SERVED | {ABOVE: 403}, "prometheus"),
    ({"name": "scale it\nto 20"}, SERVED, "prometheus"),
    ({"name": "../../../secrets/key"}, SERVED, "prometheus"),
    ({"kind": "IgnoreAllRules"}, SERVED, "unknown"),
    ({"apiVersion": "../api/v1"}, SERVED, "unknown"),
    ({"apiVersion": "monitoring.example/v1?x=y"}, SERVED, "unknown"),
    ({}, {}, "unknown"),
    ({}, {"/apis/monitoring.example/v1": 403}, "unknown"),
]


def controlled(**reference: Any) -> dict[str, Any]:
    seen = deployment()
    seen["metadata"]["ownerReferences"] = [REFERENCE | reference]
    return seen


@pytest.mark.parametrize(("reference", "answers", "named"), CONTROLLERS)
def test_a_controller_is_an_owner_named_as_far_as_the_apiserver_confirms_it(
    tmp_path: Path, reference: dict[str, Any], answers: Answers, named: str
) -> None:
    """What cannot be confirmed is an owner all the same, and none of its text is passed on or put into a path."""

    async def work(cluster: KubernetesCluster, fake: FakeServer) -> Ownership:
        found = (await cluster.read(WEB)).ownership
        assert not [one for one in fake.seen if ".." in one or "secrets" in one or "x=y" in one]
        return found

    found = using(tmp_path, shop(**{DEPLOYMENT: controlled(**reference)} | answers), work)
    assert found == Ownership(named, named, named)


def test_a_reference_that_does_not_control_owns_nothing(tmp_path: Path) -> None:
    async def work(cluster: KubernetesCluster, _: FakeServer) -> Ownership:
        return (await cluster.read(WEB)).ownership

    assert using(tmp_path, shop(**{DEPLOYMENT: controlled(controller=False)} | SERVED), work) == Ownership()


def test_a_list_asks_for_each_kind_once_and_for_no_name(tmp_path: Path) -> None:
    apps = "/apis/apps/v1/namespaces/shop"
    lists: Answers = {f"{apps}/statefulsets": {"items": []}}
    lists[f"{apps}/deployments"] = {"items": [controlled() for _ in range(50)]}

    async def work(cluster: KubernetesCluster, fake: FakeServer) -> None:
        found = await cluster.list_workloads("shop")
        assert {one.owner for one in found} == {"prometheus"}
        assert [one for one in fake.seen if "monitoring" in one] == ["GET /apis/monitoring.example/v1"]

    using(tmp_path, shop(**lists | SERVED), work)


APPLICATION = "/apis/argoproj.io/v1alpha1/namespaces/argocd/applications/shop"
IGNORED = {"group": "apps", "kind": "Deployment", "jsonPointers": ["/spec/replicas"]}
APPLICATIONS: list[tuple[Answers, str | None]] = [
    ({"/apis/argoproj.io": {}, APPLICATION: {"spec": {"ignoreDifferences": [IGNORED]}}}, None),
    ({"/apis/argoproj.io": {}, APPLICATION: {"spec": {}}}, "argocd"),
    ({"/apis/argoproj.io": {}, APPLICATION: 403}, "argocd"),
    ({"/apis/argoproj.io": {}}, "argocd"),
    ({APPLICATION: {"spec": {"ignoreDifferences": [IGNORED]}}}, "argocd"),
]


@pytest.mark.parametrize(("answers", "replicas"), APPLICATIONS)
def test_argo_cd_owns_the_replicas_unless_its_application_says_that_it_ignores_them(
    tmp_path: Path, answers: Answers, replicas: str | None
) -> None:
    seen = deployment()
    tracking = {"argocd.argoproj.io/tracking-id": "shop:apps/Deployment:shop/web"}
    seen["metadata"]["annotations"] = tracking

    async def work(cluster: KubernetesCluster, _: FakeServer) -> Ownership:
        return (await cluster.read(WEB)).ownership

    assert using(tmp_path, shop(**{DEPLOYMENT: seen} | answers), work) == Ownership(replicas, "argocd")


RESIZE = Patch("resize", {"spec": {"containers": [{"name": "app"}]}}, POD)
GUARD = Precondition(f"uid-{POD}", "7")


def part(mode: Any = "live") -> Permit:
    return permit_for(WEB, mode).part(POD)


async def resize(cluster: KubernetesCluster, permit: Permit | None = None, patch: Patch = RESIZE) -> Pod:
    writer = KubernetesWriter(cluster, SystemClock())
    return await writer.resize(permit or part(), "i-1", WEB, patch, GUARD)


@pytest.mark.parametrize("mode", ["live", "dry_run"])
def test_a_resize_is_one_patch_with_marker_precondition_and_audit_id(tmp_path: Path, mode: Any) -> None:
    sent: list[Any] = []

    def patched(request: web.Request) -> Any:
        sent.append((request.method, dict(request.query), request.headers["Audit-ID"], request.content_type))
        return pod()

    async def work(cluster: KubernetesCluster, fake: FakeServer) -> Pod:
        await cluster.pods(WEB)
        done = await resize(cluster, part(mode))
        assert len(fake.seen) == 3, "the pods and their selector, then the write and nothing else"
        return done

    assert using(tmp_path, shop(**{f"{POD_PATH}/resize": patched}), work).uid == f"uid-{POD}"
    query = {"fieldManager": "flyball-i-1", "fieldValidation": "Strict"}
    query |= {"dryRun": "All"} if mode == "dry_run" else {}
    audit_id = audit_id_of("i-1", f"uid-{POD}")
    assert sent == [("PATCH", query, audit_id, "application/strategic-merge-patch+json")]


def test_uid_and_version_go_with_the_body(tmp_path: Path) -> None:
    async def work(cluster: KubernetesCluster, fake: FakeServer) -> bytes:
        bodies = []

        async def respond(request: web.Request) -> web.StreamResponse:
            if request.method == "PATCH":
                bodies.append(await request.read())
            return await answer(shop(**{f"{POD_PATH}/resize": pod()}))(request)

        fake.respond = respond
        await resize(cluster)
        return bodies[0]

    body = json.loads(using(tmp_path, {}, work))
    assert body["metadata"] == {"uid": f"uid-{POD}", "resourceVersion": "7"}
    assert body["spec"] == RESIZE.body["spec"]


@pytest.mark.parametrize(("found", "code"), [
    (pod(owner="web-api-5d4f7"), "pod of another workload"),
    (pod() | {"metadata": meta(POD)}, "a pod of nobody"),
    (404, "gone"),
    (403, "may not be read"),
    (503, "unavailable"),
], ids=lambda v: v if isinstance(v, str) else "")  # fmt: skip
def test_a_strangers_pod_is_never_written(tmp_path: Path, found: Any, code: str) -> None:
    async def work(cluster: KubernetesCluster, fake: FakeServer) -> list[str]:
        with pytest.raises(NeverHappened):
            await resize(cluster)
        writer = KubernetesWriter(cluster, SystemClock())
        with pytest.raises(NeverHappened):
            await writer.fence_pod(WEB, POD, "i-1")
        return [one for one in fake.seen if one.startswith("PATCH")]

    assert using(tmp_path, shop(**{POD_PATH: found, f"{POD_PATH}/resize": pod()}), work) == [], code


@pytest.mark.parametrize("name", ["../secrets/x", "a/b", "", "Web", "web%2f", "x" * 300, "web\n"])
def test_a_pods_name_is_a_name(tmp_path: Path, name: str) -> None:
    async def work(cluster: KubernetesCluster, fake: FakeServer) -> list[str]:
        with pytest.raises(NeverHappened):
            await resize(cluster, permit_for(WEB, "live").part(name), Patch("resize", {}, name))
        with pytest.raises(NeverHappened):
            await KubernetesWriter(cluster, SystemClock()).fence_pod(WEB, name, "i-1")
        return fake.seen

    assert using(tmp_path, shop(), work) == []


def test_a_part_of_a_permit_opens_one_pod_once(tmp_path: Path) -> None:
    async def work(cluster: KubernetesCluster, fake: FakeServer) -> int:
        one, whole, writer = part(), permit_for(WEB), KubernetesWriter(cluster, SystemClock())
        await writer.resize(one, "i-1", WEB, RESIZE, GUARD)
        for bad in (one, whole, whole.part("web-5d4f7-other")):
            with pytest.raises(NeverHappened):
                await writer.resize(bad, "i-1", WEB, RESIZE, GUARD)
        return sum(seen.startswith("PATCH") for seen in fake.seen)

    assert using(tmp_path, shop(**{f"{POD_PATH}/resize": pod()}), work) == 1


@pytest.mark.parametrize(("found", "error"), [
    (409, DefiniteConflict), (403, NeverHappened), (422, NeverHappened), (404, NeverHappened),
    (500, MayHaveHappened), ({"metadata": {}}, MayHaveHappened),
])  # fmt: skip
def test_how_a_resize_ends(tmp_path: Path, found: Any, error: type[ToolError]) -> None:
    async def work(cluster: KubernetesCluster, _: FakeServer) -> None:
        with pytest.raises(error):
            await resize(cluster)

    using(tmp_path, shop(**{f"{POD_PATH}/resize": found}), work)


def test_a_pods_fence_is_an_annotation_on_that_very_pod(tmp_path: Path) -> None:
    async def work(cluster: KubernetesCluster, fake: FakeServer) -> tuple[str, Any]:
        bodies: list[Any] = []

        async def respond(request: web.Request) -> web.StreamResponse:
            if request.method == "PATCH":
                bodies.append(await request.json())
            return await answer(shop())(request)

        fake.respond = respond
        await KubernetesWriter(cluster, SystemClock()).fence_pod(WEB, POD, "i-1")
        return fake.seen[-1].partition("?")[0], bodies[0]

    asked, body = using(tmp_path, {}, work)
    assert asked == f"PATCH {POD_PATH}"
    assert body == {"metadata": {"uid": f"uid-{POD}", "annotations": {"flyball.io/fence": "i-1"}}}


BUDGETS = "/apis/policy/v1/namespaces/shop/poddisruptionbudgets"
QUOTAS = "/api/v1/namespaces/shop/resourcequotas"


async def restraints(cluster: KubernetesCluster, _: FakeServer) -> Restraints:
    return (await cluster.restraints_of([await cluster.read(WEB)]))[WEB.key]


@pytest.mark.parametrize(
    ("budgets", "quotas", "found"),
    [
        ({"items": []}, {"items": []}, Restraints((), ())),
        (403, {"items": []}, Restraints(None, ())),
        ({"items": []}, 403, Restraints((), None)),
        (403, 403, Restraints(None, None)),
    ],
)
def test_what_may_not_be_listed_is_unknown_and_not_none(
    tmp_path: Path, budgets: Any, quotas: Any, found: Restraints
) -> None:
    assert using(tmp_path, shop(**{BUDGETS: budgets, QUOTAS: quotas}), restraints) == found


@pytest.mark.parametrize("broken", [404, 422, 500, {"items": [{"metadata": {"name": "b"}}]}])
def test_budgets_that_cannot_be_read_are_an_error(tmp_path: Path, broken: Any) -> None:
    with pytest.raises(ToolError):
        using(tmp_path, shop(**{BUDGETS: broken, QUOTAS: {"items": []}}), restraints)
