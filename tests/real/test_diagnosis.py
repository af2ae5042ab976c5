"""Why nothing runs, by what a real apiserver and its controllers say of it."""

import asyncio
from typing import Any

import pytest

from audit.clock import SystemClock
from policies.types import Target
from tests.real.cluster import Namespace, eventually
from tools.cluster.connect import connect
from tools.diagnosis.rules import diagnose
from tools.diagnosis.types import Facts, Finding, Severity

pytestmark = pytest.mark.real
CONTAINER: dict[str, Any] = {"name": "main", "image": "registry.invalid/web:1"}
RATIO = {"type": "Container", "maxLimitRequestRatio": {"cpu": "2"}}
WIDE = {"requests": {"cpu": "100m"}, "limits": {"cpu": "500m"}}


def worst(kube: Namespace) -> Finding | None:
    target = Target(cluster="real", namespace=kube.name, kind="deployment", name="web")

    async def look() -> Facts:
        cluster = await connect(None, kube.plane.kubeconfig, clock=SystemClock())
        try:
            seen, pods, told = (
                await cluster.read(target),
                await cluster.pods(target),
                await cluster.events(target),
            )
            return Facts(seen, pods, told, None, {}, SystemClock().wall_ms())
        finally:
            await cluster.close()

    return next(iter(diagnose(asyncio.run(look()))), None)


def deploy(kube: Namespace, **pod: Any) -> None:
    spec = {"containers": [CONTAINER], **pod}
    template = {"metadata": {"labels": {"app": "web"}}, "spec": spec}
    body = {"replicas": 2, "selector": {"matchLabels": {"app": "web"}}, "template": template}
    kube.api.post(f"{kube.apps}/deployments", {"metadata": {"name": "web"}, "spec": body})


def restricted(kube: Namespace) -> None:
    label = {"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "restricted"}}}
    kube.api.call("PATCH", kube.core, label, "application/strategic-merge-patch+json")
    deploy(kube)


def ratio(kube: Namespace) -> None:
    kube.api.post(f"{kube.core}/limitranges", {"metadata": {"name": "r"}, "spec": {"limits": [RATIO]}})
    deploy(kube, containers=[CONTAINER | {"resources": WIDE}])


def no_account(kube: Namespace) -> None:
    deploy(kube, serviceAccountName="missing")


CASES = {
    "PodSecurity": (restricted, "violates PodSecurity"),
    "LimitRange": (ratio, "cpu max limit to request ratio per Container is 2"),
    "ServiceAccount": (no_account, 'serviceaccount \\"missing\\" not found'),
}


@pytest.mark.parametrize("case", CASES)
def test_pods_that_the_apiserver_refuses_are_broken_in_its_words(kube: Namespace, case: str) -> None:
    make, said = CASES[case]
    make(kube)
    found = eventually(
        lambda: (one := worst(kube)) and one.rule == "not-made" and one, "the refusal to be diagnosed"
    )
    assert (found.severity, found.what) == (Severity.BROKEN, "2 pods are not made")
    assert said in found.evidence
