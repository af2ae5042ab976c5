"""The fast loop: each minute it moves the workloads whose range is leased, inside of that range.

One list, one question for all CPU, one record a pass; only what moves is read, gated and written. It decides nothing
that the gate does not judge again: each move is an ordinary request under its envelope. What is over is put back,
also by the first pass after a death. Arithmetic only, no model.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from agents.tuner.loop import Range, Step, put_back, resting, step
from base.errors import FlyballError
from base.interrupts import interrupted
from flyball.service.loop_forecasts import MINUTE_MS, Heard, LoopForecasts
from flyball.service.loop_moves import Bounds, LoopMoves
from policies.claim_keys import STOP
from policies.guards.kill_switch import keys_of
from policies.kinds import Agent
from policies.snapshot import Terms
from policies.types import Leased, Target
from tools.cluster_types import Workload
from tools.errors import NotFound, ToolError
from tools.metrics.types import SPECS, Metric, Number
from tools.path.leased import room
from tools.path.loop_records import Looked, passed
from tools.path.standing_envelopes import Envelopes, Standing
from tools.path.tuning_pause import paused

if TYPE_CHECKING:
    from flyball.wiring import App

RISK = 0.02
"""The accepted probability where the agent's document says none."""
_UNKNOWN = Number(Metric.CPU_USAGE, SPECS[Metric.CPU_USAGE].unit, None, "no_data", None, None, 0, 0)


@dataclass(frozen=True, slots=True)
class _Seat:
    """An envelope with its workload as it was listed, and what is left of its range: None where it is over."""

    standing: Standing
    workload: Workload
    room: tuple[int, int, int] | None

    @property
    def leased(self) -> Leased:
        """As policy sees it."""
        args = self.standing.args
        low, high, until_ms = self.room or (args.min_replicas or 0, args.max_replicas or 0, 0)
        return Leased(low, high, args.floor, until_ms, 0)


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
        cpu = await self._cpu([seat.workload.target for seat in seats if seat.room], now_ms)
        agents = (await self._app.context.gate()).snapshot.agents
        heard = [_heard(seat, cpu, agents) for seat in seats if seat.room]
        wanted = await self._forecasts.wanted(heard, now_ms)
        halted = await self._halted({seat.standing.args.agent for seat in seats})
        for seat in seats:
            if interrupted():  # what has begun has ended; the next one does not begin
                break
            used = cpu.get(seat.workload.target, _UNKNOWN)
            looked.append(await self._look(seat, run_id, wanted.get(seat.workload.target), used, halted))
        await passed(self._app.log, run_id, looked)

    async def _seats(self, standing: Sequence[Standing], now_ms: int) -> tuple[list[_Seat], list[Looked]]:
        """The envelopes whose object is still the one that they are of, and a line for each other."""
        namespaces = {one.target.namespace for one in standing}
        only = next(iter(namespaces)) if len(namespaces) == 1 else None
        found = await self._app.context.reader.list_workloads(only)
        there = {workload.target.key: workload for workload in found}
        seats, gone = list[_Seat](), list[Looked]()
        for one in standing:
            workload = there.get(one.target.key)
            if workload is None or workload.uid != one.uid:
                gone.append(Looked(one.target.key, await self._gone(one, workload)))
                continue
            left = None if one.over(now_ms) else room(one.args, workload)
            seats.append(_Seat(one, workload, left if left and now_ms < left[2] else None))
        return seats, gone

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
        self, seat: _Seat, run_id: str, wanted: int | None, cpu: Number, halted: Mapping[str, str]
    ) -> Looked:
        key, why = seat.workload.target.key, halted.get(seat.standing.args.agent, "")
        if why == "stopped":
            return Looked(key, why, cpu=cpu.v)
        try:
            bounds = await self._moves.bounds(seat.workload)
        except ToolError:
            return Looked(key, "unreadable", wanted=wanted, cpu=cpu.v)
        now, terms = bounds.now, None
        if seat.room is not None:
            terms = await self._moves.terms(seat.standing, seat.workload, seat.leased)
            seat = seat if terms is not None else replace(seat, room=None)
        step = _step(seat, _within(seat.leased, bounds, terms), now, wanted, cpu, paused=why == "paused")
        if step.to is not None and terms is not None and await self._moves.rests(seat.workload, terms):
            step = Step(None, "cooldown")
        if step.to is None:
            return Looked(key, step.why, now, wanted, cpu.v)
        moved = await self._moves.to(seat.standing, seat.workload, now, step, run_id)
        return Looked(key, moved.code, now, wanted, cpu.v, moved.record)


def _heard(seat: _Seat, cpu: Mapping[Target, Number], agents: Mapping[str, Agent]) -> Heard:
    agent = agents.get(seat.standing.args.agent)
    ppm = agent.spec.risk if agent else None
    used = cpu.get(seat.workload.target, _UNKNOWN)
    return Heard(seat.workload, used, RISK if ppm is None else ppm / 1_000_000)


def _within(leased: Leased, bounds: Bounds, terms: Terms | None) -> Range:
    """The range as far as an HPA's maximum lets its floor go."""
    low, high = (min(end, bounds.most) for end in (leased.low, leased.high))
    return Range(low, high, leased.floor, terms.max_step if terms else None)


def _step(seat: _Seat, within: Range, now: int, wanted: int | None, cpu: Number, *, paused: bool) -> Step:
    if seat.room is None:
        return put_back(seat.workload, within, now)
    if paused:
        return resting(seat.workload, within, now)
    return step(seat.workload, within, now, wanted, cpu)
