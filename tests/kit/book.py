"""A log's integers in memory: decisions made one after another, each with the claims of those before it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any

from audit.claims import settle
from policies.decision import Decision
from policies.gate import Gate
from policies.snapshot import Snapshot
from policies.types import Claim, Observation, Request, Situation
from tests.kit.policies import NOW, ask, seen

MINUTE = 60_000
HOUR = 60 * MINUTE


@dataclass
class Book:
    """`at` is minutes after NOW. What is allowed is carried out, unless told otherwise."""

    snapshot: Snapshot
    stored: dict[str, int] = field(default_factory=dict)
    _numbers: Any = field(default_factory=count)

    def look(self, request: Request, at: float) -> dict[str, int]:
        """The integers that the gate wants, as they are."""
        gate = Gate(self.snapshot)
        epoch = {f"policy/epoch/{request.target.cluster}": gate.snapshot.epoch}
        now = NOW + round(at * MINUTE)
        return dict.fromkeys(gate.keys(request, now), 0) | self.stored | epoch

    def decide(
        self,
        request: Request,
        at: float,
        observed: Observation | None = None,
        values: Mapping[str, int] | None = None,
        **more: Any,
    ) -> Decision:
        """What the gate says; nothing is stored."""
        now, number = NOW + round(at * MINUTE), next(self._numbers)
        found = self.look(request, at) if values is None else values
        # one number for each decision: the ids of attempts and permits are spent
        situation = Situation(now, found, ("lease", number), f"nonce-{number}", attempt=number, **more)
        now_seen = observed or seen(request)
        return Gate(self.snapshot).decide(request, _at(now_seen, now), (), situation)

    def act(
        self, request: Request | None = None, at: float = 0, observed: Observation | None = None, **more: Any
    ) -> Decision:
        """Decides, and takes the claims where it is allowed."""
        decision = self.decide(request or ask(), at, observed, **more)
        if decision.verdict == "allow":
            assert self.take(decision.claims)
        return decision

    def take(self, claims: Sequence[Claim]) -> bool:
        """All of the claims, or none; False where one is lost. The path's own are left out."""
        after = dict(self.stored)
        for claim in claims:
            value = settle(claim, after.get(claim.key, 0))
            if value is None and not claim.key.startswith("policy/"):
                return False
            after[claim.key] = claim.value if value is None else value
        self.stored = after
        return True


def _at(observed: Observation, now: int) -> Observation:
    return replace(observed, at_ms=now)
