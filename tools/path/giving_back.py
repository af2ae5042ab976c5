"""What a change that is known never to have happened gives back of what guards had counted for it."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from policies.claim_keys import COUNTED, MAX_STORED, MOVED, SPENT
from policies.types import Claim
from policies.windows import is_part


def uncounted(claims: Iterable[Claim], before: Mapping[str, int]) -> Iterator[Claim]:
    """For its own process, under the lease: amounts are taken away again, and instants are as `before`."""
    for claim in claims:
        if is_part(claim.key):
            yield _taken_away(claim.key, claim.value)
        elif MOVED.has(claim.key) or COUNTED.has(claim.key):
            yield Claim("set", claim.key, before[claim.key])


def unspent(told: Iterable[Mapping[str, Any]]) -> Iterator[Claim]:
    """For who finds out later how it ended, from the claims that the intent's record tells: its budgets only. Later
    changes may have built on the rest meanwhile, which so stays counted, on the safer side."""
    for claim in told:
        if SPENT.has(claim["key"]) and is_part(claim["key"]):
            yield _taken_away(claim["key"], claim["value"])


def _taken_away(key: str, amount: int) -> Claim:
    return Claim("add_within", key, -amount, MAX_STORED)
