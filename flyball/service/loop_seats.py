"""What a pass of the fast loop knows of each leased workload before it decides: its range, its events, its alerts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from agents.tuner.loop import Range, Step, calmed, put_back, resting, step
from agents.tuner.skipped import skip_reason
from base.errors import FlyballError
from base.instants import utc_ms
from flyball.service.loop_forecasts import Expected, Heard
from flyball.service.loop_moves import Bounds
from policies.kinds import Agent
from policies.snapshot import Terms
from policies.types import Leased, Target
from tools.cluster_types import Workload
from tools.envelope_text import Written
from tools.events.types import Event, floors
from tools.metrics.types import SPECS, Metric, MetricsReader, Number
from tools.path.standing_envelopes import Standing

RISK = 0.02
"""The accepted probability where neither the lease nor the agent's document says one."""
AHEAD_MS = 600_000
"""An event counts from so long before it begins: pods take time to start."""
UNKNOWN = Number(Metric.CPU_USAGE, SPECS[Metric.CPU_USAGE].unit, None, "no_data", None, None, 0, 0)


@dataclass(frozen=True, slots=True)
class Seat:
    """An envelope with its workload as it was listed, and what is left of its range: None where it is over."""

    standing: Standing
    workload: Workload
    room: Written | None

    @property
    def target(self) -> Target:
        """The workload's name."""
        return self.workload.target

    @property
    def agent(self) -> str:
        """Who may move in it."""
        return self.standing.args.agent

    @property
    def leased(self) -> Leased:
        """As policy sees it."""
        args, room = self.standing.args, self.room
        if room is None:
            low, high = args.min_replicas or 0, args.max_replicas or 0
            return Leased(low, high, args.floor, 0, 0, guard=args.guard_percent, target=args.target_percent)
        until_ms = utc_ms(room.until)
        return Leased(
            room.low, room.high, args.floor, until_ms, 0, guard=room.guard, target=args.target_percent
        )

    def heard(self, cpu: Number, agents: Mapping[str, Agent], events: Sequence[Event], now_ms: int) -> Heard:
        """As the forecasts take it in: at the risk of the lease, else of its agent, with what live events say."""
        known, permille = agents.get(self.agent), self.standing.args.risk_permille
        ppm = permille * 1000 if permille else known.spec.risk if known else None
        asked = floors(events, self.target.namespace, self.workload.labels)
        live = [one for one in asked if one.from_ms <= now_ms + AHEAD_MS and now_ms < one.to_ms]
        expected = tuple(Expected(one.at_least_ppm, one.from_ms) for one in live)
        return Heard(self.workload, cpu, RISK if ppm is None else ppm / 1_000_000, expected)

    def step(
        self, bounds: Bounds, terms: Terms | None, wanted: int | None, cpu: Number, *, paused: bool
    ) -> Step:
        """What is to be done with it now, alerts apart."""
        within, now = self._within(bounds, terms), bounds.now
        if self.room is None:
            return put_back(self.workload, within, now)
        if paused:
            return resting(self.workload, within, now)
        return step(self.workload, within, now, wanted, cpu)

    def back(self, bounds: Bounds, why: str) -> Step:
        """Its HPA has its own CPU target again, and nothing else moves."""
        return Step(None, why, self._within(bounds, None).aim(bounds.now.aim, guarding=False))

    def minds_alerts(self, found: Step, bounds: Bounds) -> bool:
        """Whether an alert would change anything: something is taken away, or its HPA stands guard already."""
        if self.room is None or skip_reason(self.workload):
            return False
        return found.takes_away(bounds.now) or self.back(bounds, "").moves

    def calmed(self, found: Step, bounds: Bounds) -> Step:
        """The step as it is while an alert fires."""
        return calmed(found, self._within(bounds, None), bounds.now)

    def _within(self, bounds: Bounds, terms: Terms | None) -> Range:
        """The range as far as an HPA's maximum lets its floor go."""
        leased = self.leased
        low, high = (min(end, bounds.most) for end in (leased.low, leased.high))
        max_step, loosest = terms.max_step if terms else None, self.standing.args.guard_percent
        return Range(low, high, leased.floor, max_step, leased.guard, leased.target, loosest)


class Alerts:
    """The alerts of one pass: asked for once, by the first workload from which something would be taken away."""

    def __init__(self, metrics: MetricsReader | None, targets: Sequence[Target], now_ms: int) -> None:
        self._metrics, self._targets, self._now_ms = metrics, targets, now_ms
        self._found: Mapping[Target, Number] | None = None

    async def quiet(self, target: Target) -> bool:
        """Whether it is known that none fires on it."""
        if self._found is None:
            self._found = await self._asked()
        found = self._found.get(target)
        return found is not None and found.v == 0

    async def _asked(self) -> Mapping[Target, Number]:
        if self._metrics is None:
            return {}
        try:
            return await self._metrics.fleet_latest(Metric.ALERTS, self._targets, self._now_ms)
        except FlyballError:
            return {}
