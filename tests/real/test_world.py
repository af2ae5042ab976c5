"""What the other real tests rely on: the fake kubelet makes the trouble it is told to, and says so as a real one."""

import pytest

from tests.real.cluster import Namespace, eventually
from tests.real.rest import Json, Refused

pytestmark = pytest.mark.real


def conditions(pod: Json) -> dict[str, tuple[str, str | None]]:
    return {one["type"]: (one["status"], one.get("reason")) for one in pod["status"].get("conditions", ())}


def resized(kube: Namespace, pod: str, cpu: str) -> None:
    """Somebody's resize of the pod's container; limits stay."""
    container = {"name": "main", "resources": {"requests": {"cpu": cpu}}}
    path = f"{kube.core}/pods/{pod}/resize"
    kind = "application/strategic-merge-patch+json"
    kube.api.call("PATCH", path, {"spec": {"containers": [container]}}, kind)


def status(kube: Namespace, pod: str) -> Json:
    found: Json = kube.pod(pod)["status"]["containerStatuses"][0]
    return found


def one_pod(kube: Namespace, **how: object) -> str:
    kube.workload("web", 1, **how)  # type: ignore[arg-type]
    kube.settled("web")
    return str(kube.pods("web")[0]["metadata"]["name"])


def test_a_pod_that_is_not_ready(kube: Namespace) -> None:
    pod = one_pod(kube)
    kube.tell(pod, ready="false")
    eventually(lambda: kube.get("web")["status"].get("readyReplicas", 0) == 0, "the pod to be unready", 5)
    assert conditions(kube.pod(pod))["Ready"] == ("False", "ContainersNotReady")
    kube.tell(pod, ready=None)
    kube.settled("web")


def test_a_pod_that_is_killed_for_memory(kube: Namespace) -> None:
    pod = one_pod(kube)
    kube.tell(pod, oom_kills="main=2", waiting="main=CrashLoopBackOff")
    seen = eventually(lambda: status(kube, pod)["restartCount"] == 2 and status(kube, pod), "the kills", 5)
    assert seen["lastState"]["terminated"]["reason"] == "OOMKilled"
    assert seen["state"] == {"waiting": {"reason": "CrashLoopBackOff"}}
    kube.tell(pod, waiting=None)
    kube.settled("web")
    assert status(kube, pod)["restartCount"] == 2


def test_a_pod_without_room_stays_pending(kube: Namespace) -> None:
    """The real scheduler finds no node."""
    kube.workload("web", 1, resources={"requests": {"cpu": "17"}, "limits": {"cpu": "17"}})
    (pod,) = eventually(lambda: kube.pods("web"), "the pod")
    name = pod["metadata"]["name"]
    wanted = ("False", "Unschedulable")
    eventually(
        lambda: conditions(kube.pod(name)).get("PodScheduled") == wanted, "the scheduler to give up", 10
    )
    assert kube.pod(name)["status"]["phase"] == "Pending"


def test_a_resize_is_carried_out(kube: Namespace) -> None:
    pod = one_pod(kube)
    resized(kube, pod, "200m")
    eventually(lambda: status(kube, pod)["resources"]["requests"]["cpu"] == "200m", "the resize", 5)
    after = eventually(lambda: not _resizing(kube, pod) and kube.pod(pod), "the conditions to go", 5)
    assert status(kube, pod)["allocatedResources"]["cpu"] == "200m"
    assert after["status"]["observedGeneration"] == after["metadata"]["generation"]


@pytest.mark.parametrize(
    ("word", "kind", "reason", "allocated"),
    [
        ("deferred", "PodResizePending", "Deferred", "100m"),
        ("infeasible", "PodResizePending", "Infeasible", "100m"),
        ("error", "PodResizeInProgress", "Error", "200m"),
    ],
)
def test_a_resize_that_is_not(kube: Namespace, word: str, kind: str, reason: str, allocated: str) -> None:
    pod = one_pod(kube, words={"resize": word})
    resized(kube, pod, "200m")
    eventually(lambda: conditions(kube.pod(pod)).get(kind) == ("True", reason), f"{reason} to be told", 5)
    assert status(kube, pod)["resources"]["requests"]["cpu"] == "100m"
    assert status(kube, pod)["allocatedResources"]["cpu"] == allocated


def test_a_full_node_defers_a_resize_until_there_is_room(kube: Namespace) -> None:
    """By nothing but the node's own size."""
    node = kube.node("300m")
    for name in ("web", "other"):
        kube.workload(name, 1, on=node)
        kube.settled(name)
    (pod,) = (one["metadata"]["name"] for one in kube.pods("web"))
    resized(kube, pod, "250m")
    pending = ("True", "Deferred")
    eventually(lambda: conditions(kube.pod(pod)).get("PodResizePending") == pending, "the deferral", 5)
    kube.scale("other", 0)
    eventually(lambda: status(kube, pod)["resources"]["requests"]["cpu"] == "250m", "the room to be used", 5)


def test_more_than_the_node_has_is_refused_at_once(kube: Namespace) -> None:
    """By the apiserver, before any kubelet sees it."""
    node = kube.node("300m")
    pod = one_pod(kube, on=node)
    with pytest.raises(Refused) as error:
        resized(kube, pod, "400m")
    assert error.value.http == 403
    assert "exceeds node allocatable" in str(error.value) or "allocatable" in str(error.value)


def _resizing(kube: Namespace, pod: str) -> list[str]:
    return [kind for kind in conditions(kube.pod(pod)) if kind.startswith("PodResize")]
