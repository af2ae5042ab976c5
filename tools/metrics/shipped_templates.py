"""The shipped PromQL: one Template for each metric, over the names that the usual exporters give their series.

What is needed of a Prometheus that is asked with these:
- cAdvisor (the kubelet's /metrics/cadvisor): `container_cpu_usage_seconds_total`,
  `container_memory_working_set_bytes`, `container_cpu_cfs_periods_total`,
  `container_cpu_cfs_throttled_periods_total`; labels namespace, pod, container.
- kube-state-metrics, scraped with `honor_labels: true`: `kube_pod_status_ready`, `kube_pod_status_phase`,
  `kube_pod_start_time`, `kube_pod_container_info`, `kube_pod_container_resource_requests`,
  `kube_pod_container_resource_limits`, `kube_pod_container_status_restarts_total`,
  `kube_pod_container_status_last_terminated_reason`, `kube_deployment_status_replicas_ready`,
  `kube_statefulset_status_replicas_ready`; of native sidecars the same as `kube_pod_init_container_…`, with
  `restart_policy` in its `_info` or its `_status_running`.
- alerts: `ALERTS` as Prometheus writes it for its own rules, with the labels namespace and pod, or namespace and
  deployment or statefulset. Where none fires there is no series: that is 0 as long as kube-state-metrics' series of
  the workload are fresh. Rules that a Thanos Ruler or Mimir evaluates write it too.
- volumes (tools/metrics/volumes.py): the kubelet's own /metrics, scraped with `honor_labels: true`.
- preset `opentelemetry`: `http_server_request_duration_seconds` (`_bucket`, `_count`) with the labels namespace
  and pod of the scrape and `http_response_status_code` (OpenTelemetry's HTTP semantic conventions).
- preset `istio`: `istio_requests_total`, `istio_request_duration_milliseconds` as the destination reports them,
  with the label pod of the sidecar's scrape.

Usage is summed over containers and pods by `rate()`: what pods that ended within the window have used is demand
too. How much of it all is measured: tools/metrics/coverage.py. The same container may be scraped twice (two
kube-state-metrics, /metrics/resource beside /metrics/cadvisor): it counts once.

`restarts` is each container's largest count within the window less the one at its start, or less zero where the
pod was not there yet: a whole number, where `increase()` extrapolates to fractions and loses what happened
before the first scrape. kube-state-metrics takes the count from the pod's status: it starts at zero with the
pod and not again while that lives, so it is the same from whichever kube-state-metrics it comes. Where the count
at the window's start is not known, the figure covers the container not.
"""

from collections.abc import Mapping
from types import MappingProxyType

from tools.metrics.coverage import (
    BY_POD,
    CONTAINER,
    EVERY,
    FLEET_OF,
    LIMITED,
    OF,
    POD,
    WERE_SIDECARS,
    Covered,
    at_once,
    of_window,
    over_containers,
    over_pods,
    with_sidecars,
)
from tools.metrics.templates import Template
from tools.metrics.types import Metric
from tools.metrics.volumes import volumes

_ALIVE = f'and on ({POD}) (kube_pod_status_phase{{{OF},phase=~"Pending|Running"}} == 1)'
_RAN = f'container!="",container!="POD",{OF}'
_CFS = ("throttled_periods", "periods")


def _template(value: str, sample: str, covered: Covered) -> Template:
    return Template(value, sample, covered.measured, covered.expected)


def _once(each: str) -> str:
    """By container, however often it is scraped. cAdvisor tells the runs of a container apart by `id` (the
    cgroup): they add up. /metrics/resource has no `id`: it is the same again, and the larger of both counts."""
    runs = f'label_replace(max by ({CONTAINER}, id) ({each}), "told", "id", "id", ".+")'
    return f"max by ({CONTAINER}) (sum by ({CONTAINER}, told) ({runs}))"


_CPU, _MEMORY = (
    f"{name}{{{_RAN}}}"
    for name in ("container_cpu_usage_seconds_total", "container_memory_working_set_bytes")
)


def _used(by: str = "") -> dict[Metric, Template]:
    """What containers use: of all together, or with `by` of each pod."""
    total, count = f"sum {by} ".rstrip(), f"count {by} ".rstrip()
    return {
        Metric.CPU_USAGE: _template(
            f"{total}({_once(f'rate({_CPU}[$window])')})", _CPU, over_containers(_CPU, count=count)
        ),
        Metric.MEMORY_USAGE: _template(f"{total}({_once(_MEMORY)})", _MEMORY, at_once(_MEMORY, count)),
    }


