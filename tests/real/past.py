"""A day before the test in a Prometheus: what one workload used and how many of its pods were ready, a scrape each
SCRAPE_S, up to the moment from which the live exporters tell."""

import math
import random
from dataclasses import dataclass

from tests.real.written import Scrapes

SCRAPE_S = 10
PERIOD_S = 13 * 3600
"""After so long demand comes again just as it was: the twin, which is tested on the second half of what it has, finds
what it was fitted on."""
PAST_S = 2 * PERIOD_S


@dataclass(frozen=True)
class Past:
    """One Deployment's: cores at the mean, and its ready pods. Demand swings by a twelfth."""

    name: str
    cores: float
    ready: int


def past(namespace: str, until_s: float, several: list[Past]) -> Scrapes:
    """The samples of all of them; each series ends with a staleness marker, as a pod that is gone."""
    scrapes = Scrapes()
    times = [int(until_s - age) * 1000 for age in range(PAST_S, -1, -SCRAPE_S)]
    for one in several:
        _put(scrapes, namespace, times, one)
    return scrapes


def _put(scrapes: Scrapes, namespace: str, times: list[int], one: Past) -> None:
    """One pod of the past stands for all of them: figures of usage are sums."""
    last, pod = times[-1], f"{one.name}-7d8f9b6c5d-bbbbb"
    of = {"namespace": namespace, "pod": pod, "uid": f"uid-{pod}"}

    def until(value: float) -> "dict[int, float]":
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


def _counter(times: list[int], one: Past) -> dict[int, float]:
    """What its pods have used by each of those times, in core-seconds."""
    chance, total, found = random.Random(one.name), 0.0, dict[int, float]()
    noise = [chance.gauss(0, 0.02) for _ in range(PERIOD_S // SCRAPE_S)]
    for at in times:
        into_s = at // 1000 % PERIOD_S
        swing = math.sin(2 * math.pi * into_s / PERIOD_S) / 12
        total += one.cores * (1 + swing + noise[into_s // SCRAPE_S]) * SCRAPE_S
        found[at] = total
    return found
