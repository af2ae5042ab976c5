"""What holds for a vote on a question and on a plan alike: whose counts, and what a no ends."""

from policies.claim_keys import ATTEMPT, DENIED
from policies.types import Claim, Principal, Request
from tools.errors import ToolError
from tools.path.context import Context


class VoteRefused(ToolError):
    """This person's vote would not count."""

    effect = "refused"


def by_person(context: Context, handle: str, voter: Principal) -> None:
    """Raises VoteRefused where the voter is no person, or this process does not speak for them."""
    if voter.agent is not None or voter.on_behalf_of is None:
        raise VoteRefused("only a person votes", where=handle)
    if (why := context.identity.refuses(voter)) is not None:
        raise VoteRefused(why, where=handle)


async def can_go_on(context: Context, handle: str, request: Request) -> None:
    """Nothing is voted that this process could not carry out: a yes that is spent here would be lost.

    Raises VoteRefused for a request to another cluster, and while the kill switch is on; both leave it waiting.
    """
    cluster = request.target.cluster
    if cluster != context.cluster.name:
        what = f"it is for the cluster `{cluster}`, and this is `{context.cluster.name}`; it goes on waiting"
        raise VoteRefused(what, where=handle, hint=f"flyball approve {handle} --context {cluster}")
    no = await context.screened(await context.gate(), request)
    if no is not None and no.stage == "kill_switch":
        raise VoteRefused(
            f"{no.detail}; it goes on waiting", where=handle, hint="flyball status says how to resume"
        )


def withdraws(request: Request, voter: Principal) -> bool:
    """Whether a person's no is to what was asked by them, or for them: that takes nobody's leave."""
    return voter.on_behalf_of == request.principal.on_behalf_of


def ends(request: Request, attempts: int) -> tuple[Claim, Claim]:
    """A no ends a request of which the next try has not begun; then none can begin."""
    begun = Claim("equals", ATTEMPT.of(f"{request.id}/{attempts + 1}"), 0)
    return begun, Claim("set", DENIED.of(request.id), 1)
