"""The strategy `hpa`: the HorizontalPodAutoscaler's own formula (forecasting.hpa) on demand that lasts
(agents.tuner.demand); on doubtful data it is stricter than the HPA."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from agents.tuner.demand import demand
from agents.tuner.strategy import Aim, Observed, Proposal, skipped
from forecasting.hpa.formula import Desired, PodSample, Unknown, desired, tolerated
from tools.cluster_types import Pod

STARTING_S = 300
"""--horizontal-pod-autoscaler-cpu-initialization-period: CPU of a younger pod may be its start-up."""


@dataclass(frozen=True, slots=True)
class Hpa:
    """Scales workloads whose CPU has been outside the HPA's tolerance for long enough."""

    aim: Aim
    name: str = field(default="hpa", init=False)
    version: str = field(default="2", init=False)

    def propose(self, observed: Sequence[Observed]) -> list[Proposal]:
        """One proposal for each workload, in their order."""
        return [propose(one, self.aim.cpu_percent) for one in observed]


def propose(one: Observed, target: int) -> Proposal:
    """What the formula proposes: up by the least demand of the short window, down by the greatest of the long one;
    on missing or stale data, and while pods are starting, never down."""
    seen = demand(one.cpu, one.at_ms)
    if seen.newest is None:
        return skipped(one.workload, "no-metrics")
    now = _at(one, seen.newest, target)
    if isinstance(now, Unknown):
        return skipped(one.workload, now.reason)
    if seen.least is None:
        return _kept(one, now, "missing-metrics")
    least = _at(one, seen.least, target)
    if isinstance(least, Desired) and least.replicas > one.workload.replicas:
        return _moved(one, least, target, "above", "at least, for 10 minutes")
    if now.replicas > one.workload.replicas:
        return _kept(one, now, "not-lasting")
    if now.replicas == one.workload.replicas:
        return _kept(one, now, "within-tolerance" if tolerated(now.utilisation, target) else "rounds-to-same")
    return _lowered(one, now, seen.greatest, target)


def _lowered(one: Observed, now: Desired, greatest: int | None, target: int) -> Proposal:
    if any(_starting(pod, one.at_ms) for pod in one.pods if pod.alive):
        return _kept(one, now, "pods-starting")
    if greatest is None:
        return _kept(one, now, "short-history")
    peak = _at(one, greatest, target)
    if isinstance(peak, Desired) and peak.replicas < one.workload.replicas:
        return _moved(one, peak, target, "below", "at most, for 24 hours")
    return _kept(one, now, "needed-within-a-day")


def _at(one: Observed, millicores: int, target: int) -> Desired | Unknown:
    """The formula at this demand. It adds up usage and requests over the pods, so whose usage it is tells nothing."""
    alive = [pod for pod in one.pods if pod.alive]
    samples = [
        PodSample(pod.name, "ready", _requested(pod), 0 if i else millicores) for i, pod in enumerate(alive)
    ]
    return desired(one.workload.replicas, samples, target)


def _moved(one: Observed, found: Desired, target: int, side: str, lasting: str) -> Proposal:
    w = one.workload
    reason = f"cpu {found.utilisation} % of requests {lasting}; target {target} %"
    return Proposal(w.target, w.replicas, found.replicas, found.utilisation, f"cpu-{side}-target", reason)


def _kept(one: Observed, now: Desired, why: str) -> Proposal:
    return Proposal(one.workload.target, one.workload.replicas, None, now.utilisation, why)


def _starting(pod: Pod, now_ms: int) -> bool:
    """Whether it has not begun, or so lately that its demand is not yet what it will be."""
    began = pod.started_at_ms
    return pod.phase == "Pending" or began is None or now_ms - began < STARTING_S * 1_000


def _requested(pod: Pod) -> int | None:
    """CPU requests of a pod in millicores: its own, else those of all its containers; None where one has none."""
    requests = pod.asked("cpu_request")
    return None if not requests or None in requests else sum(r for r in requests if r is not None)
