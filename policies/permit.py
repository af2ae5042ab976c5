"""The permit: the right to one write on one object, sealed by this process, so that only the gate's own count."""

import hashlib
import hmac
import secrets
from dataclasses import dataclass, field

from policies.types import Mode, Observation, Request, Situation

_SEAL = secrets.token_bytes(32)
"""This process's own: a permit means nothing in another one."""


@dataclass(frozen=True, slots=True)
class Permit:
    """The right to one write on one object, in memory only. Only the gate mints it; the writer refuses
    anything else. The seal covers every field, so that no field of a minted one can be replaced."""

    request_digest: str
    view_digest: str
    target_key: str
    mode: Mode
    nonce: str
    expires_ms: int
    pod: str = ""
    """The one pod of the target that it lets be written; empty: the target itself, and no pod."""
    _seal: bytes = field(repr=False, compare=False, default=b"")

    def __post_init__(self) -> None:
        if not self.genuine:
            raise TypeError("a permit is minted by the gate only")

    @property
    def genuine(self) -> bool:
        """Whether this process's gate minted it with exactly these fields; writers look again."""
        return hmac.compare_digest(self._seal, _seal_of(*self._fields()))

    def rehearsal(self) -> "Permit":
        """The same permit narrowed to a dry run: what the obligation `dryRun` sends first."""
        request, view, target, _, nonce, expires_ms, pod = self._fields()
        return _sealed((request, view, target, "dry_run", f"{nonce}/rehearsal", expires_ms, pod))

    def part(self, pod: str, number: int = 0) -> "Permit":
        """The same permit narrowed to one pod of the target; `number` counts the tries after a conflict."""
        request, view, target, mode, nonce, expires_ms, _ = self._fields()
        return _sealed((request, view, target, mode, f"{nonce}/{pod}/{number}", expires_ms, pod))

    def _fields(self) -> "_PermitFields":
        return (
            self.request_digest,
            self.view_digest,
            self.target_key,
            self.mode,
            self.nonce,
            self.expires_ms,
            self.pod,
        )


_PermitFields = tuple[str, str, str, Mode, str, int, str]


def _seal_of(*fields: str | int) -> bytes:
    # Keyed BLAKE2 is a MAC (RFC 7693) at a quarter of HMAC-SHA-256's cost; every decision makes two.
    return hashlib.blake2b(repr(fields).encode(), key=_SEAL, digest_size=32).digest()


def _sealed(fields: _PermitFields) -> Permit:
    return Permit(*fields, _seal_of(*fields))


def mint_permit(request: Request, seen: Observation, situation: Situation, expires_ms: int) -> Permit:
    """For the gate, nobody else (an import contract holds that)."""
    target, mode = request.target.key, request.mode
    return _sealed((request.digest, seen.view_digest, target, mode, situation.nonce, expires_ms, ""))
