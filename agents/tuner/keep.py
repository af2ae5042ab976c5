"""The strategy `keep`: everything as it is; what every other candidate is compared with."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from agents.tuner.strategy import Aim, Candidate, Observed, Reads


@dataclass(frozen=True, slots=True)
class Keep:
    """Proposes no change. It fits everything."""

    aim: Aim
    name: str = field(default="keep", init=False)
    version: str = field(default="1", init=False)
    reads: Reads = field(default=Reads(), init=False)

    def consider(self, observed: Observed) -> str | None:  # noqa: ARG002
        """None: leaving a workload alone is always possible."""
        return None

    def propose(self, observed: Sequence[Observed]) -> list[list[Candidate]]:
        """One candidate each, without a change."""
        return [[Candidate(self.name, None, "kept-as-is", "as it is")] for _ in observed]
