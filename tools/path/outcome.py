"""The result of a request. Applied, Simulated, Refused and Failed are outcomes; Pending and Unknown are states."""

from dataclasses import dataclass
from typing import Any, Literal

from policies.decision import Decision
from policies.types import Observation, Request


@dataclass(frozen=True, slots=True)
class Applied:
    """It is done (live). `record` is the intent's number in the log, what `undo` takes."""

    request: Request
    record: int
    intent: str
    diff: str
    before: dict[str, Any]
    after: dict[str, Any]
    ready: int
    replicas: int
    decision: Decision | None = None
    replayed: bool = False
    unchanged: bool = False
    due_ms: int = 0
    """When its verdict is due (Unix ms of the world), where policy wants it verified."""
    partial: str = ""
    """What was not done, where a batch of pods stopped half-way; what was done is in `after`."""
    quotes: bool = False
    """`partial` may hold words of a server (ToolError.quotes)."""

    @property
    def status(self) -> Literal["applied", "in_part", "unchanged"]:
        """In one word; a write that stopped half-way is never `applied`."""
        return "in_part" if self.partial else "unchanged" if self.unchanged else "applied"


@dataclass(frozen=True, slots=True)
class Simulated:
    """The apiserver accepted it with `dryRun=All`; nothing changed. The decision says what live would need."""

    request: Request
    record: int
    diff: str
    decision: Decision | None
    replayed: bool = False
    seen: Observation | None = None
    """What it was decided on; None where it is replayed."""


@dataclass(frozen=True, slots=True)
class Refused:
    """Policy (or a claim that was lost) said no. `diff` is empty where it was refused before any read."""

    request: Request
    record: int
    stage: str
    rule: str | None
    detail: str
    diff: str = ""
    decision: Decision | None = None
    manual: str = ""
    """For a refused rollback: the kubectl command that does it by hand."""
    replayed: bool = False


@dataclass(frozen=True, slots=True)
class Failed:
    """The cluster said no, definitely without effect."""

    request: Request
    record: int
    what: str
    hint: str
    code: str = ""
    http: int | None = None
    diff: str = ""
    replayed: bool = False
    quotes: bool = False
    """`what` and `hint` may hold words of a server (ToolError.quotes)."""


@dataclass(frozen=True, slots=True)
class Pending:
    """It waits for an approval. `handle` is the request digest's first digits."""

    request: Request
    record: int
    handle: str
    diff: str
    expires_ms: int
    decision: Decision | None


@dataclass(frozen=True, slots=True)
class Unknown:
    """Sent (or perhaps sent), the effect is not known: never repeated, the resolver looks."""

    request: Request
    record: int
    intent: str
    diff: str
    why: str
    quotes: bool = False
    """`why` may hold words of a server (ToolError.quotes)."""


Result = Applied | Simulated | Refused | Failed | Pending | Unknown
