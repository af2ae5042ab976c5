"""A guard's inputs, and its answer: None (no objection) or a Refusal."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from policies.evaluate import Evaluation
from policies.patterns import Labels
from policies.snapshot import Snapshot, Terms
from policies.types import Approval, ApprovalNeed, Claim, Headroom, Observation, Request, Situation


@dataclass(frozen=True, slots=True)
class Refusal:
    """A refusal: the stage, the deciding rule, the message for a person. `retry_ms`: when (Unix ms of the world) the
    same could be asked again, where time alone makes room."""

    stage: str
    rule: str | None
    detail: str
    retry_ms: int | None = None


@dataclass(slots=True)
class ScreenInput:
    """A request before anything was read. `now_ms` is the world's time, `values` the log's integers."""

    snapshot: Snapshot
    request: Request
    now_ms: int
    values: Mapping[str, int]
    labels: Labels
    writes: bool
    """Whether the action changes anything (an unknown action is taken for a write)."""
    mark: str | None = field(kw_only=True)
    """The log's integer that says whether the agent's session is tainted; None for a person by hand."""
    evaluations: tuple[Evaluation, ...] = ()
    claims: list[Claim] = field(default_factory=list)
    expires_ms: int = 0


@dataclass(slots=True)
class DecisionInput(ScreenInput):
    """A request with what was seen. Guards leave their claims here, and what they found on the way."""

    seen: Observation = field(kw_only=True)
    approvals: Sequence[Approval] = field(kw_only=True)
    situation: Situation = field(kw_only=True)
    needs: tuple[ApprovalNeed, ...] = ()
    pending: tuple[ApprovalNeed, ...] = ()
    headroom: tuple[Headroom, ...] = ()
    terms: Terms | None = None
    """Of a move inside an envelope: what stands in place of the rules' cooldown."""
    covered: tuple[Approval, ...] = ()
    """The votes that its envelope had: what they were given for is not asked again."""
