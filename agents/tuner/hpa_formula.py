"""The strategy `hpa-formula`: the HorizontalPodAutoscaler's own formula (forecasting.hpa) on demand that lasts
(agents.tuner.demand); on doubtful data it is stricter than the HPA."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from agents.tuner.change import scaled
from agents.tuner.demand import demand
from agents.tuner.lease import in_force
from agents.tuner.strategy import Aim, Candidate, Figure, Observed, Reads
from forecasting.hpa.formula import Desired, PodSample, Unknown, desired, tolerated
from tools.cluster_types import Pod

NAME = "hpa-formula"
STARTING_S = 300
"""--horizontal-pod-autoscaler-cpu-initialization-period: CPU of a younger pod may be its start-up."""


@dataclass(frozen=True, slots=True)
class HpaFormula:
    """Scales workloads whose CPU has been outside the HPA's tolerance for long enough; those that have an HPA are its
    business."""

    aim: Aim
    name: str = field(default=NAME, init=False)
    version: str = field(default="3", init=False)
    reads: Reads = field(default=Reads(), init=False)

    def consider(self, observed: Observed) -> str | None:
        """Somebody keeps the replicas, or the formula has no answer on what was observed."""
        if observed.workload.owner:
            return f"owned-by-{observed.workload.owner}"
        if in_force(observed) is not None:
            return "leased"
        newest = demand(observed.cpu, observed.at_ms).newest
        if newest is None:
            return "no-metrics"
        now = _at(observed, newest, self.aim.cpu_percent)
        return now.reason if isinstance(now, Unknown) else None

    def propose(self, observed: Sequence[Observed]) -> list[list[Candidate]]:
        """One candidate for each workload, in their order."""
        return [[propose(one, self.aim.cpu_percent)] for one in observed]


def propose(one: Observed, target: int) -> Candidate:
    """What the formula proposes for a workload that it fits: up by the least demand of the short window, down by the
    greatest of the long one; on missing or stale data, and while pods are starting, never down."""
    seen = demand(one.cpu, one.at_ms)
    now = _at(one, seen.newest or 0, target)
    if isinstance(now, Unknown):
        return Candidate(NAME, None, now.reason)
    if seen.least is None:
        return _kept(now, "missing-metrics")
    least = _at(one, seen.least, target)
    if isinstance(least, Desired) and least.replicas > one.workload.replicas:
        return _moved(one, least, target, "above", "at least, for 10 minutes")
    if now.replicas > one.workload.replicas:
        return _kept(now, "not-lasting")
    if now.replicas == one.workload.replicas:
        return _kept(now, "within-tolerance" if tolerated(now.utilisation, target) else "rounds-to-same")
    return _lowered(one, now, seen.greatest, target)


def _lowered(one: Observed, now: Desired, greatest: int | None, target: int) -> Candidate:
    if any(_starting(pod, one.at_ms) for pod in one.pods if pod.alive):
        return _kept(now, "pods-starting")
    if greatest is None:
        return _kept(now, "short-history")
    peak = _at(one, greatest, target)
    if isinstance(peak, Desired) and peak.replicas < one.workload.replicas:
        return _moved(one, peak, target, "below", "at most, for 24 hours")
    return _kept(now, "needed-within-a-day")


def _at(one: Observed, millicores: int, target: int) -> Desired | Unknown:
    """The formula at this demand. It adds up usage and requests over the pods, so whose usage it is tells nothing."""
    alive = [pod for pod in one.pods if pod.alive]
    samples = [
        PodSample(pod.name, "ready", _requested(pod), 0 if i else millicores) for i, pod in enumerate(alive)
    ]
    return desired(one.workload.replicas, samples, target)


def _moved(one: Observed, found: Desired, target: int, side: str, lasting: str) -> Candidate:
    reason = f"cpu {found.utilisation} % of requests {lasting}; target {target} %"
    figures = (Figure("cpu_percent", found.utilisation), Figure("target_percent", target))
    return Candidate(NAME, scaled(one.workload, found.replicas), f"cpu-{side}-target", reason, figures)


def _kept(now: Desired, why: str) -> Candidate:
    return Candidate(NAME, None, why, "", (Figure("cpu_percent", now.utilisation),))


def _starting(pod: Pod, now_ms: int) -> bool:
    """Whether it has not begun, or so lately that its demand is not yet what it will be."""
    began = pod.started_at_ms
    return pod.phase == "Pending" or began is None or now_ms - began < STARTING_S * 1_000


def _requested(pod: Pod) -> int | None:
    """CPU requests of a pod in millicores: its own, else those of all its containers; None where one has none."""
    requests = pod.asked("cpu_request")
    return None if not requests or None in requests else sum(r for r in requests if r is not None)
