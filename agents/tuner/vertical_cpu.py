"""CPU requests from the recommenders of forecasting.vertical: in place while pods run, or in the template.

Raised by a twentieth or more at once; lowered only on days that are known whole, and at most halved at a time.
Neither where the newest figures are missing.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from agents.tuner.lease import own_target
from agents.tuner.sizing import doubtful
from agents.tuner.strategy import Aim, Candidate, Figure, Observed, Reads
from agents.tuner.vertical import container_of, keeps_scale_point, resized, unfit, usage, with_limit
from forecasting.vertical.live import IN_PLACE, WITH_RESTART, CpuAdvice, cpu
from forecasting.vertical.types import CpuRecommender
from tools.metrics.types import Metric

DAYS = 14
READS = Reads(DAYS * 86_400, (Metric.REPLICAS,))
RAISE = 1.05
HALF = 2
"""A request is lowered to no less than so many parts of what it is."""


def _unfit(one: Observed) -> str | None:
    if why := unfit(one):
        return why
    if container_of(one).resources.cpu_request is None:
        return "no-cpu-request"
    if one.autoscaler is not None and one.autoscaler.target_percent != own_target(one):
        return "leased"  # its scale point would be held where it stands for the lease only
    return doubtful(one) if keeps_scale_point(one) else "hpa-on-utilisation"


def _proposed(
    name: str, one: Observed, recommender: CpuRecommender, lower: float, days: int, in_place: bool
) -> Candidate:
    """What the recommender comes to. Lowered by `lower` or more, on so many whole days."""
    advice = cpu(usage(one.cpu, one.ready), recommender) if one.ready is not None else None
    if advice is None:
        return Candidate(name, None, "no-metrics")
    now = container_of(one).resources.cpu_request or 0
    asked, figures = advice.millicores, _figures(advice, now)
    if asked >= now * RAISE:
        return _moved(name, one, asked, "cpu-too-small", advice, figures, in_place)
    if asked > now * lower:
        return Candidate(name, None, "cpu-fits", "", figures)
    if advice.days < days or not advice.newest:
        return Candidate(name, None, "short-history", "", figures)
    return _moved(name, one, max(asked, -(-now // HALF)), "cpu-slack", advice, figures, in_place)


def _moved(
    name: str,
    one: Observed,
    asked: int,
    why: str,
    advice: CpuAdvice,
    figures: tuple[Figure, ...],
    in_place: bool,
) -> Candidate:
    reason = f"a pod used at most {advice.highest}m CPU in the last day; {advice.millicores}m would cover it"
    change = resized(one, with_limit(container_of(one).resources, "cpu", asked), in_place=in_place)
    return Candidate(name, change, why, reason, figures)


def _figures(advice: CpuAdvice, now: int) -> tuple[Figure, ...]:
    return (
        Figure("request_millicores", now),
        Figure("advised_millicores", advice.millicores),
        Figure("highest_millicores", advice.highest),
        Figure("whole_days", advice.days),
    )


@dataclass(frozen=True, slots=True)
class VerticalInPlace:
    """CPU of running pods, without a restart; it holds until a pod is replaced. Lowered by a tenth or more, after a
    whole day."""

    aim: Aim
    name: str = field(default="vertical-in-place", init=False)
    version: str = field(default="2", init=False)
    reads: Reads = field(default=READS, init=False)

    def consider(self, observed: Observed) -> str | None:
        """Several containers, an owner, an HPA whose scale point cannot be held now, or a resize that restarts."""
        if why := _unfit(observed):
            return why
        return "resize-restarts" if "cpu" in container_of(observed).restarts_on else None

    def propose(self, observed: Sequence[Observed]) -> list[list[Candidate]]:
        """One candidate each."""
        return [[_proposed(self.name, one, IN_PLACE, 0.9, 1, True)] for one in observed]


@dataclass(frozen=True, slots=True)
class VerticalTemplate:
    """CPU in the template: a rollout, and it lasts. Lowered by three tenths or more, after three whole days."""

    aim: Aim
    name: str = field(default="vertical-template", init=False)
    version: str = field(default="2", init=False)
    reads: Reads = field(default=READS, init=False)

    def consider(self, observed: Observed) -> str | None:
        """As in place, and whoever keeps the template would revert it."""
        if keeper := observed.workload.template_owner:
            return f"owned-by-{keeper}"
        return _unfit(observed)

    def propose(self, observed: Sequence[Observed]) -> list[list[Candidate]]:
        """One candidate each."""
        return [[_proposed(self.name, one, WITH_RESTART, 0.7, 3, False)] for one in observed]
