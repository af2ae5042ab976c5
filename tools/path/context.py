"""What the governed path shares: log, gate, reader, leases, identity and time. No writer is in it."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from audit.clock import Clock
from audit.log import Log
from audit.record import Actor
from policies.claim_keys import POLICY_EPOCH, STOP, first_bits
from policies.decision import Decision, VerdictKind
from policies.gate import Gate
from policies.source import PolicySource
from policies.types import Claim, Principal, Request
from tools.cluster_types import ClusterIdentity
from tools.errors import ClusterMismatch
from tools.metrics.types import MetricsReader
from tools.path.journal import Journal
from tools.path.stop_files import StopFiles
from tools.ports import ClusterReader, Leases


class Identity(Protocol):
    """Who may act for whom on this transport."""

    def refuses(self, principal: Principal) -> str | None:
        """Why this principal is not who it says it is; None where it is."""


@dataclass
class Context:
    """One opened installation, as every governed path of it sees it."""

    log: Log
    policy: PolicySource
    cluster: ClusterIdentity
    reader: ClusterReader
    leases: Leases
    identity: Identity
    clock: Clock
    stop_files: StopFiles
    """Looked at before each write: a stop must not depend on the log alone."""
    metrics: MetricsReader | None = None
    journal: Journal = field(init=False)
    _gate: Gate | None = None

    def __post_init__(self) -> None:
        self.journal = Journal(self.log)

    def now_ms(self) -> int:
        """The time that policy uses: the world's where the world is simulated."""
        return self.clock.world_ms() or self.clock.wall_ms()

    def nonce(self) -> str:
        """Fresh randomness for one permit."""
        return secrets.token_hex(16)

    async def gate(self) -> Gate:
        """The gate over the policy as its files are now, and as of now; a change is recorded and moves the epoch on.

        A process that judges by an older policy than the newest recorded one loses its claims.
        """
        snapshot = self.policy.current()
        if self._gate is None or self._gate.snapshot.digest != snapshot.digest:
            await self._announce(snapshot.digest)
            self._gate = Gate(snapshot)
        return self._gate.as_of(self.now_ms())

    async def _announce(self, digest: str) -> None:
        key, epoch = POLICY_EPOCH.of(self.cluster.name), first_bits(digest)
        if (await self.log.values((key,)))[key] == epoch:
            return
        record = self.log.draft(
            "policy.changed", actor=Actor(type="system", id="flyball"), labels={"policy_sha256": digest}
        )
        await self.log.commit((record,), (Claim("set", key, epoch),))

    async def screened(self, gate: Gate, request: Request) -> Decision | None:
        """Identity, kill switch and names, before any read; None where the request may go on."""
        if (why := self.identity.refuses(request.principal)) is not None:
            return denied(gate, request, "identity", why)
        if request.target.cluster != self.cluster.name:
            return denied(
                gate, request, "cluster", f"this is `{self.cluster.name}`, not `{request.target.cluster}`"
            )
        values = await self.values(gate.keys(request))
        decision = gate.screen(request, now_ms=self.now_ms(), values=values)
        return decision if decision.verdict is VerdictKind.DENY else None

    async def values(self, keys: Sequence[str]) -> dict[str, int]:
        """The log's integers as they count: the switch of a scope that a stop file stops is on."""
        found = await self.log.values(keys)
        for key in keys:
            if STOP.has(key) and self.stop_files.stops(STOP.name_in(key)):
                found[key] |= 1
        return found

    async def pinned(self) -> ClusterIdentity:
        """The cluster, still the one it was when this was opened. Raises ClusterMismatch, ClusterUnavailable."""
        now = await self.reader.identity()
        if now.uid != self.cluster.uid:
            raise ClusterMismatch(
                f"`{self.cluster.name}` is another cluster than before",
                where=now.server,
                hint="open it again",
            )
        return now


def denied(gate: Gate, request: Request, stage: str, detail: str) -> Decision:
    """A refusal of the path itself, beside the gate's own."""
    return Decision(
        verdict=VerdictKind.DENY,
        stage=stage,
        rule=None,
        detail=detail,
        request_digest=request.digest,
        policy_digest=gate.snapshot.digest,
    )
