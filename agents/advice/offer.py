"""What a model is told of a workload, and may choose among: codes and figures of ours by their names. No name, label,
annotation or event goes to it: nothing that anybody may have written."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from agents.tuner.proposal import Proposal

MOST_WORKLOADS = 24
"""Of one call; the others keep the choice and the sentence that they have."""


@dataclass(frozen=True, slots=True)
class Offer:
    """One workload, by its `place` in the pass. The first of `proposals` is the choice by least cost, the others are
    its ties."""

    place: int
    proposals: tuple[Proposal, ...]

    @property
    def figures(self) -> frozenset[Decimal]:
        """Every number that an explanation may cite."""
        return frozenset(Decimal(n) for p in self.proposals for n in figures_of(p).values())

    def document(self) -> dict[str, object]:
        """As the model is told of it."""
        candidates = [
            {"candidate": i, "strategy": p.strategy, "why": p.why, "figures": figures_of(p)}
            for i, p in enumerate(self.proposals)
        ]
        return {"workload": self.place, "candidates": candidates}


def offers(found: Sequence[Proposal]) -> list[Offer]:
    """Those where something is changed, the ones with a choice first; at most MOST_WORKLOADS."""
    changed = [Offer(i, (p, *p.ties)) for i, p in enumerate(found) if p.change is not None]
    return sorted(changed, key=lambda offer: len(offer.proposals) == 1)[:MOST_WORKLOADS]


def figures_of(found: Proposal) -> dict[str, str]:
    """The figures of one candidate by their names, in the units and with the digits that a person is shown."""
    moves = found.change.moves if found.change else ()
    before = {f"{m.dimension}_before": str(m.before) for m in moves if m.before is not None}
    after = {f"{m.dimension}_after": str(m.after) for m in moves}
    cited = {figure.name: str(figure.value) for figure in found.figures}
    return cited | before | after | _effect(found.expects or {})


def _effect(expects: Mapping[str, int]) -> dict[str, str]:
    shown = {
        "core_hours_a_day_before": ("cost_before_mch", 1_000, 1),
        "core_hours_a_day_after": ("cost_after_mch", 1_000, 1),
        "risk_percent_before": ("violations_before_ppm", 10_000, 2),
        "risk_percent_after": ("violations_after_ppm", 10_000, 2),
    }
    known = {name: of for name, of in shown.items() if of[0] in expects}
    return {name: f"{expects[key] / unit:.{digits}f}" for name, (key, unit, digits) in known.items()}
