"""A claim that was lost, said in words: which part of the world moved between decision and commit."""

from audit.claims import Claim
from audit.record import Record
from policies.types import Decision, Observation, Request, VerdictKind
from tools.path.journal import Journal

_MEANING = (
    ("stop/", "kill_switch", "the kill switch was thrown meanwhile; `flyball resume` lifts it"),
    ("policy/epoch/", "policy", "another process works by a newer policy; start again to load it"),
    ("clock/", "clock", "the clock went back behind what the log has seen; set it right"),
    ("nonce/", "permit", "the permit was used already"),
    ("changed/", "cooldown", "somebody else changed this workload a moment ago"),
    ("taint/", "taint", "the session has read untrusted text meanwhile; ask again"),
    ("approval/", "approval", "the approval was used already"),
    ("attempt/", "request", "another process carries out this very request"),
    ("denied/", "approval", "a person denied it"),
    ("ended/", "lease", "another process has found out how the earlier try ended"),
    ("fence/", "lease", "another process took over this workload's lease"),
    ("busy/", "in-doubt", "an earlier action on this workload is in doubt; see `flyball audit in-doubt`"),
)


def lost_decision(request: Request, policy_digest: str, claim: Claim) -> Decision:
    """The refusal that a lost claim amounts to."""
    known = ((stage, detail) for prefix, stage, detail in _MEANING if claim.key.startswith(prefix))
    stage, detail = next(known, ("claim", f"`{claim.key}` no longer holds"))
    return Decision(VerdictKind.DENY, stage, None, detail, request.digest, policy_digest)


def lost_record(
    journal: Journal, request: Request, seen: Observation, policy_digest: str, claim: Claim
) -> Record:
    """The record of that refusal."""
    return journal.decision(request, lost_decision(request, policy_digest, claim), seen, None)
