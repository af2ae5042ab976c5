"""Which of a workload's candidates becomes its proposal."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from agents.tuner.change import Change
from agents.tuner.proposal import Proposal, Weighed, taken
from agents.tuner.strategy import Candidate, Observed, Reads

POLICY = "policy-keeps-it"
"""The why-code of a change that policy allows in no form."""


@dataclass(slots=True)
class Barred:
    """What policy would refuse of one workload, as far as it was asked: single changes, and whole sorts of them (no
    rule allows the action), whatever their figures."""

    changes: set[Change] = field(default_factory=set)
    sorts: set[tuple[str, ...]] = field(default_factory=set)

    def add(self, change: Change, *, whole_sort: bool) -> None:
        """It would be refused; `whole_sort`: whatever its figures."""
        if whole_sort:
            self.sorts.add(change.sort)
        else:
            self.changes.add(change)

    def has(self, candidate: Candidate) -> bool:
        """Whether it is known that this one would be refused."""
        change = candidate.change
        return change is not None and (change in self.changes or change.sort in self.sorts)


@dataclass(frozen=True, slots=True)
class Slate:
    """The candidates of a workload (at least one) as they were weighed; `doubts` are why what was weighed is not to
    be relied on."""

    observed: Observed
    weighed: tuple[Weighed, ...]
    doubts: tuple[str, ...] = ()

    def without(self, barred: Barred) -> "Slate":
        """The same, with those marked that policy would refuse."""
        if not (barred.changes or barred.sorts):
            return self
        return replace(
            self,
            weighed=tuple(
                [replace(w, why_not=POLICY) if barred.has(w.candidate) else w for w in self.weighed]
            ),
        )


class Choice(Protocol):
    """From what the strategies would do to what is asked for. Pure."""

    @property
    def name(self) -> str:
        """As the record of the run names it."""

    @property
    def reads(self) -> Reads:
        """What a pass has to read for it."""

    def weigh(
        self, observed: Sequence[Observed], candidates: Sequence[Sequence[Candidate]]
    ) -> Sequence[Slate]:
        """One slate for each workload, in their order; there is at least one candidate for each."""

    def take(self, slate: Slate) -> Proposal:
        """The best of those of which nothing says why not."""


UNTOUCHED = Candidate("", None, POLICY)
"""Where policy would refuse all that was proposed."""


class FirstChange:
    """The first candidate that changes something, in the strategies' order; else the first that says why not."""

    name = "first-change"
    reads = Reads()

    def weigh(self, observed: Sequence[Observed], candidates: Sequence[Sequence[Candidate]]) -> list[Slate]:
        """See Choice; nothing is computed."""
        return [
            Slate(one, tuple(map(Weighed, found))) for one, found in zip(observed, candidates, strict=True)
        ]

    def take(self, slate: Slate) -> Proposal:
        """See Choice."""
        open_ = [w.candidate for w in slate.weighed if not w.why_not]
        first = next((c for c in open_ if c.change is not None), None)
        return taken(slate.observed.workload, first or next(iter(open_), UNTOUCHED))
