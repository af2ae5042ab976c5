"""Two weeks before the test in a Prometheus: what a workload used and how many of its pods were ready, a scrape each
SCRAPE_S, up to the moment from which the live exporters tell."""

from dataclasses import dataclass

from tests.real.course import Course
from tests.real.written import Scrapes

SCRAPE_S = 20
PAST_S = 14 * 86_400


@dataclass(frozen=True)
class Past:
    """One Deployment's: cores at the mean, its ready pods, and how its demand went until the test, which began at
    `began_s` (Unix seconds)."""

    name: str
    cores: float
    ready: int
    course: Course
    began_s: float


def past(namespace: str, until_s: float, one: Past) -> Scrapes:
    """Its samples; each series ends with a staleness marker, as a pod that is gone. One pod of the past stands for
    all of them: figures of usage are sums."""
    scrapes = Scrapes()
    times = [int(until_s - age) * 1000 for age in range(PAST_S, -1, -SCRAPE_S)]
    last, pod = times[-1], f"{one.name}-7d8f9b6c5d-bbbbb"
    of = {"namespace": namespace, "pod": pod, "uid": f"uid-{pod}"}

    def until(value: float) -> dict[int, float]:
        return dict.fromkeys(times[:-1], value)

    used = _counter(times, one)
    deployment = {"namespace": namespace, "deployment": one.name}
    ran = {"namespace": namespace, "pod": pod, "container": "main", "id": f"/{pod}"}
    for name, labels, values in (
        ("kube_pod_status_ready", {**of, "condition": "true"}, until(1)),
        ("kube_pod_container_info", {**of, "container": "main"}, until(1)),
        ("kube_deployment_status_replicas_ready", deployment, until(one.ready)),
        ("container_cpu_usage_seconds_total", ran, used),
    ):
        scrapes.put(name, labels, times, lambda at, values=values: None if at == last else values[at])
    return scrapes


def _counter(times: list[int], one: Past) -> dict[int, float]:
    """What its pods have used by each of those times, in core-seconds."""
    total, found = 0.0, dict[int, float]()
    for at in times:
        total += one.cores * one.course.share(at / 1000 - one.began_s) * SCRAPE_S
        found[at] = total
    return found
