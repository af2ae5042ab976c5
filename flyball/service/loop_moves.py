"""What the fast loop asks for: ordinary requests under an envelope, so many a second, none again and again."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from agents.request_id import of_step
from agents.tuner.loop import Stands, Step
from agents.tuner.skipped import scaled_by_hpa
from policies.claim_keys import CHANGED
from policies.decision import Decision
from policies.envelopes import terms_of
from policies.guards.autonomy import keys as level_keys
from policies.lapsed import lapsed
from policies.snapshot import Terms
from policies.types import Leased, Principal, Request
from tools.actions import registry
from tools.arguments import Args, AutoscalerBoundsArgs, ScaleArgs
from tools.cluster_types import Workload
from tools.errors import NotFound, ToolError
from tools.path.outcome import Applied, Failed, Pending, Refused, Result, Unknown
from tools.path.requests import build
from tools.path.standing_envelopes import Standing

if TYPE_CHECKING:
    from flyball.wiring import App

A_SECOND = 20
"""The most writes a second on one cluster."""
LATER_MS = 600_000
"""What was refused, failed or waits for a person is not asked for again so soon, where nobody says when."""
BOUNDS_MS = 600_000
"""How long an HPA's bounds are taken to be what they were when they were read."""
STRATEGY = "envelope"


@dataclass(frozen=True, slots=True)
class Moved:
    """How a move ended, as a code, and its record."""

    code: str
    record: int | None = None


@dataclass(frozen=True, slots=True)
class Bounds:
    """What the loop moves, as it is now, and the most pods that it can be."""

    now: Stands
    most: int = 100_000


