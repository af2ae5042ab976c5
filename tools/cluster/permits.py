"""What every writer checks before it sends: is this the gate's permit, for this object, in time, and unused?"""

from policies.permit import Permit
from policies.types import Target
from tools.errors import NeverHappened


class Permits:
    """The permits that one writer has spent; forgotten once they would have expired anyway."""

    def __init__(self) -> None:
        self._spent: dict[str, int] = {}

    def spend(self, permit: Permit, target: Target, now_ms: int, pod: str = "") -> None:
        """Only a live permit of the gate for this object (or for this one of its pods) opens the way, and only
        once. Raises NeverHappened."""
        if not isinstance(permit, Permit) or not permit.genuine:
            raise _refused("what was given is not the gate's permit", "PermitInvalid")
        if permit.target_key != target.key or permit.pod != pod:
            raise _refused("the permit is for another object", "PermitForeign")
        if permit.expires_ms <= now_ms:
            raise _refused("the permit has expired", "PermitExpired")
        if permit.nonce in self._spent:
            raise _refused("the permit was used before", "PermitSpent")
        self._spent = {nonce: until for nonce, until in self._spent.items() if until > now_ms}
        self._spent[permit.nonce] = permit.expires_ms


def _refused(what: str, code: str) -> NeverHappened:
    return NeverHappened(what, where="before sending", hint="decide again for a fresh permit", code=code)
