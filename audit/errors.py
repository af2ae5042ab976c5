"""What can go wrong with the log. Each error says what, where and how to mend it."""

from audit.claims import Claim


class AuditError(Exception):
    """Base of this room's errors: `what` happened, `where`, and the `mend` that a person can try."""

    def __init__(self, what: str, *, where: str = "", mend: str = "") -> None:
        super().__init__(what)
        self.what, self.where, self.mend = what, where, mend


class RecordInvalid(AuditError):
    """The record does not fit the canonical profile (floats, huge integers, lone surrogates, size)."""


class LogUnavailable(AuditError):
    """The log cannot take a record now (disk full, locked, unreadable): nothing may act."""


class LogTampered(AuditError):
    """What is stored contradicts what was signed."""


class ClaimLost(AuditError):
    """A claim of the commit no longer holds. The refusal record given to `commit` was stored instead.

    `claim` is the one that was lost, `stored` the value that stood in its way, `seq` the refusal's number
    (None where the caller gave no refusal).
    """

    def __init__(self, claim: "Claim", stored: int, seq: int | None) -> None:
        super().__init__(f"claim lost: {claim} (stored: {stored})")
        self.claim, self.stored, self.seq = claim, stored, seq
