"""Candidates in the twin: each is played on the workload's own last 24 hours and 7 days, and the twin says how far it
is to be believed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from agents.tuner.change import Change
from agents.tuner.envelope import SET_ENVELOPE
from agents.tuner.lease import in_force
from agents.tuner.pod_size import STARTUP_S, requested_millicores, startup_s
from agents.tuner.sizing import event_percent
from agents.tuner.strategy import Candidate, Observed
from tools.arguments import SetEnvelopeArgs
from tools.metrics.types import Series

if TYPE_CHECKING:
    from forecasting.twin.belief import Belief
    from forecasting.twin.past import Past, Play, Played

DAY = 1440
LOOP_PERCENT = 70
"""Where there are too many workloads to forecast each minute of each, and no HPA, the fast loop inside an envelope is
played as one with this target: it forecasts, and does no worse."""


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """The candidates of one workload as they were played (None: nothing to play them by), and the twin's belief."""

    played: "tuple[Played | None, ...]"
    belief: "Belief"


def rehearse(observed: Sequence[Observed], candidates: Sequence[Sequence[Candidate]]) -> list[Rehearsed]:
    """Each workload with its candidates, in their order; the whole pass is played at once."""
    from forecasting.twin.past import play

    plays = [[_play(one, c.change) for c in found] for one, found in zip(observed, candidates, strict=True)]
    known = iter(play([_past(one) for one in observed], [[p for p in each if p] for each in plays]))
    found = []
    for one, each in zip(observed, plays, strict=True):
        played = iter(next(known))
        found.append(Rehearsed(tuple(next(played) if p else None for p in each), _belief(one)))
    return found


def _past(one: Observed) -> "Past":
    from forecasting.twin.past import Past

    return Past(one.cpu.values, startup_s(one.pods) or STARTUP_S, event_percent(one))


def _play(one: Observed, change: Change | None) -> "Play | None":
    """The candidate's pods; None where the template does not say what one requests."""
    from forecasting.twin.past import Play

    each = requested_millicores(one.workload)
    if each is None:
        return None
    to = {move.dimension: move.after for move in change.moves} if change else {}
    before = {move.dimension: move.before or 0 for move in change.moves} if change else {}
    request = max(1, each + to.get("cpuRequest", 0) - before.get("cpuRequest", 0))
    low, high, percent = _range(one, change, to)
    args = change.args if change else None
    risk = args.risk_permille if isinstance(args, SetEnvelopeArgs) else None
    aims = _as_share(one, percent, each, request)
    return Play(low, high, aims, request, request, None if risk is None else risk / 1000)


def _as_share(one: Observed, percent: int | None, each: int, request: int) -> int | None:
    """The HPA's target as a share of what a pod would request: its scale point stays where the request changes."""
    cpu = one.autoscaler.target_cpu if one.autoscaler else None
    if cpu is None and (percent is None or each == request):
        return percent
    return max(1, (percent * each if cpu is None and percent else 100 * (cpu or 0)) // request)


def _range(one: Observed, change: Change | None, to: Mapping[str, int]) -> tuple[int, int, int | None]:
    """Least and most pods, and the target at which something moves them in between."""
    now = one.workload.replicas
    low, high, percent = _without(one) if one.autoscaler else (*(to.get("replicas", now),) * 2, None)
    if change is not None and change.action == SET_ENVELOPE:
        percent = percent or LOOP_PERCENT
    low, high = to.get("minReplicas", low), to.get("maxReplicas", high)
    return low, max(low, high), to.get("targetPercent", percent) if percent else None


def _without(one: Observed) -> tuple[int, int, int | None]:
    """What its HPA does without any lease: the floor and the target that one has moved are put back."""
    hpa, before = one.autoscaler, in_force(one)
    assert hpa is not None, "asked for with an HPA only"
    if before is None:
        return hpa.minimum, hpa.maximum, hpa.target_percent
    return before.floor, hpa.maximum, before.target or hpa.target_percent


def _belief(one: Observed) -> "Belief":
    from forecasting.twin.belief import believed

    each = requested_millicores(one.workload)
    if each is None:
        from forecasting.twin.belief import Belief

        return Belief(("no CPU request",))
    limits = [container.resources.cpu_limit for container in one.workload.containers]
    carries = each if None in limits or not limits else sum(limit or 0 for limit in limits)
    offered = one.offered.values if one.offered and _covers(one.offered) else None
    return believed(
        one.cpu.values, one.ready.values if one.ready else None, offered, carries, startup_s(one.pods)
    )


def _covers(series: Series) -> bool:
    """Whether nine of ten points of its last day are there: with fewer it says nothing of the work."""
    day = series.values[-DAY:]
    return (len(day) - day.count(None)) * 10 >= 9 * len(day)
