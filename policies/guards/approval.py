"""Approvals: enough distinct people, with the right role, for this very request and view."""

from collections.abc import Iterable

from policies.claim_keys import APPROVAL
from policies.guards.autonomy import owner_approval
from policies.inputs import DecisionInput, Refusal
from policies.snapshot import Snapshot
from policies.types import LOCAL_GROUP, Approval, ApprovalNeed, Claim, Request


def approval(case: DecisionInput) -> Refusal | None:
    """Collects what is needed and what is there; what is missing is left in `pending`. Never refuses."""
    needs = [*owner_approval(case), *(need for found in case.evaluations for need in found.needs)]
    if not needs:
        return None
    case.needs = tuple(dict.fromkeys(needs))
    used: dict[str, Approval] = {}
    pending: list[ApprovalNeed] = []
    for need in case.needs:
        votes = _votes(need, case)
        if len(votes) < need.count:
            pending.append(need)
        used.update((vote.id, vote) for vote in votes if vote not in case.covered)
    case.pending = tuple(pending)
    for vote in used.values():
        case.claims.append(Claim("once", APPROVAL.of(vote.id)))
        case.expires_ms = min(case.expires_ms, vote.expires_ms)
    return None


def may_vote(
    snapshot: Snapshot, request: Request, role: str, local: bool, by: str, groups: Iterable[str]
) -> bool:
    """Whether the vote of `by` counts for a need of `role`.

    Only people vote. An agent's owner votes where the owner is asked; `local` is the OS user at another prompt; else
    nobody votes for themselves or for an agent of theirs (names are compared without case), and the role must hold
    in the cluster.
    """
    if not by.startswith("human:"):
        return False
    if role.startswith("human:"):
        return by == role
    if local:
        return LOCAL_GROUP in groups
    if by.casefold() in _behind(snapshot, request):
        return False
    cluster = request.target.cluster
    return any(f"role:{role}" in snapshot.roles.roles(name, cluster) for name in (by, *groups))


def _behind(snapshot: Snapshot, request: Request) -> set[str]:
    """Who asks: the human, and the owner of the agent."""
    principal = request.principal
    agent = snapshot.agents.get(principal.agent or "")
    owner = agent.spec.owner if agent is not None else ""
    return {(principal.on_behalf_of or "").casefold(), owner.casefold()}


def _votes(need: ApprovalNeed, case: DecisionInput) -> list[Approval]:
    """At most `count` votes that count for `need`, of as many people; first those that the envelope had."""
    people: dict[str, Approval] = {}
    own = (vote for vote in sorted(case.approvals, key=lambda vote: vote.id) if _binds(vote, need, case))
    for vote in (*case.covered, *own):
        if may_vote(case.snapshot, case.request, need.role, need.local, vote.by, vote.groups):
            people.setdefault(vote.by.casefold(), vote)
    return list(people.values())[: need.count]


def _binds(vote: Approval, need: ApprovalNeed, case: DecisionInput) -> bool:
    """This request, this view, and an expiry that this need could have given."""
    return (
        vote.request_digest == case.request.digest
        and vote.view_digest == case.seen.view_digest
        and case.now_ms < vote.expires_ms <= case.now_ms + need.expires_s * 1000
    )
