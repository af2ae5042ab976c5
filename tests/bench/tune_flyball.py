"""The arm `flyball`: an agent that runs each night by its schedule, alone, with every strategy that fits; every duty
in the world's time.

Everything is the product's own: an installation opened on the world, its policy, its gate and its log. What is leased
its runs lease, and the fast loop moves inside of it.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flyball.service.duties import duties_of
from flyball.service.happened import Happened, Tally
from flyball.service.night import Night
from flyball.settings import load
from flyball.wiring import App, open_app
from sandbox.world import World
from tests.bench.fleet import MAX_PODS, MIN_PODS
from tests.kit.installation import LOCAL, allow, doc, write_policy

_EVERYWHERE: dict[str, Any] = {"clusters": ["sandbox"], "namespaces": ["team*"], "names": ["*"]}
_FLOOR, _TARGET = {"min": MIN_PODS, "max": MAX_PODS}, {"min": 70, "max": 85}
RISK = "0.75%"
"""The accepted share of minutes above the target; fixed on recorded demand, as docs/tuning.md says."""
POLICY = (
    LOCAL,
    doc("Agent", "night", {
        "owner": "local", "roles": ["operator"], "autonomy": "autonomous",
        "schedule": {"cron": "0 3 * * *", "zone": "UTC"}, "scope": _EVERYWHERE, "risk": RISK,
    }),
    allow("reads", ["read"], _EVERYWHERE),
    allow("leases", ["set_envelope", "set_guarded_envelope", "end_envelope"], _EVERYWHERE,
          limits={"minReplicas": _FLOOR, "maxReplicas": _FLOOR, "targetPercent": _TARGET},
          envelope={"longest": "26h", "cooldown": "1m", "moves": "60/h"}, require=[{"verify": "15m"}]),
    allow("floors", ["set_autoscaler_bounds"], _EVERYWHERE,
          limits={"minReplicas": _FLOOR, "maxReplicas": _FLOOR, "targetPercent": _TARGET},
          require=[{"verify": "15m"}]),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Account:
    """What it did: counts of the log; writes of Flyball that arrived at the API and that no allowed intent of the log
    names; verdicts that were due and are not given."""

    happened: Happened
    outside: int
    owed: int


def live(world: World, seconds: int) -> Account:
    """Let the time pass with all duties."""
    folder = world.folder.parent
    flags: Mapping[str, str | None] = {
        "context": "sandbox", "namespace": "team0", "state": str(folder), "base": "no",
        "policies": str(write_policy(folder / "policies", POLICY)), "pinned": str(folder / "pinned"),
    }  # fmt: skip

    async def run() -> Account:
        async with open_app(load(flags)) as app:
            assert app.world is not None
            tally = await Tally.begin(app)
            night = Night(app.world, duties_of(app), app.context.clock)
            await night.run(seconds)
            for turn in night.turns:
                assert not turn.problem, f"{turn.duty.name}: {turn.problem}"
            return Account(await tally.count(), await _outside(app), await _owed(app))

    return asyncio.run(run())


async def _outside(app: App) -> int:
    """Writes that changed something and that no intent under an allow of the gate accounts for."""
    assert app.world is not None
    allowed = {
        entry.record.request_digest
        for entry in await app.log.find(kinds=("policy.decision",))
        if entry.record.decision is not None and entry.record.decision.verdict == "allow"
    }
    intents = {
        entry.record.id
        for entry in await app.log.find(kinds=("action.intent",))
        if entry.record.request_digest in allowed
    }
    return sum(one.changed and one.audit_id.partition(".")[0] not in intents for one in app.world.arrivals())


async def _owed(app: App) -> int:
    now = app.context.now_ms()
    return sum(one.due_ms <= now for one in await app.verifier.awaited())
