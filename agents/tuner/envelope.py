"""The strategy `envelope`: in place of one number a range for the next day, in which the fast loop moves; and
where an HPA aims at a share of the requests a looser target for it meanwhile, since the forecast carries the load."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from agents.tuner.change import Change, Move, checked
from agents.tuner.forecast import HISTORY_S, unfit
from agents.tuner.lease import own_target
from agents.tuner.pod_size import requested_millicores
from agents.tuner.sizing import event_percent
from agents.tuner.strategy import Aim, Candidate, Figure, Observed, Reads
from base.instants import utc_ms, utc_text
from tools.arguments import SetEnvelopeArgs
from tools.envelope_text import written

SET_ENVELOPE = "set_envelope"
LEASE_S = 90_000
"""A day, and an hour in which the next run may be late: where it is not, no lease ends in between."""
LOW_PERCENTILE, HIGH_PERCENTILE = 1.0, 99.9
"""What the minutes of a day need at least, and what one in a thousand exceeds."""
SPARE_PERCENT = 125
"""Room above the latter: a day may be busier than all before it, and the range is not the forecast."""
TARGET_PERCENT = 85
"""What of a pod's requests that demand may use."""
GUARD_PERCENT = 80
"""The CPU target of an HPA that stands guard: with its tolerance of a tenth it acts at 88 %. *Measured* on recorded
demand at the risks below: 7 % cheaper than with a guard at 70 %; at 90 % it is 2 % cheaper, with a fifth more
violations."""
RISKS_PERMILLE = (20, 50)
"""How often forecasts may be exceeded: of each a candidate, and the rehearsal says which one a workload needs. In
minutes it comes to a seventh of that (*measured*)."""


@dataclass(frozen=True, slots=True)
class EnvelopeRange:
    """A lease from what a day needs at least to what it needs at most."""

    aim: Aim
    name: str = field(default="envelope", init=False)
    version: str = field(default="2", init=False)
    reads: Reads = field(default=Reads(HISTORY_S), init=False)

    def consider(self, observed: Observed) -> str | None:
        """As `forecast`, and at least 7 days of history: a range of less is a guess."""
        return unfit(observed) or ("short-history" if _day(observed, HIGH_PERCENTILE) is None else None)

    def propose(self, observed: Sequence[Observed]) -> list[list[Candidate]]:
        """A candidate for each risk, of each workload, and the same with its HPA as guard where it can be one."""
        return [[*self._each(one)] for one in observed]

    def _each(self, one: Observed) -> Iterator[Candidate]:
        own = own_target(one)
        for risk in RISKS_PERMILLE:
            yield self._one(one, risk)
            if own is not None and own < GUARD_PERCENT:
                yield self._one(one, risk, own)

    def _one(self, one: Observed, risk: int, own: int | None = None) -> Candidate:
        least, most = _day(one, LOW_PERCENTILE) or 0, _day(one, HIGH_PERCENTILE) or 0
        each, percent = requested_millicores(one.workload) or 1, event_percent(one)
        most = most * percent * SPARE_PERCENT // 10_000
        low, high = _pods(least, each), _pods(most, each)
        if one.autoscaler is not None:
            high = min(high, one.autoscaler.maximum)
        change = leased(one, min(low, high), high, self.aim.agent, risk, own)
        reason = f"a day needs {least}m to {most}m: {low} to {high} pods of {each}m, moved each minute inside of it"
        reason += f", {risk} of 1000 forecasts exceeded"
        figures = [
            Figure("day_least_millicores", least),
            Figure("day_most_millicores", most),
            Figure("pod_millicores", each),
            Figure("risk_permille", risk),
        ]
        if own is not None:
            reason += f"; its HPA stands guard at {GUARD_PERCENT} % meanwhile, then at {own} % again"
            figures += [Figure("guard_percent", GUARD_PERCENT), Figure("target_percent", own)]
        return Candidate(self.name, change, "range-of-a-day", reason, tuple(figures))


def leased(
    one: Observed, low: int, high: int, agent: str, risk_permille: int, own_percent: int | None = None
) -> Change:
    """The range, leased for a day from when the workload was looked at; with its HPA's own CPU target also that of
    the guard. Raises StrategyBroken."""
    values: dict[str, object] = {
        "workload": str(one.workload.target),
        "min_replicas": low,
        "max_replicas": high,
        "until": utc_text(one.at_ms + LEASE_S * 1000),
        "floor": _floor(one),
        "agent": agent,
        "risk_permille": risk_permille,
    }
    moves = [Move("minReplicas", "min_replicas", None, low), Move("maxReplicas", "max_replicas", None, high)]
    if own_percent is not None:
        values |= {"guard_percent": GUARD_PERCENT, "target_percent": own_percent}
        moves.append(Move("targetPercent", "guard_percent", own_percent, GUARD_PERCENT))
    return Change(SET_ENVELOPE, checked(SetEnvelopeArgs, values), tuple(moves))


def _floor(one: Observed) -> int:
    """What it goes back to: that of the lease before, for the numbers of now are the loop's; else those of now.

    An HPA's minimum is put back when a lease is over, and whoever raised it since does not have it lowered again.
    """
    before = written(one.workload.annotations)
    now = max(1, one.autoscaler.minimum if one.autoscaler else one.workload.replicas)
    if before is None:
        return now
    over = one.at_ms >= utc_ms(before.until)
    return max(before.floor, now) if over and one.autoscaler else before.floor


def _pods(millicores: int, each: int) -> int:
    return max(1, -(-millicores * 100 // (each * TARGET_PERCENT)))


def _day(one: Observed, percentile: float) -> int | None:
    from forecasting.demand.same_hours import DAY, same_hours

    return same_hours(one.cpu.values, DAY, percentile)
