"""The reader against a real apiserver."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import pytest

from audit.clock import SystemClock
from policies.types import Target
from tests.real.cluster import Namespace, eventually, rule
from tests.real.node import NODES, WINDOW_S
from tools.cluster.connect import connect
from tools.cluster.reader import KubernetesCluster
from tools.cluster_types import Container, Resources
from tools.errors import ClusterUnavailable, NeverHappened, NotFound
from tools.metrics.pods import pattern

pytestmark = pytest.mark.real
T = TypeVar("T")
CPU_M, MIB = 1, 2**20


def reading(kubeconfig: Path, use: Callable[[KubernetesCluster], Awaitable[T]]) -> T:
    """Connect as that kubeconfig's user, use the reader once, close."""

    async def run() -> T:
        cluster = await connect(None, kubeconfig, clock=SystemClock())
        try:
            return await use(cluster)
        finally:
            await cluster.close()

    return asyncio.run(run())


def deployment(kube: Namespace, name: str, kind: str = "deployment") -> Target:
    return Target(cluster="real", namespace=kube.name, kind=kind, name=name)


def test_identity_is_the_uid_of_kube_system(kube: Namespace) -> None:
    found = reading(kube.plane.kubeconfig, lambda cluster: cluster.identity())
    system = kube.api.get("/api/v1/namespaces/kube-system")
    assert (found.name, found.uid, found.server) == ("real", system["metadata"]["uid"], kube.plane.server)


def test_a_workload_is_read_as_it_is(kube: Namespace) -> None:
    kube.workload("web", replicas=3)
    obj = kube.settled("web")
    seen = reading(kube.plane.kubeconfig, lambda cluster: cluster.read(deployment(kube, "web")))
    assert seen.uid == obj["metadata"]["uid"]
    assert (seen.replicas, seen.ready, seen.updated, seen.available) == (3, 3, 3, 3)
    assert seen.generation == seen.observed_generation == 1
    assert seen.containers == (
        Container("main", "registry.invalid/web:1", Resources(100, 500, 64 * MIB, 256 * MIB)),
    )
    assert seen.owner is None
    assert seen.selector == {"app": "web"}
    assert any("spec.replicas" in one.fields for one in seen.managers)


def test_lists_name_both_kinds_and_obey_the_selector(kube: Namespace) -> None:
    kube.workload("web")
    kube.workload("queue", kind="statefulset")
    everything = reading(kube.plane.kubeconfig, lambda cluster: cluster.list_workloads(kube.name))
    assert [str(one.target) for one in everything] == ["deployment/web", "statefulset/queue"]
    queue = reading(kube.plane.kubeconfig, lambda cluster: cluster.list_workloads(None, "app=queue"))
    assert [one.target for one in queue if one.target.namespace == kube.name] == [
        deployment(kube, "queue", "statefulset")
    ]


def test_pods_are_the_workloads_own(kube: Namespace) -> None:
    """A second Deployment with the same selector and a bare pod with the same label are left out."""
    kube.workload("web", replicas=2)
    kube.settled("web")
    stranger = {"containers": [{"name": "main", "image": "registry.invalid/x:1"}]}
    kube.api.post(
        f"{kube.core}/pods", {"metadata": {"name": "bare", "labels": {"app": "web"}}, "spec": stranger}
    )
    pods = reading(kube.plane.kubeconfig, lambda cluster: cluster.pods(deployment(kube, "web")))
    assert len(pods) == 2
    assert all(pod.ready and pod.phase == "Running" and not pod.deleting for pod in pods)
    assert all(pod.name.startswith("web-") and pod.started_at_ms for pod in pods)


def test_a_statefulsets_pods(kube: Namespace) -> None:
    kube.workload("queue", replicas=2, kind="statefulset")
    kube.settled("queue", "statefulset")
    target = deployment(kube, "queue", "statefulset")
    pods = reading(kube.plane.kubeconfig, lambda cluster: cluster.pods(target))
    assert sorted(pod.name for pod in pods) == ["queue-0", "queue-1"]


def test_a_daemonset_and_a_job_are_looked_at(kube: Namespace) -> None:
    """By name, with their pods and events, and in lists of their own: as many as there are nodes, and as the Job
    wants to run now."""
    spec = {"containers": [{"name": "main", "image": "registry.invalid/x:1"}]}
    template = {"metadata": {"labels": {"app": "agent"}}, "spec": spec}
    selector = {"matchLabels": {"app": "agent"}}
    daemon = {"metadata": {"name": "agent"}, "spec": {"selector": selector, "template": template}}
    kube.api.post(f"{kube.apps}/daemonsets", daemon)
    job = {"parallelism": 2, "completions": 3, "template": {"spec": spec | {"restartPolicy": "Never"}}}
    kube.api.post(f"/apis/batch/v1/namespaces/{kube.name}/jobs", {"metadata": {"name": "job"}, "spec": job})
    for kind, name, wanted in (("daemonset", "agent", len(NODES)), ("job", "job", 2)):
        target = deployment(kube, name, kind)

        def ready(target: Target = target, wanted: int = wanted) -> bool:
            seen = reading(kube.plane.kubeconfig, lambda cluster: cluster.read(target))
            return (seen.replicas, seen.ready) == (wanted, wanted)

        eventually(ready, f"{target} to be ready")
        pods = reading(kube.plane.kubeconfig, lambda cluster, target=target: cluster.pods(target))
        told = reading(kube.plane.kubeconfig, lambda cluster, target=target: cluster.events(target))
        assert len(pods) == wanted
        assert all(re.fullmatch(pattern(target), pod.name) for pod in pods)
        assert {one.reason for one in told} >= {"SuccessfulCreate", "Scheduled"}
        (listed,) = reading(
            kube.plane.kubeconfig, lambda cluster, kind=kind: cluster.list_workloads(kube.name, kinds=(kind,))
        )
        assert (listed.target, listed.replicas) == (target, wanted)
        assert (listed.current, listed.job is not None) == (
            (wanted, False) if kind == "daemonset" else (0, True)
        )
    usual = reading(kube.plane.kubeconfig, lambda cluster: cluster.list_workloads(kube.name))
    assert usual == [], "they are listed only where they are asked for"


