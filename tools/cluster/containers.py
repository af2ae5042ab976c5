"""The containers of a pod that count: those that run as long as the pod does. Pure.

An init container with `restartPolicy: Always` is a native sidecar (KEP-753): it starts before the others, runs
beside them, and is counted with them, as the HPA, the scheduler and the kubelet do. Ordinary init containers end
before the pod is at work and are not counted.
"""

from base.quantities import millicores, whole_bytes
from forecasting.vertical import jvm
from forecasting.vertical.jvm import Jvm
from tools.cluster.kinds import Object
from tools.cluster_types import Container, Resources


def counted(pod_spec: Object) -> tuple[Container, ...]:
    """The long-running containers of a pod or of a template: its containers, then its native sidecars, each in
    the API's order."""
    return tuple(
        Container(
            one["name"],
            one.get("image", ""),
            resources(one.get("resources") or {}),
            native,
            _restarts_on(one),
            _jvm(one),
        )
        for native, each in ((False, pod_spec.get("containers") or ()), (True, _native(pod_spec)))
        for one in each
    )


def initializing(pod: Object) -> str:
    """The init container for whose end, or (a native sidecar) for whose start, the others wait; empty where none
    is waited for or the kubelet says nothing."""
    native = {one["name"] for one in _native(pod["spec"])}
    for one in (pod.get("status") or {}).get("initContainerStatuses") or ():
        state = one.get("state") or {}
        ended = (state.get("terminated") or {}).get("exitCode") == 0
        if not (one.get("started", "running" in state) if one["name"] in native else ended):
            return str(one["name"])
    return ""


def counted_statuses(pod: Object) -> tuple[Object, ...]:
    """What the kubelet says of those containers, in the same order; one of which it says nothing is left out.
    While the pod waits for an init container it is those of all init containers, as kubectl counts restarts."""
    spec, status = pod["spec"], pod.get("status") or {}
    native = {one["name"] for one in _native(spec)}
    inits = status.get("initContainerStatuses") or ()
    if initializing(pod):
        return tuple(inits)
    return (*(status.get("containerStatuses") or ()), *(one for one in inits if one["name"] in native))


def given(pod: Object) -> tuple[Container, ...]:
    """The counted containers with what the node has given them; without those of which it does not say so."""
    native = {one["name"] for one in _native(pod["spec"])}
    return tuple(
        Container(one["name"], one.get("image", ""), resources(one["resources"]), one["name"] in native)
        for one in counted_statuses(pod)
        if one.get("resources") is not None
    )


def resources(block: Object) -> Resources:
    """Requests and limits, rounded up to whole millicores and bytes as Kubernetes does."""
    requests, limits = block.get("requests") or {}, block.get("limits") or {}
    return Resources(
        cpu_request=millicores(requests["cpu"]) if "cpu" in requests else None,
        cpu_limit=millicores(limits["cpu"]) if "cpu" in limits else None,
        memory_request=whole_bytes(requests["memory"]) if "memory" in requests else None,
        memory_limit=whole_bytes(limits["memory"]) if "memory" in limits else None,
    )


def _restarts_on(container: Object) -> tuple[str, ...]:
    """Of CPU and memory those whose resize restarts it; without a resizePolicy none does."""
    policies = {one["resourceName"]: one["restartPolicy"] for one in container.get("resizePolicy") or ()}
    return tuple(name for name in ("cpu", "memory") if policies.get(name) == "RestartContainer")


def _jvm(container: Object) -> Jvm | None:
    """From its command line and the literal values of its environment; numbers only leave this function."""
    words = [str(word) for key in ("command", "args") for word in container.get(key) or ()]
    env = {str(one["name"]): str(one["value"]) for one in container.get("env") or () if one.get("value")}
    return jvm.parse(words, env)


def _native(pod_spec: Object) -> tuple[Object, ...]:
    inits = pod_spec.get("initContainers") or ()
    return tuple(one for one in inits if one.get("restartPolicy") == "Always")
