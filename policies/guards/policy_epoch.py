"""The policy that decides must be the one that the log knows to be in force."""

from policies.claim_keys import POLICY_EPOCH
from policies.inputs import DecisionInput, Refusal
from policies.types import Claim


def policy_epoch(case: DecisionInput) -> Refusal | None:
    """A reload elsewhere moves the epoch on: then neither this decision nor its permit may be used.

    A dry-run has no effect: it is a question to the policy that this process has read, and moves nothing either.
    """
    if case.request.mode == "dry_run":
        return None
    name = POLICY_EPOCH.of(case.request.target.cluster)
    if case.values[name] != case.snapshot.epoch:
        return Refusal("policy", None, "the policy in force is another one than this process has read")
    case.claims.append(Claim("equals", name, case.snapshot.epoch))
    return None