def _throttled() -> dict[Metric, Template]:
    throttled, periods = (f"container_cpu_cfs_{name}_total{{{_RAN}}}" for name in _CFS)
    held = over_containers(periods, LIMITED)
    share = " / ".join(f"sum({_once(f'rate({one}[$window])')})" for one in (throttled, periods))
    return {Metric.THROTTLED_RATIO: _template(share, periods, held)}


def _granted(series: str, resource: str) -> Template:
    """Of all containers of pods that are not finished; those for which nothing is set are not covered."""
    here = f'{series}{{{OF},resource="{resource}"}}'
    each = f"max by ({CONTAINER}) ({with_sidecars(here)}) {_ALIVE}"
    return Template(f"sum({each})", here, f"count({each})", f"count({EVERY} {_ALIVE})")


_RUN = "namespace, pod, uid, container"
"""A StatefulSet's pods keep their names: the uid tells the old one from the new one."""
_COUNT = f"kube_pod_container_status_restarts_total{{{OF}}}"
_NEW = f"(kube_pod_start_time{{{OF}}} > time() -"


def _restarts() -> Template:
    most = f"max by ({_RUN}) ({_then(f'max_over_time({_COUNT}[$window])')})"
    young = f"max_over_time(kube_pod_start_time{{{OF}}}[$window]) > time() - $window_s"
    known = (
        f"max by ({_RUN}) ({_then(f'{_COUNT} offset $window')}) or 0 * {most} and on ({POD}, uid) ({young})"
    )
    least = f"min by ({_RUN}) ({_then(f'min_over_time({_COUNT}[$window])')})"
    value = f"sum({most} - ({known} or {least}))"
    return Template(value, _COUNT, f"count({most} and ({known}))", f"count({most})")


def _then(each: str) -> str:
    return with_sidecars(each, WERE_SIDECARS)


def _oom_kills(restarts: Template) -> Template:
    """The restarts at each scrape, by the reason that stands beside them there: a later exit for another reason,
    or a pod that is gone by now, takes nothing away. Of several restarts between two scrapes the last one's
    reason is known only. Restarts without a reason (nothing was scraped) are not covered."""
    reason = "kube_pod_container_status_last_terminated_reason"
    now = f"max by ({_RUN}) ({with_sidecars(_COUNT)})"
    begun = f"0 * {now} and on ({POD}, uid) {_NEW} 3 * $scrape_s)"
    before = f"(max by ({_RUN}) ({with_sidecars(f'{_COUNT} offset $scrape')}) or {begun})"
    each = f"clamp_min({now} - {before}, 0)"

    def told(matchers: str) -> str:
        why = f"{each} and on ({_RUN}) {with_sidecars(f'({reason}{{{OF}{matchers}}} == 1)')}"
        return f"(sum(sum_over_time(({why})[$window:$scrape])) or 0 * ({restarts.value}))"

    known = f"({told('')} + 1) / ({restarts.value} + 1)"
    return Template(
        told(',reason="OOMKilled"'), _COUNT, f"{restarts.measured} * ({known})", restarts.expected
    )


_FIRING = " or ".join(
    f'max without ($replicas) (ALERTS{{alertstate="firing",{matchers}}})'
    for matchers in (OF, 'namespace="$namespace",$kind="$workload"$labels')
)


def _state() -> dict[Metric, Template]:
    ready = 'kube_${kind}_status_replicas_ready{namespace="$namespace",$kind="$workload"$labels}'
    restarts = _restarts()
    return {
        Metric.REPLICAS: Template(f"min({ready})", ready),
        Metric.RESTARTS: restarts,
        Metric.OOM_KILLS: _oom_kills(restarts),
        Metric.CPU_REQUESTS: _granted("kube_pod_container_resource_requests", "cpu"),
        Metric.CPU_LIMITS: _granted("kube_pod_container_resource_limits", "cpu"),
        Metric.MEMORY_REQUESTS: _granted("kube_pod_container_resource_requests", "memory"),
        Metric.MEMORY_LIMITS: _granted("kube_pod_container_resource_limits", "memory"),
        Metric.ALERTS: Template(f"count({_FIRING}) or 0 * min({ready})", ready),
    }


