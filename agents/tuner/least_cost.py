"""The choice of an agent's run: of the candidates within the accepted risk the cheapest; where what stands now is not
within it either, the cheapest that is, or the one with the least risk."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from agents.tuner.choice import Slate
from agents.tuner.proposal import Proposal, Weighed, taken
from agents.tuner.rehearsal import Rehearsed, rehearse
from agents.tuner.sizing import bounded
from agents.tuner.strategy import Candidate, Observed, Reads
from tools.metrics.types import Metric

if TYPE_CHECKING:
    from forecasting.twin.past import Played

WORTH_PPM = 30_000
"""A change that saves less of the cost is not worth it (hysteresis)."""
TWIN = Reads(metrics=(Metric.REPLICAS, Metric.REQUEST_RATE))
"""What the twin is tested by."""
LOWER_PPM = 990_000
"""The share of the last 24 hours that must be measured for anything to be taken away."""


@dataclass(frozen=True, slots=True)
class LeastCost:
    """`risk_ppm` is the accepted share of minutes above the target. Every workload needs a candidate without a change
    (the strategy `keep`): what the others are held against."""

    risk_ppm: int
    name: str = "least-cost"
    reads: Reads = TWIN

    def weigh(self, observed: Sequence[Observed], candidates: Sequence[Sequence[Candidate]]) -> list[Slate]:
        """See Choice; every candidate is rehearsed."""
        steps = [[bounded(c) for c in each] for each in candidates]
        found = rehearse(observed, steps)
        return [self._slate(*of) for of in zip(observed, steps, found, strict=True)]

    def take(self, slate: Slate) -> Proposal:
        """See Choice."""
        weighed, keep = slate.weighed, _keep(slate.weighed)
        best = _needed(weighed, self._best(weighed, keep), keep)
        found = _proposal(slate, best, keep, weighed)
        if found.hold or best is keep or _is_memory(best):
            return found
        cheapest = [replace(w, why_not="near-tie") if w is best else w for w in weighed]
        each = [_proposal(slate, w, keep, cheapest) for w in self._near(weighed, best, keep)]
        return replace(found, ties=tuple(tie for tie in each if not tie.hold))

    def _slate(self, one: Observed, candidates: Sequence[Candidate], seen: Rehearsed) -> Slate:
        weighed = [_weighed(one, *of) for of in zip(candidates, seen.played, strict=True)]
        keep = _keep(weighed)
        known = next((played.known_ppm for played in seen.played if played), 0)
        told = [w if w is keep else replace(w, why_not=self._against(one, w, keep, known)) for w in weighed]
        return Slate(one, tuple(told), seen.belief.doubts)

    def _against(self, one: Observed, w: Weighed, keep: Weighed, known_ppm: int) -> str:
        """Why it cannot be taken at all; empty: it can."""
        if w.candidate.change is None:
            return w.candidate.why
        if one.learned.cooled.get(w.candidate.strategy, 0) > one.at_ms:
            return "cooled"
        if w.risk_ppm is None or w.cost_mch is None or keep.cost_mch is None or keep.risk_ppm is None:
            return "not-rehearsed"
        if w.cost_mch < keep.cost_mch and known_ppm < LOWER_PPM:
            return "short-history"
        return "risk" if w.risk_ppm > max(self.risk_ppm, keep.risk_ppm) else ""

    def _best(self, weighed: Sequence[Weighed], keep: Weighed) -> Weighed:
        open_ = [w for w in weighed if w is not keep and not w.why_not and not _is_memory(w)]
        safe = [w for w in open_ if (w.risk_ppm or 0) <= self.risk_ppm]
        if keep.risk_ppm is None or keep.cost_mch is None:
            return keep
        if keep.risk_ppm > self.risk_ppm:
            least = min(open_, key=lambda w: (*_violates(w), *_rank(w)), default=keep)
            better = least if _violates(least) < _violates(keep) else keep
            return min(safe, key=_rank, default=better)
        return min((w for w in safe if (w.cost_mch or 0) < _worth(keep)), key=_rank, default=keep)

    def _near(self, weighed: Sequence[Weighed], best: Weighed, keep: Weighed) -> list[Weighed]:
        """As good as the best: within the risk, of no lower score, and dearer by less than is worth a change."""
        most = (best.cost_mch or 0) * (1_000_000 + WORTH_PPM) // 1_000_000
        if (keep.risk_ppm or 0) <= self.risk_ppm:
            most = min(most, _worth(keep) - 1)
        open_ = [w for w in weighed if w not in (best, keep) and not w.why_not and not _is_memory(w)]
        safe = [w for w in open_ if (w.risk_ppm or 0) <= self.risk_ppm and w.score >= best.score]
        return [w for w in safe if (w.cost_mch or 0) <= most]


def _keep(weighed: Sequence[Weighed]) -> Weighed:
    """What the others are held against."""
    return next((w for w in weighed if w.candidate.strategy == "keep"), None) or weighed[0]


def _needed(weighed: Sequence[Weighed], best: Weighed, keep: Weighed) -> Weighed:
    """Memory is not what the twin plays: a change of it alone is taken where nothing else is to be done, and before
    anything that only saves."""
    memory = next((w for w in weighed if not w.why_not and _is_memory(w)), None)
    saves = best is keep or (best.cost_mch or 0) < (keep.cost_mch or 0)
    return memory if memory is not None and saves else best


def _worth(keep: Weighed) -> int:
    """What a change must cost less than, where it only saves."""
    cost = keep.cost_mch or 0
    return cost - cost * WORTH_PPM // 1_000_000


def _is_memory(w: Weighed) -> bool:
    moves = w.candidate.change.moves if w.candidate.change else ()
    return bool(moves) and all(move.dimension.startswith("memory") for move in moves)


def _weighed(one: Observed, c: Candidate, played: "Played | None") -> Weighed:
    score = one.learned.scores.get(c.strategy, 0)
    if played is None:
        return Weighed(c, score=score)
    return Weighed(c, played.risk_ppm, played.short_ppm, played.cost_mch, score=score)


def _violates(w: Weighed) -> tuple[int, int]:
    return w.risk_ppm or 0, w.short_ppm or 0


def _rank(w: Weighed) -> tuple[int, int]:
    """The cheapest first; among equals the one whose verdicts were better."""
    return w.cost_mch or 0, -w.score


def _proposal(slate: Slate, best: Weighed, keep: Weighed, weighed: Sequence[Weighed]) -> Proposal:
    told = [_told(w, best, keep) for w in weighed]
    found = replace(taken(slate.observed.workload, best.candidate), alternatives=tuple(told))
    if best is keep:
        return replace(found, why=_kept_why(weighed, keep))
    hold = "" if _is_memory(best) else "; ".join(slate.doubts)
    if hold:
        hold = f"the twin is uncalibrated: {hold}"
    elif best.candidate.needs_approval_hint:
        hold = f"`{best.candidate.strategy}` wants a person to agree"
    return replace(found, hold=hold, expects=_expects(best, keep))


def _told(w: Weighed, best: Weighed, keep: Weighed) -> Weighed:
    if w is best:
        return replace(w, why_not="")
    if w is keep:
        return replace(w, why_not="dearer" if (w.cost_mch or 0) > (best.cost_mch or 0) else "risk")
    if w.why_not:
        return w
    if _rank(w) > _rank(best):
        return replace(w, why_not="dearer")
    return replace(w, why_not="not-worth-it" if best is keep or _rank(w) < _rank(best) else "as-good")


def _kept_why(weighed: Sequence[Weighed], keep: Weighed) -> str:
    """Why nothing is changed: what speaks against the others, the first that says so."""
    others = [w for w in weighed if w is not keep]
    open_ = [w for w in others if w.candidate.change is not None]
    found = open_ or others
    return next((w.why_not for w in found if w.why_not), "not-worth-it") if found else keep.candidate.why


def _expects(best: Weighed, keep: Weighed) -> dict[str, int]:
    """The expected effect as the request carries it."""
    return {
        "cost_before_mch": keep.cost_mch or 0,
        "cost_after_mch": best.cost_mch or 0,
        "violations_before_ppm": keep.risk_ppm or 0,
        "violations_after_ppm": best.risk_ppm or 0,
    }
