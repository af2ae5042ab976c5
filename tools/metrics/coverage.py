"""PromQL that says how much of what should be measured is: over containers or pods, now and all through a window.

`rate()` extrapolates by half an interval between samples at most where a series begins or ends within the window,
and divides by the whole window all the same (promql/functions.go, extrapolatedRate): a container that was scraped
for the last third of it counts a third. So a figure over a window is covered by what is measured now, times the
share of the window through which as much was measured. At each step of the window the measured ones that were
ready are counted against the ready ones at that step: a pod that was not there yet, or is gone, is expected for
its own time only. Where kube-state-metrics says nothing, nothing was covered.

Measured at a step is what has a sample no older than 1.2 intervals; an interval is here the mean of `$scrape` and
of what the best measured series shows, since cAdvisor's samples bear the time of its own look, up to 15 s before
the scrape. Measured now is what has one no older than one and a half `$scrape`. What is lost at an edge may lower
the figure by half an interval more than the steps show: lost time counts the more, the fewer scrapes a window has.
"""

from dataclasses import dataclass

POD = "namespace, pod"
CONTAINER = "namespace, pod, container"
OF = 'namespace="$namespace",pod=~"$pods"$labels'
FLEET_OF = 'namespace=~"$namespaces"$labels'
"""All pods of some namespaces."""
READY = f'(kube_pod_status_ready{{{OF},condition="true"}} == 1)'
BY_POD = f"by ({POD})"
"""What makes an aggregation one of each pod."""
_ALWAYS = f'kube_pod_init_container_info{{{OF},restart_policy="Always"}}'
_RUNS = f"(kube_pod_init_container_status_running{{{OF}}} == 1)"
SIDECARS = f"(max by ({CONTAINER}) ({_ALWAYS}) or max by ({CONTAINER}) ({_RUNS} and on ({POD}) {READY}))"
"""Native sidecars: init containers with restartPolicy Always, which kube-state-metrics says from 2.11 on; before, the
init containers that run in a ready pod."""
WERE_SIDECARS = f"(max by ({CONTAINER}) (max_over_time({_ALWAYS}[$window])) or {SIDECARS})"
"""Those of the whole window, of pods that are gone too."""
EVERY = f"(max by ({CONTAINER}) (kube_pod_container_info{{{OF}}}) or {SIDECARS})"
"""The containers that run as long as their pod; ordinary init containers are none of them."""
CONTAINERS = f"({EVERY} and on ({POD}) {READY})"
"""Those of ready pods."""


def with_sidecars(each: str, sidecars: str = SIDECARS) -> str:
    """An expression over kube-state-metrics' series of containers, and the same of native sidecars, whose series bear
    other names."""
    theirs = each.replace("kube_pod_container_", "kube_pod_init_container_")
    return f"({each} or {theirs} and on ({CONTAINER}) {sidecars})"


_LIMITS = f'kube_pod_container_resource_limits{{{OF},resource="cpu"}}'
LIMITED = f"({CONTAINERS} and on ({CONTAINER}) {with_sidecars(_LIMITS)})"
"""Those with a CPU limit: the kernel counts periods of no others."""
PODS = f"(max by (pod) {READY})"
_EDGE = 4
"""How much more lost time counts, in shares of the window by scrapes: over four scrapes twice, over ten 1.4 times."""
_STEPS = "count_over_time(vector(1)[$window:$step])"


@dataclass(frozen=True, slots=True)
class Covered:
    """`measured` of `expected`, as a Template has them."""

    measured: str
    expected: str


def _fresh(series: str, counted: str) -> str:
    """Those of a series whose newest sample is as new as the intervals of `counted` let it be."""
    return f"(timestamp({series}) > {_since(counted)})"


def _since(counted: str) -> str:
    most = f"clamp_min(max(count_over_time({counted}[$window])), $samples)"
    return f"time() - scalar(0.6 * ($scrape_s + $window_s / {most}))"


def _new(series: str) -> str:
    return f"(timestamp({series}) > time() - 1.5 * $scrape_s)"


def _whole(now: str, then: str, expected: str, count: str = "count") -> str:
    """The share of the window through which as many were measured as are now."""
    each = f"sum_over_time(({count}({then}) / {count}({expected}))[$window:$step])"
    through = _STEPS if count == "count" else _steps_of_each(expected, count)
    return _kept(f"{each} / {through} / ({count}({now}) / {count}({expected}))")


def _steps_of_each(expected: str, count: str) -> str:
    """The steps at which each was expected: a pod that has just begun was not, while the others were. Where nothing
    at all was expected, kube-state-metrics said nothing, and that counts as lost for each."""
    known = f"scalar(count_over_time((count({expected}))[$window:$step])) / scalar({_STEPS})"
    return f"(count_over_time(({count}({expected}))[$window:$step]) / ({known}))"


def kept(share: float, samples: int) -> float:
    """As `_kept`, of a number."""
    return min(1.0, max(0.0, (1 + _EDGE / samples) * share - _EDGE / samples))


def _kept(share: str) -> str:
    """What a figure keeps of itself where samples came through that share of the window."""
    return f"clamp((1 + {_EDGE} / $samples) * {share} - {_EDGE} / $samples, 0, 1)"


def over_containers(counter: str, expected: str = CONTAINERS, count: str = "count") -> Covered:
    """By container, of what `rate()` makes of a counter; `count` is how they are counted, all or BY_POD."""
    now = f"rate({counter}[$window]) and {_new(counter)}"
    here = f"({expected} and on ({CONTAINER}) ({now}))"
    then = f"({expected} and on ({CONTAINER}) {_fresh(counter, counter)})"
    return Covered(f"{count}({here}) * {_whole(here, then, expected, count)}", f"{count}({expected})")


def at_once(now: str, count: str = "count") -> Covered:
    """By container, of an instant; `count` as in `over_containers`."""
    return Covered(f"{count}({CONTAINERS} and on ({CONTAINER}) ({now}))", f"{count}({CONTAINERS})")


def over_pods(series: str, count: str = "count") -> Covered:
    """By pod. One that was asked nothing yet has no series; its scrape (`up`) shows that it is measured. `count`: as
    in `over_containers`."""
    up = f"up{{{OF}}}"
    pods, on = (PODS, "on (pod)") if count == "count" else (f"(max {BY_POD} {READY})", f"on ({POD})")
    here = f"({pods} and {on} ({_new(series)} or {up} == 1))"
    then = f"({pods} and {on} ({_fresh(series, series)} or ({up} == 1 and {_fresh(up, series)})))"
    return Covered(f"{count}({here}) * {_whole(here, then, pods, count)}", f"{count}({pods})")


def of_window(series: str) -> str:
    """The share of the window through which anything came, whichever pods it was of."""
    came = f"max(timestamp({series})) > bool {_since(series)}"
    return _kept(f"sum_over_time(({came})[$window:$step]) / {_STEPS}")
