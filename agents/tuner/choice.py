"""Which of a workload's candidates becomes its proposal."""

from collections.abc import Sequence
from typing import Protocol

from agents.tuner.proposal import Proposal, taken
from agents.tuner.strategy import Candidate, Observed, Reads


class Choice(Protocol):
    """From what the strategies would do to what is asked for. Pure."""

    @property
    def name(self) -> str:
        """As the record of the run names it."""

    @property
    def reads(self) -> Reads:
        """What a pass has to read for it."""

    def choose(
        self, observed: Sequence[Observed], candidates: Sequence[Sequence[Candidate]]
    ) -> Sequence[Proposal]:
        """One proposal for each workload, in their order; there is at least one candidate for each."""


class FirstChange:
    """The first candidate that changes something, in the strategies' order; else the first that says why not."""

    name = "first-change"
    reads = Reads()

    def choose(
        self, observed: Sequence[Observed], candidates: Sequence[Sequence[Candidate]]
    ) -> list[Proposal]:
        """See Choice."""
        return [
            taken(one.workload, next((c for c in found if c.change is not None), found[0]))
            for one, found in zip(observed, candidates, strict=True)
        ]
