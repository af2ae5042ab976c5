"""The fast loop: each minute it moves the workloads whose range is leased, inside of that range.

One list, one question for all CPU, one record a pass; only what moves is read, gated and written. It decides nothing
that the gate does not judge again: each move is an ordinary request under its envelope. What is over is put back,
also by the first pass after a death. Arithmetic only, no model.
"""

from collections.abc import Mapping, Sequence, Set
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from agents.tuner.loop import Step
from base.errors import FlyballError
from base.instants import utc_ms
from base.interrupts import interrupted
from flyball.service.loop_forecasts import MINUTE_MS, LoopForecasts
from flyball.service.loop_moves import Bounds, LoopMoves
from flyball.service.loop_seats import UNKNOWN, Alerts, Seat
from policies.claim_keys import STOP
from policies.guards.kill_switch import keys_of
from policies.types import Target
from tools.cluster_types import Workload
from tools.errors import NeverHappened, NotFound, ToolError
from tools.events.live import live_events
from tools.metrics.types import Metric, Number
from tools.path.leased import room
from tools.path.loop_records import Looked, passed
from tools.path.standing_envelopes import Envelopes, Standing
from tools.path.tuning_pause import paused

if TYPE_CHECKING:
    from flyball.wiring import App


class LoopDuty:
    """Once a minute, at its beginning. Nothing is read or recorded while no range is leased."""

    name = "loop"

    def __init__(self, app: "App") -> None:
        self._app, self._next_ms = app, 0
        self._envelopes = Envelopes(app.context)
        self._forecasts = LoopForecasts(app.context.metrics)
        self._moves = LoopMoves(app)

    def due_ms(self, now_ms: int) -> int:  # noqa: ARG002
        return self._next_ms

    async def run(self, now_ms: int) -> None:
        """One pass. Raises ClusterUnavailable where the workloads cannot be listed, LogUnavailable."""
        self._next_ms = (now_ms // MINUTE_MS + 1) * MINUTE_MS
        standing = await self._envelopes.standing()
        if not standing:
            return
        run_id = f"loop-{now_ms // MINUTE_MS}"
        seats, looked = await self._seats(standing, now_ms)
        targets = [seat.target for seat in seats if seat.room]
        cpu = await self._cpu(targets, now_ms)
        wanted = await self._wanted(seats, cpu, now_ms)
        halted = await self._halted({seat.agent for seat in seats})
        alerts = Alerts(self._app.context.metrics, targets, now_ms)
        for seat in seats:
            if interrupted():  # what has begun has ended; the next one does not begin
                break
            used = cpu.get(seat.target, UNKNOWN)
            looked.append(await self._look(seat, run_id, wanted.get(seat.target), used, halted, alerts))
        await passed(self._app.log, run_id, looked)

    async def rest(self, now_ms: int) -> None:
        """Give every HPA its own CPU target again: nobody forecasts any more. Floors stay: an HPA goes on from them.
        Raises what `run` raises."""
        looked, run_id = list[Looked](), f"rest-{now_ms}"
        for seat in (await self._seats(await self._envelopes.standing(), now_ms))[0]:
            leased = seat.room is not None and seat.room.guard is not None
            if leased and not await self._halted({seat.agent}):
                looked.append(await self._rested(seat, run_id))
        if looked:
            await passed(self._app.log, run_id, looked)

    async def _rested(self, seat: Seat, run_id: str) -> Looked:
        try:
            bounds = await self._moves.bounds(seat.workload)
        except ToolError:
            return Looked(seat.target.key, "unreadable")
        step = seat.back(bounds, "service-stops")
        if not step.moves:
            return Looked(seat.target.key, step.why, bounds.now.pods)
        moved = await self._moves.to(seat.standing, seat.workload, bounds.now, step, run_id)
        return Looked(seat.target.key, moved.code, bounds.now.pods, record=moved.record)

    async def _seats(self, standing: Sequence[Standing], now_ms: int) -> tuple[list[Seat], list[Looked]]:
        """The envelopes whose object is still the one that they are of, and a line for each other."""
        there, closed = await self._there({one.target.namespace for one in standing})
        seats, gone = list[Seat](), list[Looked]()
        for one in standing:
            if one.target.namespace in closed:
                gone.append(Looked(one.target.key, "unreadable"))
                continue
            workload = there.get(one.target.key)
            if workload is None or workload.uid != one.uid:
                gone.append(Looked(one.target.key, await self._gone(one, workload)))
                continue
            left = None if one.over(now_ms) else room(one.args, workload)
            seats.append(Seat(one, workload, left if left and now_ms < utc_ms(left.until) else None))
        return seats, gone

    async def _there(self, namespaces: Set[str | None]) -> tuple[dict[str, Workload], set[str | None]]:
        """The workloads of these namespaces by their keys, by one list where the cluster allows that; and which of
        the namespaces may not be listed. Raises where that is all of them, and ClusterUnavailable."""
        reader = self._app.context.reader
        if len(namespaces) > 1:
            with suppress(NeverHappened):
                return _by_key(await reader.list_workloads(None)), set()
        found, closed = dict[str, Workload](), set[str | None]()
        for name in sorted(namespaces, key=str):
            try:
                found |= _by_key(await reader.list_workloads(name))
            except NeverHappened:
                closed.add(name)
                if closed == namespaces:
                    raise
        return found, closed

    async def _gone(self, one: Standing, another: Workload | None) -> str:
        """Why the lease has no object any more; it is closed then. What the list leaves out is looked for once."""
        if another is None:
            try:
                await self._app.context.reader.read(one.target)
            except NotFound:
                await self._envelopes.close(one, "its workload is gone: there is no floor to put back")
                return "gone"
            except ToolError:
                pass
            return "unreadable"
        await self._envelopes.close(one, "its workload was made anew: the lease was of the one before")
        return "made-anew"

    async def _cpu(self, targets: Sequence[Target], now_ms: int) -> Mapping[Target, Number]:
        """Empty where the source cannot be asked: then nothing moves."""
        metrics = self._app.context.metrics
        if metrics is None or not targets:
            return {}
        try:
            return await metrics.fleet_latest(Metric.CPU_USAGE, targets, now_ms)
        except FlyballError:
            return {}

    async def _wanted(
        self, seats: Sequence[Seat], cpu: Mapping[Target, Number], now_ms: int
    ) -> Mapping[Target, int]:
        """The pods that each of those in force should have in the next minute."""
        context = self._app.context
        agents = (await context.gate()).snapshot.agents
        events = await live_events(context.log, context.cluster.name, now_ms)
        heard = [
            seat.heard(cpu.get(seat.target, UNKNOWN), agents, events, now_ms) for seat in seats if seat.room
        ]
        return await self._forecasts.wanted(heard, now_ms)

    async def _halted(self, agents: set[str]) -> Mapping[str, str]:
        """Which of them do not move now, and why: asked first, so that a stop is no refusal a minute."""
        context, found = self._app.context, dict[str, str]()
        for agent in sorted(agents):
            values = await context.values(keys_of(agent, context.cluster.name))
            if any(value & 1 for key, value in values.items() if STOP.has(key)):
                found[agent] = "stopped"
            elif await paused(context, agent) is not None:
                found[agent] = "paused"
        return found

    async def _look(
        self,
        seat: Seat,
        run_id: str,
        wanted: int | None,
        cpu: Number,
        halted: Mapping[str, str],
        alerts: Alerts,
    ) -> Looked:
        key, why = seat.target.key, halted.get(seat.agent, "")
        if why == "stopped":
            return Looked(key, why, cpu=cpu.v)
        try:
            bounds = await self._moves.bounds(seat.workload)
        except ToolError:
            return Looked(key, "unreadable", wanted=wanted, cpu=cpu.v)
        step = await self._step(seat, bounds, wanted, cpu, alerts, paused=why == "paused")
        now = bounds.now.pods
        if not step.moves:
            return Looked(key, step.why, now, wanted, cpu.v)
        moved = await self._moves.to(seat.standing, seat.workload, bounds.now, step, run_id)
        return Looked(key, moved.code, now, wanted, cpu.v, moved.record)

    async def _step(
        self, seat: Seat, bounds: Bounds, wanted: int | None, cpu: Number, alerts: Alerts, *, paused: bool
    ) -> Step:
        """By the arithmetic, by alerts, and by policy's terms."""
        terms = None
        if seat.room is not None:
            terms = await self._moves.terms(seat.standing, seat.workload, seat.leased)
            seat = seat if terms is not None else replace(seat, room=None)
        step = seat.step(bounds, terms, wanted, cpu, paused=paused)
        if seat.minds_alerts(step, bounds) and not await alerts.quiet(seat.target):
            step = seat.calmed(step, bounds)
        if not step.moves or terms is None or step.only_aims_back(bounds.now):
            return step
        rests = await self._moves.rests(seat.workload, terms)
        return step.aiming_back(bounds.now, "cooldown") if rests else step


def _by_key(workloads: Sequence[Workload]) -> dict[str, Workload]:
    return {workload.target.key: workload for workload in workloads}
