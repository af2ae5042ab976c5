"""What the governed path shares: log, gate, reader, leases, identity and time. No writer is in it."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from audit.clock import Clock
from audit.drafts import SYSTEM
from audit.log import Log
from audit.record import MAX_TEXT, Actor, Record
from base.text import storable
from policies.claim_keys import POLICY_EPOCH, STOP
from policies.decision import Decision, VerdictKind
from policies.gate import Gate
from policies.source import PolicySource
from policies.types import Claim, Principal, Request
from tools.cluster_types import ClusterIdentity
from tools.errors import ClusterMismatch
from tools.metrics.types import MetricsReader
from tools.path.journal import Journal, actor_of
from tools.path.stop_files import StopFiles
from tools.path.surroundings import Surroundings
from tools.ports import ClusterReader, Leases

PROBLEM = "problem"
"""The label of a policy.changed record that is about files: why they are not in force, or `none` once they are."""


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
    surroundings: Surroundings = field(default_factory=Surroundings)
    journal: Journal = field(init=False)
    _gate: Gate | None = None
    _announced: str = ""
    """The digest of the policy that this process has announced last."""

    def __post_init__(self) -> None:
        self.journal = Journal(self.log)

    def now_ms(self) -> int:
        """The time that policy uses: the world's where the world is simulated."""
        return self.clock.world_ms() or self.clock.wall_ms()

    def nonce(self) -> str:
        """Fresh randomness for one permit."""
        return secrets.token_hex(16)

    async def gate(self) -> Gate:
        """The gate over the policy as its files are now, and as of now. For questions: it moves nothing.

        Files that do not load are recorded once, and again when they load; the last good policy decides meanwhile.
        """
        snapshot, problem = self.policy.current(), self.policy.problem
        said = problem.said if problem is not None else ""
        known = self._gate
        if known is None or known.snapshot.digest != snapshot.digest or known.problem != said:
            if said != (known.problem if known is not None else ""):
                await self.log.commit((self._changed(SYSTEM, snapshot.digest, said or "none"),))
            known = self._gate = Gate(snapshot, said)
        return known.as_of(self.now_ms())

    async def announce(self, gate: Gate, request: Request) -> None:
        """Say in the log that a live action goes by this policy, which moves the epoch on; nothing for a dry run.

        A process that acts by an older policy than the newest announced one loses its claims. Looking and asking
        announce nothing: with another folder of policies they would stop whoever acts beside them.
        """
        digest = gate.snapshot.digest
        if request.mode == "dry_run" or self._announced == digest:
            return
        key, epoch = POLICY_EPOCH.of(self.cluster.name), gate.snapshot.epoch
        if (await self.log.values((key,)))[key] != epoch:
            record = self._changed(actor_of(request.principal), digest)
            await self.log.commit((record,), (Claim("set", key, epoch),))
        self._announced = digest

    def as_announced(self, gate: Gate, values: Mapping[str, int]) -> dict[str, int]:
        """The log's integers as they will be once this policy is announced; as they are where this process has
        announced it before, for then another one has moved the epoch on since."""
        if self._announced == gate.snapshot.digest:
            return dict(values)
        return {**values, POLICY_EPOCH.of(self.cluster.name): gate.snapshot.epoch}

    async def explained(self, no: Decision) -> Decision:
        """A refusal because another policy is in force, with who announced that one; any other as it is."""
        if no.stage != "policy":
            return no
        return replace(no, detail=no.detail + await self._announced_by())

    async def _announced_by(self) -> str:
        """Who announced the policy in force, for behind a sentence; empty where the log does not say."""
        for entry in await self.log.find(kinds=("policy.changed",), newest_first=True, limit=100):
            if PROBLEM not in (entry.record.labels or {}):
                actor = entry.record.actor
                who = f"{actor.id}, {actor.session or 'no session'}"
                return f"; it was announced by {who}: record {entry.seq}"
        return ""

    def _changed(self, actor: Actor, digest: str, problem: str | None = None) -> Record:
        labels = {"policy_sha256": digest}
        if problem is not None:
            labels[PROBLEM] = storable(problem, MAX_TEXT)
        return self.log.draft("policy.changed", actor=actor, labels=labels)

    async def screened(self, gate: Gate, request: Request) -> Decision | None:
        """Identity, kill switch and names, before any read; None where the request may go on."""
        return self.screened_by(gate, request, await self.values(gate.keys(request, self.now_ms())))

    def screened_by(self, gate: Gate, request: Request, values: Mapping[str, int]) -> Decision | None:
        """The same by integers of the log that were read for many requests at once."""
        if (why := self.identity.refuses(request.principal)) is not None:
            return denied(gate, request, "identity", why)
        if request.target.cluster != self.cluster.name:
            return denied(
                gate, request, "cluster", f"this is `{self.cluster.name}`, not `{request.target.cluster}`"
            )
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
    return gate.explained(
        Decision(
            verdict=VerdictKind.DENY,
            stage=stage,
            rule=None,
            detail=detail,
            request_digest=request.digest,
            policy_digest=gate.snapshot.digest,
        )
    )