_QUANTILES = {Metric.LATENCY_P50: "0.5", Metric.LATENCY_P95: "0.95", Metric.LATENCY_P99: "0.99"}


def _rate(counter: str) -> str:
    """Of each series, once: the replicas of a Prometheus store the same under labels of their own."""
    return f"max without ($replicas) (rate({counter}[$window]))"


def _share(failed: str, count: str) -> str:
    """A status code has no series before its first answer: no failures is a share of zero, not a gap."""
    total = f"sum({_rate(count)})"
    return f"(sum({_rate(failed)}) or 0 * {total}) / {total}"


def _quantile(share: str, bucket: str) -> str:
    return f"histogram_quantile({share}, sum by (le) ({_rate(bucket)}))"


def _opentelemetry() -> dict[Metric, Template]:
    count, bucket = (f"http_server_request_duration_seconds_{part}{{{OF}}}" for part in ("count", "bucket"))
    failed = f'http_server_request_duration_seconds_count{{{OF},http_response_status_code=~"5.."}}'
    values = {
        Metric.ERROR_RATE: _share(failed, count),
        **{metric: _quantile(share, bucket) for metric, share in _QUANTILES.items()},
    }
    return _requested() | {
        metric: _template(value, count, over_pods(count)) for metric, value in values.items()
    }


def _requested(by: str = "") -> dict[Metric, Template]:
    """What HTTP servers answer: of all together, or with `by` of each pod."""
    total, counted = (f"{how} {by}".rstrip() for how in ("sum", "count"))
    count = f"http_server_request_duration_seconds_count{{{OF}}}"
    return {Metric.REQUEST_RATE: _template(f"{total}({_rate(count)})", count, over_pods(count, counted))}


_TO = 'destination_workload="$workload",destination_workload_namespace="$namespace"$labels'


def _istio() -> dict[Metric, Template]:
    where = f'reporter=~"destination|waypoint",{_TO}'
    count, bucket = (
        f"istio_requests_total{{{where}}}",
        f"istio_request_duration_milliseconds_bucket{{{where}}}",
    )
    failed = f'istio_requests_total{{{where},response_code=~"5.."}}'
    values = {
        Metric.REQUEST_RATE: f"sum({_rate(count)})",
        Metric.ERROR_RATE: _share(failed, count),
        **{metric: f"{_quantile(share, bucket)} / 1000" for metric, share in _QUANTILES.items()},
    }
    return {metric: _template(value, count, _meshed()) for metric, value in values.items()}


def _meshed() -> Covered:
    """A sidecar reports for its own pod; a waypoint for many pods at once, so with one the window counts alone."""
    sidecars, waypoint = (
        f'istio_requests_total{{reporter="{reporter}",{_TO}}}' for reporter in ("destination", "waypoint")
    )
    pods, there = over_pods(sidecars), f"and on () count({waypoint})"
    return Covered(
        f"({of_window(waypoint)} {there}) or ({pods.measured})",
        f"(vector(1) {there}) or ({pods.expected})",
    )


_COMMON = _used() | _throttled() | _state() | volumes()
PRESETS: Mapping[str, Mapping[Metric, Template]] = MappingProxyType(
    {
        "opentelemetry": MappingProxyType(_COMMON | _opentelemetry()),
        "istio": MappingProxyType(_COMMON | _istio()),
    }
)
"""By name; each holds a Template for every Metric."""

_READY = Template(
    f"min by (namespace, $kind) (kube_${{kind}}_status_replicas_ready{{{FLEET_OF}}})",
    f"kube_${{kind}}_status_replicas_ready{{{FLEET_OF}}}",
)
_ALL_PODS = {
    metric: Template(*(text.replace(OF, FLEET_OF) for text in template.texts))
    for metric, template in (_used(BY_POD) | _requested(BY_POD)).items()
}
_OF_ALL = {metric: _ALL_PODS[metric] for metric in _used()} | {Metric.REPLICAS: _READY}
FLEET: Mapping[str, Mapping[Metric, Template]] = MappingProxyType(
    {"opentelemetry": MappingProxyType(_OF_ALL | _ALL_PODS), "istio": MappingProxyType(_OF_ALL)}
)
"""By preset, of many workloads at once: the same figures by pod, or by workload, of all of some namespaces. How often
they are scraped is here taken from the best measured of all."""
