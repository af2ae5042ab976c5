"""The strategy `hpa`: the HorizontalPodAutoscaler's own formula (forecasting.hpa), stricter on doubtful data."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from agents.tuner.strategy import Aim, Observed, Proposal, skipped
from forecasting.hpa.formula import PodSample, Unknown, desired, tolerated
from tools.cluster_types import Container, Pod, PodUsage
from tools.metrics.types import SKEW_S, STALE_S

STARTING_S = 300
"""--horizontal-pod-autoscaler-cpu-initialization-period: CPU of a younger pod may be its start-up."""


@dataclass(frozen=True, slots=True)
class Hpa:
    """Scales workloads that are outside the HPA's tolerance to the result of its formula."""

    aim: Aim
    name: str = field(default="hpa", init=False)
    version: str = field(default="1", init=False)

    def propose(self, observed: Sequence[Observed]) -> list[Proposal]:
        """One proposal for each workload, in their order."""
        return [propose(one, self.aim.cpu_percent) for one in observed]


def propose(one: Observed, target: int) -> Proposal:
    """What the formula proposes; but missing or stale data, or pods still starting, never lower."""
    workload = one.workload
    found = desired(workload.replicas, samples(one), target)
    if isinstance(found, Unknown):
        return skipped(workload, found.reason)
    now, cpu = workload.replicas, found.utilisation
    held = "missing-metrics" if found.missing else "pods-starting" if found.unready else None
    if found.replicas == now:
        return Proposal(workload.target, now, None, cpu, held or _kept(cpu, target))
    if found.replicas < now and held:
        return Proposal(workload.target, now, None, cpu, held)
    side = "above" if found.replicas > now else "below"
    sampled = f"{len(one.pods)} pods, {found.missing} without a sample"
    reason = f"cpu {cpu} % of requests, target {target} %; {sampled}"
    return Proposal(workload.target, now, found.replicas, cpu, f"cpu-{side}-target", reason)


def _kept(cpu: int, target: int) -> str:
    return "within-tolerance" if tolerated(cpu, target) else "rounds-to-same"


def samples(one: Observed) -> list[PodSample]:
    """Pods and metrics as the formula takes them."""
    latest = {u.pod: u for u in one.usage if -SKEW_S * 1_000 <= one.at_ms - u.at_ms <= STALE_S * 1_000}
    return [_sample(pod, latest, one.at_ms) for pod in one.pods]


def _sample(pod: Pod, latest: Mapping[str, PodUsage], now_ms: int) -> PodSample:
    sample, request = latest.get(pod.name), _requested(pod.containers)
    if not pod.alive:
        return PodSample(pod.name, "ignored", request, None)
    if pod.phase == "Pending" or pod.started_at_ms is None:
        return PodSample(pod.name, "unready", request, None)
    used = _used(pod, sample) if sample else None
    starting = now_ms - pod.started_at_ms < STARTING_S * 1_000
    # The HPA sets a pod aside until one window was measured since it became ready. When that was is not in
    # our Pod; a young pod that is not ready, or whose sample reaches back before its start, is set aside. An
    # older one counts with its usage even if it is not ready: overload makes pods fail their probes.
    if used is not None and sample and starting:
        early = sample.at_ms < pod.started_at_ms + sample.window_s * 1_000
        return PodSample(pod.name, "unready" if early or not pod.ready else "ready", request, used)
    return PodSample(pod.name, "ready", request, used)


def _requested(containers: Sequence[Container]) -> int | None:
    """CPU requests of all containers in millicores; None where one has none."""
    requests = [c.resources.cpu_request for c in containers]
    return None if not requests or None in requests else sum(r for r in requests if r is not None)


def _used(pod: Pod, sample: PodUsage) -> int | None:
    """CPU of all containers; None where a container has no sample, since a part would look like less."""
    if any(c.name not in sample.containers for c in pod.containers):
        return None
    return sum(cpu for cpu, _memory in sample.containers.values())