class LoopMoves:
    """Lives as long as its duty."""

    def __init__(self, app: "App") -> None:
        self._app = app
        self._later: dict[tuple[str, bool], tuple[int, int]] = {}
        """When a workload was asked for, its HPA's own target apart, and from when on again: with a clock set back
        before the first, at once."""
        self._bounds: dict[str, tuple[Bounds, int]] = {}
        self._sent_us: list[int] = []

    async def bounds(self, workload: Workload) -> Bounds:
        """Where it stands: its replicas, or where an HPA keeps those, the HPA's floor, which goes no higher than its
        maximum. Raises ToolError."""
        if not scaled_by_hpa(workload):
            return Bounds(Stands(workload.replicas))
        key, now_ms = workload.target.key, self._app.context.now_ms()
        known, at_ms = self._bounds.get(key, (Bounds(Stands(0)), 0))
        if not 0 <= now_ms - at_ms < BOUNDS_MS:
            autoscaler = await self._app.context.reader.autoscaler(workload.target)
            if autoscaler is None:
                raise NotFound("its autoscaler is not there any more", where=str(workload.target))
            known = Bounds(Stands(autoscaler.minimum, autoscaler.target_percent), autoscaler.maximum)
            self._bounds[key] = known, now_ms
        return known

    async def to(self, standing: Standing, workload: Workload, now: Stands, step: Step, run_id: str) -> Moved:
        """Ask for it, unless it was refused lately. What keeps one workload from moving does not end the pass."""
        key, now_ms = workload.target.key, self._app.context.now_ms()
        if self._waits(key, step, now, now_ms):
            step = step.aiming_back(now, "waits-to-ask-again")
            if not step.moves or self._waits(key, step, now, now_ms):
                return Moved("waits-to-ask-again")
        await self._paced()
        about = key, step.only_aims_back(now)
        try:
            result = await self._app.executor.execute(self._request(standing, workload, now, step, run_id))
        except ToolError:
            self._later[about] = now_ms, now_ms + LATER_MS
            return Moved("unavailable")
        self._bounds.pop(key, None)
        if (until := _again_ms(result, now_ms)) is not None:
            self._later[about] = now_ms, until
        return _told(result, step)

    def _waits(self, key: str, step: Step, now: Stands, now_ms: int) -> bool:
        asked_ms, until_ms = self._later.get((key, step.only_aims_back(now)), (0, 0))
        return asked_ms <= now_ms < until_ms

    def _request(
        self, standing: Standing, workload: Workload, now: Stands, step: Step, run_id: str
    ) -> Request:
        tool, args = _args(workload, now, step)
        return build(
            tool,
            args,
            id=of_step(run_id, tool, workload.target),
            principal=self._principal(standing),
            cluster=workload.target.cluster,
            namespace=workload.target.namespace or "",
            mode="live",
            reason=f"fast loop: {step.why}, inside the envelope of record {standing.intent.seq}",
            run_id=run_id,
            strategy=STRATEGY,
            under=standing.intent.record.id,
        )

    async def terms(self, standing: Standing, workload: Workload, left: Leased) -> Terms | None:
        """What policy says now of moves inside of this range; None where nothing may move in it any more."""
        context = self._app.context
        snapshot, now_ms = (await context.gate()).snapshot, context.now_ms()
        request = self._request(standing, workload, Stands(0), Step(1, "asks"), "asks")
        asked = (snapshot, request, workload.labels, left, now_ms)
        return (
            None
            if lapsed(*asked, await context.values(level_keys(standing.args.agent)))
            else terms_of(*asked)
        )

    async def rests(self, workload: Workload, terms: Terms) -> bool:
        """Whether it was changed too lately: asked first, so that it is no refusal a minute."""
        changed = CHANGED.of(workload.target.key)
        last = (await self._app.log.values((changed,)))[changed]
        return bool(last) and self._app.context.now_ms() - last < terms.cooldown_ms

    def _principal(self, standing: Standing) -> Principal:
        """The agent for the person for whom the range was leased; the gate asks for the rights of both."""
        app, agent = self._app, standing.args.agent
        scope, session = app.scope(standing.target.namespace), f"loop-{agent.removeprefix('agent:')}"
        if standing.human == app.identity.human:
            return app.identity.agent(agent, scope, session)
        return app.identity.scheduled(agent, standing.human, scope, session)

    async def _paced(self) -> None:
        """Wait where so many were sent within the last second."""
        clock = self._app.context.clock
        now = clock.mono_us()
        self._sent_us = [at for at in self._sent_us if now - at < 1_000_000]
        if len(self._sent_us) >= A_SECOND:
            await clock.sleep((self._sent_us[0] + 1_000_000 - now) / 1_000_000)
        self._sent_us.append(clock.mono_us())


def _args(workload: Workload, now: Stands, step: Step) -> tuple[str, Args]:
    """One write, whatever moves; bound to what stands there now."""
    name = str(workload.target)
    if not scaled_by_hpa(workload):
        return "scale", ScaleArgs(workload=name, replicas=step.to or 0, current_replicas=now.pods)
    wanted: dict[str, object] = {"workload": name}
    if step.to is not None:
        wanted |= {"min_replicas": step.to, "current_min_replicas": now.pods}
    if step.aim is not None:
        wanted |= {"target_percent": step.aim, "current_target_percent": now.aim}
    return "set_autoscaler_bounds", registry.parse(AutoscalerBoundsArgs, wanted)


def _again_ms(result: Result, now_ms: int) -> int | None:
    """From when on the same may be asked for again; None: at once."""
    match result:
        case Refused(decision=Decision(retry_ms=int(retry_ms))):
            return retry_ms
        case Refused(stage="cooldown"):
            return None
        case Pending():
            return result.expires_ms
        case Refused() | Failed() | Unknown():
            return now_ms + LATER_MS
    return None


def _told(result: Result, step: Step) -> Moved:
    match result:
        case Applied():
            return Moved(step.why, result.record)
        case Refused():
            return Moved(f"denied-{result.stage}".replace("_", "-"), result.record)
        case Pending():
            return Moved("waits-for-approval", result.record)
        case Unknown():
            return Moved("in-doubt", result.record)
        case _:
            return Moved("failed", result.record)