def test_usage_is_demand_over_pods(kube: Namespace) -> None:
    kube.workload("web", replicas=2)
    kube.settled("web")
    assert reading(kube.plane.kubeconfig, lambda cluster: cluster.usage(deployment(kube, "web"))) == []
    kube.demand("web", "900m", "512Mi")
    path = f"/apis/metrics.k8s.io/v1beta1/namespaces/{kube.name}/pods"
    eventually(lambda: len(kube.api.get(path)["items"]) == 2, "two samples")
    samples = reading(kube.plane.kubeconfig, lambda cluster: cluster.usage(deployment(kube, "web")))
    assert [sample.containers for sample in samples] == [{"main": (450, 256 * MIB)}] * 2
    assert all(sample.window_s == WINDOW_S and sample.at_ms > 1_700_000_000_000 for sample in samples)


def test_an_autoscaler_is_the_owner(kube: Namespace) -> None:
    kube.workload("web")
    kube.workload("api")
    reference = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
    spec = {"scaleTargetRef": reference, "minReplicas": 1, "maxReplicas": 4}
    path = f"/apis/autoscaling/v2/namespaces/{kube.name}/horizontalpodautoscalers"
    kube.api.post(path, {"metadata": {"name": "web-scaler"}, "spec": spec})

    def owners() -> dict[str, str | None]:
        seen = reading(kube.plane.kubeconfig, lambda cluster: cluster.list_workloads(kube.name))
        return {one.target.name: one.owner for one in seen}

    wanted = {"web": "horizontalpodautoscaler/web-scaler", "api": None}
    eventually(lambda: owners() == wanted, "the watch cache to hold the autoscaler", 5)


def test_restraints_that_may_not_be_listed_are_unknown_and_not_none(kube: Namespace) -> None:
    kube.workload("web")
    limited, web = kube.user("viewer", rule("get,list", "deployments")), deployment(kube, "web")
    seen = reading(kube.plane.kubeconfig, lambda cluster: cluster.read(web))
    found = reading(limited, lambda cluster: cluster.restraints_of([seen]))[web.key]
    assert (found.budgets, found.quotas) == (None, None)


def test_the_root_owner_stands_at_the_top(kube: Namespace) -> None:
    """A Deployment owned by a custom resource: the name of what stands above is enough for a lease."""
    above = {
        "apiVersion": "shop.invalid/v1",
        "kind": "Shop",
        "name": "main",
        "uid": "u-1",
        "controller": True,
    }
    kube.workload("web", ownerReferences=[above])
    kube.workload("api")
    for name, expected in (("web", ("shop", "main")), ("api", ("deployment", "api"))):
        target = deployment(kube, name)
        top = reading(kube.plane.kubeconfig, lambda cluster, target=target: cluster.root_owner(target))
        assert (top.kind, top.name) == expected


def test_what_is_not_there_is_not_found(kube: Namespace) -> None:
    with pytest.raises(NotFound) as error:
        reading(kube.plane.kubeconfig, lambda cluster: cluster.read(deployment(kube, "nobody")))
    assert error.value.http == 404
    assert "nobody" in error.value.what


def test_a_refused_read_says_which_rule_is_missing(kube: Namespace) -> None:
    limited = kube.user("viewer", rule("list", "horizontalpodautoscalers", "autoscaling"))
    with pytest.raises(NeverHappened) as error:
        reading(limited, lambda cluster: cluster.read(deployment(kube, "web")))
    assert error.value.http == 403
    assert f"kubectl auth can-i get deployments.apps -n {kube.name}" in error.value.hint


def test_a_reader_that_cannot_see_autoscalers_does_not_guess(kube: Namespace) -> None:
    """Without the right to list HPAs nobody can say that none keeps the replicas."""
    kube.workload("web")
    limited = kube.user("half", rule("get", "deployments"))
    with pytest.raises(NeverHappened) as error:
        reading(limited, lambda cluster: cluster.read(deployment(kube, "web")))
    assert "horizontalpodautoscalers" in error.value.hint


def test_an_apiserver_that_is_down_is_away(kube: Namespace) -> None:
    kube.workload("web")
    kube.plane.stop_apiserver()
    try:
        with pytest.raises(ClusterUnavailable):
            reading(kube.plane.kubeconfig, lambda cluster: cluster.read(deployment(kube, "web")))
    finally:
        kube.plane.start_apiserver()
