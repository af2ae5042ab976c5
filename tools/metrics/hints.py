"""Why a figure is missing, in a sentence for a person, and what to do about it."""

from collections import defaultdict
from collections.abc import Mapping

from tools.metrics.types import OF_VOLUMES, SKEW_S, STALE_S, Metric, Number

_REQUESTS = (
    Metric.REQUEST_RATE,
    Metric.LATENCY_P50,
    Metric.LATENCY_P95,
    Metric.LATENCY_P99,
    Metric.ERROR_RATE,
)
_GRANTED = (Metric.CPU_REQUESTS, Metric.CPU_LIMITS, Metric.MEMORY_REQUESTS, Metric.MEMORY_LIMITS)
_SERIES = {
    Metric.THROTTLED_RATIO: "cAdvisor has no CFS periods for containers without a CPU limit; else scrape cAdvisor",
    Metric.CPU_USAGE: "scrape the kubelets' /metrics/cadvisor",
    Metric.MEMORY_USAGE: "scrape the kubelets' /metrics/cadvisor",
    **dict.fromkeys(
        OF_VOLUMES,
        "its pods mount no file system of a claim; else scrape the kubelets' /metrics, honor_labels: true",
    ),
}


def reason(number: Number) -> str:
    """What is the matter; empty where nothing is."""
    match number.missing:
        case "":
            return ""
        case "no_data":
            return "the source has no such figure for this workload"
        case "stale":
            return f"the newest sample is {_seconds(number)} s old, more than {STALE_S} s"
        case "future":
            return f"the newest sample is more than {SKEW_S} s ahead of our clock"
        case "not_a_number":
            return "the source answers with no number, as for a share of nothing"
        case "partial":
            return f"too little is measured: {number.coverage_ppm // 10_000}%"
        case "not_served":
            return "this source never has it"


def shared(missing: Mapping[str, str]) -> dict[str, list[str]]:
    """Each reason once, with the names that it is the reason for. Reasons that differ in nothing but the name are
    one, with `…` in the name's place."""
    found = defaultdict[str, list[str]](list)
    for name, why in missing.items():
        found[why.replace(name, "…")].append(name)
    return {missing[names[0]] if len(names) == 1 else why: names for why, names in found.items()}


def hint(number: Number, source: str) -> str:
    """What a person can do about it; empty where there is nothing to do."""
    match number.missing:
        case "":
            return ""
        case "not_served":
            return "set prometheus_url"
        case "stale":
            return "see why nothing is scraped any more, and whether both clocks are right (NTP)"
        case "future":
            return "set both clocks by NTP"
        case "not_a_number":
            return "without requests there is no share and no latency; else correct the template"
        case "partial":
            return _unscraped(number) or _partial(number, source)
        case "no_data":
            return _unscraped(number) or _absent(number.metric, source)


_EXPORTERS = {
    "kube_": "let kube-state-metrics export it (--metric-allowlist), and its scrape keep it",
    "container_": "scrape the kubelets' /metrics/cadvisor, and keep it",
}


def _unscraped(number: Number) -> str:
    """What to do about series that are absent, or bear the scrape's labels; empty where none does."""
    if number.exported:
        names = ", ".join(number.exported[:3])
        return f"scrape kube-state-metrics with honor_labels: true (exported_namespace: {names})"
    found = []
    for prefix, remedy in _EXPORTERS.items():
        names = ", ".join(name for name in number.absent if name.startswith(prefix))
        found += [f"its pods have no {names}: {remedy}"] if names else []
    return "; ".join(found)


def _absent(metric: Metric, source: str) -> str:
    if source == "sandbox":
        return ""
    if metric in _GRANTED:
        return "set it in the workload's template; or nothing is set there on purpose"
    if source != "prometheus":
        return "kubectl top pods: metrics-server needs some 30 s after a pod's start"
    if metric in _REQUESTS:
        return "expose http_server_request_duration_seconds, or set `metrics`: preset istio, or own templates"
    return _SERIES.get(metric, "scrape kube-state-metrics with honor_labels: true")


def _partial(number: Number, source: str) -> str:
    if number.metric in _GRANTED:
        return "set it for every container"
    if source == "sandbox":
        return ""
    if source != "prometheus":
        return "wait for metrics-server to have a sample of each pod, or see why pods are not ready"
    window = " and scrape_s in the file of `metrics`" if number.window_s else ""
    return f"see that kube-state-metrics and every ready pod are scraped{window}; after a start wait a window"


def _seconds(number: Number) -> int:
    return (number.age_ms or 0) // 1000
