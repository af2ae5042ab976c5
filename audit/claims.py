"""Claims: what must still be true, or is spent, in the transaction that makes a record durable.

To this package a claim is a key and integers; what they mean is the caller's business. A commit applies its
claims in order; the first that does not hold rolls the whole submission back to its savepoint.
"""

from typing import Literal, Protocol

ClaimKind = Literal["once", "equals", "raise", "min_gap", "set", "add_within"]


class Claim(Protocol):
    """One condition and effect on the stored integer at `key` (0 where nothing is stored).

    - once:    stored == 0, then stored := 1 (single use: request, nonce, approval, busy workload)
    - equals:  stored == value, unchanged (an epoch that must not have moved)
    - raise:   stored <= value, then stored := value (high-water mark of a fencing token)
    - min_gap: stored + gap <= value, then stored := value (cooldown; value and gap in milliseconds)
    - set:     always, stored := value (giving back, or the effect of a record such as `stop`)
    - add_within: stored + value <= gap, then stored := stored + value (a budget; `value` below 0 gives back)
    """

    @property
    def kind(self) -> ClaimKind: ...
    @property
    def key(self) -> str: ...
    @property
    def value(self) -> int: ...
    @property
    def gap(self) -> int: ...


def settle(claim: Claim, stored: int) -> int | None:
    """What stands at the claim's key once it is taken; None where it is lost against `stored`."""
    match claim.kind:
        case "once":
            return 1 if stored == 0 else None
        case "equals":
            return stored if stored == claim.value else None
        case "raise":
            return claim.value if stored <= claim.value else None
        case "min_gap":
            return claim.value if stored + claim.gap <= claim.value else None
        case "set":
            return claim.value
        case "add_within":
            return stored + claim.value if stored + claim.value <= claim.gap else None


def as_json(claim: Claim) -> dict[str, str | int]:
    """How a taken claim stands in the record; `gap` only where it has a meaning."""
    fields: dict[str, str | int] = {"kind": claim.kind, "key": claim.key, "value": claim.value}
    return fields | {"gap": claim.gap} if claim.kind in ("min_gap", "add_within") else fields
