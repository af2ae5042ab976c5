"""A claim that was lost, in words: what changed between decision and commit."""

from audit.claims import Claim
from audit.record import Record
from policies.claim_keys import (
    APPROVAL,
    ATTEMPT,
    BUSY,
    CHANGED,
    CLOCK,
    DENIED,
    ENDED,
    ENVELOPE,
    EVENT,
    FENCE,
    NONCE,
    POLICY_EPOCH,
    RADIUS,
    SPENT,
    STOP,
    TAINT,
)
from policies.decision import Decision, VerdictKind
from policies.types import Observation, Request
from tools.path.journal import Journal

_MEANING = (
    (STOP, "kill_switch", "the kill switch was switched on meanwhile; `flyball resume` lifts it"),
    (POLICY_EPOCH, "policy", "another process works by a newer policy; start again to load it"),
    (CLOCK, "clock", "the clock went back behind what the log has seen; set it right"),
    (NONCE, "permit", "the permit was used already"),
    (
        SPENT,
        "budget",
        "others have spent the rest of the budget meanwhile; ask again",
    ),
    (RADIUS, "blast_radius", "others have changed as many workloads as may be changed meanwhile"),
    (CHANGED, "cooldown", "another writer changed this workload a moment ago"),
    (TAINT, "taint", "the session has read untrusted text meanwhile; ask again"),
    (APPROVAL, "approval", "the approval was used already"),
    (ATTEMPT, "request", "another process carries out this very request"),
    (DENIED, "approval", "a person denied it"),
    (EVENT, "event", "somebody else has declared or ended it meanwhile"),
    (ENVELOPE, "envelope", "the envelope was ended, or another one has taken its place, meanwhile"),
    (ENDED, "lease", "another process has found out how the earlier try ended"),
    (FENCE, "lease", "another process took over this workload's lease"),
    (BUSY, "in-doubt", "an earlier action on this workload is in doubt; see `flyball audit in-doubt`"),
)


def lost_decision(request: Request, policy_digest: str, claim: Claim) -> Decision:
    """The refusal that a lost claim amounts to."""
    known = ((stage, detail) for family, stage, detail in _MEANING if family.has(claim.key))
    stage, detail = next(known, ("claim", f"`{claim.key}` no longer holds"))
    return Decision(VerdictKind.DENY, stage, None, detail, request.digest, policy_digest)


def lost_record(
    journal: Journal, request: Request, seen: Observation, policy_digest: str, claim: Claim
) -> Record:
    """The record of that refusal."""
    return journal.decision(request, lost_decision(request, policy_digest, claim), seen, None)
