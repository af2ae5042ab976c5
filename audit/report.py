"""The result of a verification: findings contradict what was signed, notes are information only."""

from dataclasses import dataclass, field
from typing import Literal

Check = Literal[
    "storage", "schema", "contiguity", "leaves", "columns", "tiles", "roots", "signature", "pinned", "causal",
    "claims", "clock",
]  # fmt: skip

MAX_LISTED = 100
"""Findings (and notes) that are listed; the rest is counted, so that memory stays bounded."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One contradiction: which check saw it, and at which record (None: the log as a whole)."""

    check: Check
    seq: int | None
    what: str


@dataclass(slots=True)
class Report:
    """The result of `verify`. `records` is the size of the newest checkpoint that was reached."""

    origin: str
    records: int = 0
    checkpoints: int = 0
    signatures: int = 0
    root: str = ""
    last_ts: str | None = None
    pinned_records: int | None = None
    """Size of the pinned checkpoint that the log contains; None where none was given or it does not fit."""
    findings: list[Finding] = field(default_factory=list)
    notes: list[Finding] = field(default_factory=list)
    unlisted: int = 0

    @property
    def whole(self) -> bool:
        """Nothing contradicts what was signed."""
        return not self.findings

    def found(self, check: Check, seq: int | None, what: str) -> None:
        self._list(self.findings, Finding(check, seq, what))

    def noted(self, check: Check, seq: int | None, what: str) -> None:
        self._list(self.notes, Finding(check, seq, what))

    def _list(self, listed: list[Finding], finding: Finding) -> None:
        if len(listed) < MAX_LISTED:
            listed.append(finding)
        else:
            self.unlisted += 1
