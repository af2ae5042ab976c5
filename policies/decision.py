"""The gate's answer: its verdict, its reasons, and what must hold when it is carried out."""

from dataclasses import dataclass
from enum import StrEnum

from policies.permit import Permit
from policies.types import ApprovalNeed, Claim, Headroom, Obligation


class VerdictKind(StrEnum):
    """The gate's verdict (never the effect of a rule, never an outcome)."""

    ALLOW = "allow"
    DENY = "deny"
    NEEDS_APPROVAL = "needs_approval"


@dataclass(frozen=True, slots=True)
class Decision:
    """The gate's answer, with its reasons. A yes names its rules, a no its stage, rule and what is allowed."""

    verdict: VerdictKind
    stage: str
    rule: str | None
    detail: str
    request_digest: str
    policy_digest: str
    matched: tuple[str, ...] = ()
    obligations: tuple[Obligation, ...] = ()
    approvals: tuple[ApprovalNeed, ...] = ()
    claims: tuple[Claim, ...] = ()
    headroom: tuple[Headroom, ...] = ()
    expires_ms: int = 0
    permit: Permit | None = None
    retry_ms: int | None = None
    """When (Unix ms of the world) the same could be asked again, where it is time alone that refuses."""
