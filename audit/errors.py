"""What can go wrong with the log. Each error says what, where and a hint."""

from typing import ClassVar

from audit.claims import Claim
from base.errors import Effect, FlyballError


class AuditError(FlyballError):
    """Base of the errors of this package."""


class RecordInvalid(AuditError):
    """The record does not fit the canonical profile (floats, huge integers, lone surrogates, size)."""


class LogUnavailable(AuditError):
    """The log cannot take a record now (disk full, locked, unreadable): nothing may act."""

    effect: ClassVar[Effect] = "unavailable"


class LogDamaged(LogUnavailable):
    """The file is there, and is not a whole log: cut off, overwritten, or of another program. Nothing may act."""

    effect = "tampered"


class LogMissing(LogUnavailable):
    """No log is here: its file is missing or holds nothing."""


class LogTampered(AuditError):
    """What is stored contradicts what was signed."""

    effect = "tampered"


class ClaimLost(AuditError):
    """A claim of the commit no longer holds. The refusal record given to `commit` was stored instead.

    `claim` is the one that was lost, `stored` the value that stood in its way, `seq` the refusal's number
    (None where the caller gave no refusal).
    """

    def __init__(self, claim: "Claim", stored: int, seq: int | None) -> None:
        super().__init__(f"claim lost: {claim} (stored: {stored})")
        self.claim, self.stored, self.seq = claim, stored, seq
