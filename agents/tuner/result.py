"""What a tuning pass comes to: a row for each workload that it saw."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from agents.tuner.proposal import Proposal
from tools.toolbox.port import Answer, Card


@dataclass(frozen=True, slots=True)
class Row:
    """A proposal and its result; `answer` is None where nothing was proposed, or the pass stopped before it."""

    proposal: Proposal
    answer: Answer | None

    @property
    def card(self) -> Card | None:
        """What a person is shown of the answer."""
        return self.answer.card if self.answer else None

    @property
    def status(self) -> str:
        """The card's status; else `observed` where a change was not tried, `kept` where nothing is to change,
        `skipped` where no strategy was asked."""
        if self.card is not None:
            return self.card.status
        if self.proposal.change is not None:
            return "observed"
        return "kept" if self.proposal.strategy else "skipped"


@dataclass(frozen=True, slots=True)
class Pass:
    """One whole pass, in the order in which it looked (by namespace, kind and name)."""

    run_id: str
    rows: tuple[Row, ...]

    def counts(self) -> Mapping[str, int]:
        """How many workloads ended how, by status."""
        return dict(sorted(Counter(row.status for row in self.rows).items()))
