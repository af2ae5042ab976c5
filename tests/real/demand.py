"""What the workloads of a namespace have to do, and each pod's share of it.

A ConfigMap `demand` in the namespace says it, one workload a line: `deployment.web: 2400m/512Mi`, and behind
that, where a test wants them, `rps=50 errors_ppm=20000 latency_us=250000 throttled_ppm=100000 disk=1073741824
holds=2147483648`. The workload's
ready pods share it evenly; a pod that runs and is not ready uses nothing; one that does not run has no figure.
"""

from collections import Counter
from dataclasses import dataclass, fields
from fractions import Fraction

from base.quantities import millicores, whole_bytes
from tests.real.kubelet import told
from tests.real.rest import Json, Rest

CONFIGMAP = "demand"


@dataclass(frozen=True)
class Demand:
    """Of a whole workload: millicores, bytes, requests a second, parts per million of them that fail, the
    longest latency in microseconds (they are spread evenly from zero to it), and of CFS periods throttled; bytes that
    are used of each volume, and that it holds."""

    cpu: int
    memory: int
    rps: int = 0
    errors_ppm: int = 0
    latency_us: int = 0
    throttled_ppm: int = 0
    disk: int = 0
    holds: int = 0


@dataclass(frozen=True)
class Share:
    """One running pod and its part of the demand; `of` is the part, zero where it is not ready."""

    pod: Json
    demand: Demand
    of: Fraction


_MORE = frozenset(field.name for field in fields(Demand)) - {"cpu", "memory"}


def parse(text: str) -> Demand:
    """One line of the ConfigMap."""
    head, *more = text.split()
    cpu, _, memory = head.partition("/")
    named = dict(one.split("=") for one in more)
    assert named.keys() <= _MORE, f"no demand is named {sorted(named.keys() - _MORE)}"
    return Demand(
        millicores(cpu), whole_bytes(memory or "64Mi"), **{name: int(value) for name, value in named.items()}
    )


def shares(api: Rest) -> list[Share]:
    """Every running pod of a workload whose demand is told."""
    found: list[Share] = []
    for configmap in api.get("/api/v1/configmaps", fieldSelector=f"metadata.name={CONFIGMAP}")["items"]:
        namespace, lines = configmap["metadata"]["namespace"], configmap.get("data") or {}
        pods = api.get(f"/api/v1/namespaces/{namespace}/pods", fieldSelector="status.phase=Running")["items"]
        found += _of_namespace({name: parse(line) for name, line in lines.items()}, pods)
    return found


def _of_namespace(demands: dict[str, Demand], pods: list[Json]) -> list[Share]:
    running = [(workload_of(pod), pod) for pod in pods if _runs(pod)]
    ready = Counter(name for name, pod in running if _is_ready(pod))
    return [
        Share(pod, demands[name], Fraction(1, ready[name]) if _is_ready(pod) else Fraction(0))
        for name, pod in running
        if name in demands and told(pod, "metrics") != "none"
    ]


def _runs(pod: Json) -> bool:
    started = all("running" in one["state"] for one in pod["status"].get("containerStatuses", ()))
    return started and "deletionTimestamp" not in pod["metadata"]


def _is_ready(pod: Json) -> bool:
    return any(one["type"] == "Ready" and one["status"] == "True" for one in pod["status"]["conditions"])


def workload_of(pod: Json) -> str:
    """`deployment.web` of a pod, by its controller; a Deployment's ReplicaSet ends in a hash."""
    owners = pod["metadata"].get("ownerReferences", ())
    controller = next((one for one in owners if one.get("controller")), None)
    if controller is None:
        return ""
    if controller["kind"] == "ReplicaSet":
        return f"deployment.{controller['name'].rpartition('-')[0]}"
    return f"{controller['kind'].lower()}.{controller['name']}"
