"""KubernetesMetrics: metrics from the cluster's own API, where no Prometheus is configured.

Usage comes from metrics.k8s.io (metrics-server), which keeps the latest sample only; replicas, requests, limits
and restarts from the pods. It has no history, and knows nothing of requests, latency, errors or throttling.
"""

from collections.abc import Sequence
from decimal import Decimal

from policies.types import Target
from tools.cluster_types import Pod, PodUsage
from tools.errors import ClusterUnavailable, MetricsUnavailable, NeverHappened
from tools.metrics.numbers import Measured, number
from tools.metrics.types import SKEW_S, SPECS, STALE_S, Metric, Number, OneByOne, Series, Span
from tools.ports import ClusterReader, UsageReader

_MILLIONTHS = 1_000_000
_CONFIGURE = "set prometheus_url: docs/metrics.md"
_GRANTED: dict[Metric, str] = {
    Metric.CPU_REQUESTS: "cpu_request",
    Metric.CPU_LIMITS: "cpu_limit",
    Metric.MEMORY_REQUESTS: "memory_request",
    Metric.MEMORY_LIMITS: "memory_limit",
}


class KubernetesMetrics(OneByOne):
    """A MetricsReader. It holds no connection of its own: both ports are the caller's."""

    source = "metrics.k8s.io"

    def __init__(self, reader: ClusterReader, usage: UsageReader) -> None:
        self._reader, self._usage = reader, usage

    async def close(self) -> None:
        """There is nothing to close."""

    async def latest(self, metric: Metric, target: Target, now_ms: int) -> Number:
        """The newest figure. Raises MetricsUnavailable, and NotFound where there is no such workload."""
        try:
            said = await self._said(metric, target, now_ms)
        except (ClusterUnavailable, NeverHappened) as error:
            raise error.recast(MetricsUnavailable) from error
        if said is None:
            return Number(metric, SPECS[metric].unit, None, "not_served", None, None, 0, 0)
        return number(metric, said, now_ms)

    async def history(self, metric: Metric, target: Target, span: Span) -> Series:  # noqa: ARG002 - the port's
        """Raises MetricsUnavailable, always: nobody keeps the samples."""
        raise MetricsUnavailable(
            "metrics.k8s.io has the latest sample only, no history",
            where=f"{metric} of {target.path}",
            hint=_CONFIGURE,
            code="NoHistory",
        )

    async def _said(self, metric: Metric, target: Target, now_ms: int) -> Measured | None:
        if metric is Metric.REPLICAS:
            return _exactly((await self._reader.read(target)).ready, now_ms)
        if metric in (Metric.CPU_USAGE, Metric.MEMORY_USAGE):
            pods = await self._alive(target)
            return used(metric, pods, await self._usage.usage(target), now_ms)
        if metric in _GRANTED:
            return granted(metric, await self._alive(target), now_ms)
        if metric in (Metric.RESTARTS, Metric.OOM_KILLS):
            return restarted(metric, await self._alive(target), now_ms)
        return None

    async def _alive(self, target: Target) -> list[Pod]:
        return [pod for pod in await self._reader.pods(target) if pod.alive]


def used(metric: Metric, pods: Sequence[Pod], samples: Sequence[PodUsage], now_ms: int) -> Measured:
    """The sum over the workload's own pods. A sample that is too old, or of no container, is not a sample; it covers
    the ready pods of which each container has one."""
    own = [one for one in samples if one.containers and one.pod in {pod.name for pod in pods}]
    fresh = [one for one in own if one.at_ms >= now_ms - STALE_S * 1000]
    counted = fresh or own  # where all are old, the newest says how old
    ready = [pod for pod in pods if pod.ready]
    measured = {one.pod: one.containers.keys() for one in counted}
    whole = [pod for pod in ready if pod.name in measured and _names(pod) <= measured[pod.name]]
    return Measured(
        text=_base(metric, sum(_amount(metric, one) for one in counted)) if counted else None,
        at_ms=_newest(counted, now_ms),
        covered_ppm=len(whole) * _MILLIONTHS,
        expected_ppm=len(ready) * _MILLIONTHS,
        window_s=max((one.window_s for one in counted), default=0),
    )


def _names(pod: Pod) -> set[str]:
    return {container.name for container in pod.containers}


def _newest(samples: Sequence[PodUsage], now_ms: int) -> int | None:
    """One sample from the future makes the whole figure one: its clock is wrong."""
    if not samples:
        return None
    newest = max(one.at_ms for one in samples)
    return newest if newest > now_ms + SKEW_S * 1000 else min(newest, now_ms)


def _amount(metric: Metric, sample: PodUsage) -> int:
    """In the metric's unit."""
    part = 0 if metric is Metric.CPU_USAGE else 1
    return sum(amounts[part] for amounts in sample.containers.values())


def _base(metric: Metric, amount: int) -> str:
    """An amount in the metric's unit as text in its base unit, exactly."""
    return str(Decimal(amount) / SPECS[metric].scale)


def granted(metric: Metric, pods: Sequence[Pod], now_ms: int) -> Measured:
    """The sum over the pods that say it as a whole and the containers of the others; those for which nothing is set
    are not covered."""
    each = [amount for pod in pods for amount in pod.asked(_GRANTED[metric])]
    known = [amount for amount in each if amount is not None]
    return Measured(
        text=_base(metric, sum(known)) if known else None,
        at_ms=now_ms,
        covered_ppm=len(known) * _MILLIONTHS,
        expected_ppm=len(each) * _MILLIONTHS,
    )


def restarted(metric: Metric, pods: Sequence[Pod], now_ms: int) -> Measured:
    """Since the oldest of the pods began: `window_s` says how long that is."""
    if not pods:
        return Measured(None, None)
    began = [pod.started_at_ms for pod in pods if pod.started_at_ms is not None]
    window_s = max((now_ms - min(began)) // 1000, 0) if began else 0
    if metric is Metric.OOM_KILLS:
        return _killed(pods, now_ms, window_s)
    return Measured(str(sum(pod.restarts for pod in pods)), now_ms, window_s=window_s)


def _killed(pods: Sequence[Pod], now_ms: int, window_s: int) -> Measured:
    """The API keeps a pod's last exit only. So there were at least so many; and where none is known, as many
    restarts as have no reason are not covered: they may all have been kills."""
    kills = sum(1 for pod in pods if pod.last_exit == "OOMKilled")
    restarts = sum(pod.restarts for pod in pods)
    unknown = 0 if kills else restarts - sum(1 for pod in pods if pod.restarts and pod.last_exit)
    return Measured(
        str(kills),
        now_ms,
        covered_ppm=(restarts + 1 - unknown) * _MILLIONTHS,
        expected_ppm=(restarts + 1) * _MILLIONTHS,
        window_s=window_s,
    )


def _exactly(count: int, now_ms: int) -> Measured:
    return Measured(str(count), now_ms)
