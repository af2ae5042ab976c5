"""Budgets as the gate uses them: what is counted, for whom, and how much of it within which time."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from policies.claim_keys import SPENT
from policies.rates import Rate
from policies.types import Delta, Request
from policies.windows import Window

Per = Literal["workload", "agent", "namespace", "cluster"]
CHANGES = "changes"


@dataclass(frozen=True, slots=True)
class Budget:
    """`rule` is what a refusal names (`web`, `agent:nightly`); `counted` is `changes`, or a dimension: then every
    step of it counts, up or down, in its unit."""

    rule: str
    per: Per
    counted: str
    limit: int
    length_s: int

    def window(self, request: Request) -> Window:
        """The window that this request is counted in; another cluster has its own."""
        return Window(SPENT, f"{self.rule}/{self.counted}/{self._whose(request)}", self.length_s)

    def cost(self, deltas: Iterable[Delta]) -> int:
        """What a change takes of it."""
        if self.counted == CHANGES:
            return 1
        steps = (delta for delta in deltas if delta.dimension == self.counted)
        return sum(abs((delta.after or 0) - (delta.before or 0)) for delta in steps)

    def _whose(self, request: Request) -> str:
        target, principal = request.target, request.principal
        match self.per:
            case "workload":
                return target.key
            case "namespace":
                return f"{target.cluster}/{target.namespace or ''}"
            case "agent":
                return f"{target.cluster}/{principal.agent or principal.on_behalf_of}"
            case "cluster":
                return target.cluster


def budgets_of(rule: str, per: Per, changes: Rate | None, delta: Mapping[str, Rate]) -> Iterator[Budget]:
    """The budgets of one document."""
    if changes is not None:
        yield Budget(rule, per, CHANGES, changes.amount, changes.seconds)
    for dimension, rate in delta.items():
        yield Budget(rule, per, dimension, rate.amount, rate.seconds)
