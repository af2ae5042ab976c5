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


def ends(request: Request, attempts: int) -> tuple[Claim, Claim]:
    """A no ends a request of which the next try has not begun; then none can begin."""
    begun = Claim("equals", ATTEMPT.of(f"{request.id}/{attempts + 1}"), 0)
    return begun, Claim("set", DENIED.of(request.id), 1)
