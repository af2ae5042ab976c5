"""The live forecasts of the fast loop: begun from each workload's history, fed each minute, fitted anew each day."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from agents.tuner.pod_size import STARTUP_S, requested_millicores
from base.errors import FlyballError
from policies.types import Target
from tools.cluster_types import Workload
from tools.metrics.types import Metric, MetricsReader, Number, Span

if TYPE_CHECKING:
    from forecasting.demand.online import Online

MINUTE_MS = 60_000
DAY_MS = 86_400_000
HISTORY_MS = 14 * DAY_MS
BESIDE_MS = 1_800_000
"""What a day before an event is looked at ends so long before it began, so that its own rise is not in it."""
REFIT_MS = 86_400_000
LEAST_MINUTES = 1296
"""Nine tenths of a day: a forecast that knows no day is worth little, and moves nothing."""
BEGUN_A_PASS = 10
"""Beginning one costs a third of a second of CPU; of a hundred the last are forecast after ten minutes."""
MISSED = 30
"""After so many minutes in which nobody looked a forecast is begun anew."""
AGAIN_MS = 3_600_000
"""Who has too little history is asked about again after this long: their places are for those that have enough."""


@dataclass(slots=True)
class _Kept:
    online: "Online"
    pod: int
    risk: float
    begun_ms: int
    heard_ms: int


@dataclass(frozen=True, slots=True)
class Expected:
    """What a live event says: at least so many times (ppm) the demand of the same minutes on a day before it."""

    at_least_ppm: int
    from_ms: int

    def days(self, now_ms: int) -> int:
        """How many days back the demand was still without it."""
        return max(1, -(-(now_ms - self.from_ms + BESIDE_MS) // DAY_MS))


@dataclass(frozen=True, slots=True)
class Heard:
    """A workload with the CPU that its pods used this minute, the risk that is accepted, and what live events say."""

    workload: Workload
    cpu: Number
    risk: float
    expected: tuple[Expected, ...] = ()

    @property
    def key(self) -> str:
        """Which object it is: one that was made anew has a past of its own."""
        return f"{self.workload.target.key}/{self.workload.uid}"


class LoopForecasts:
    """Lives as long as its duty; what it knows follows from the metrics, so that a restart loses nothing."""

    def __init__(self, metrics: MetricsReader | None) -> None:
        self._metrics = metrics
        self._kept: dict[str, _Kept] = {}
        self._short: dict[str, int] = {}
        """When those that have too little history were asked about last."""

    async def wanted(self, heard: Sequence[Heard], now_ms: int) -> Mapping[Target, int]:
        """The pods that each should have in the next minute; none for those of which too little is known."""
        now_ms -= now_ms % MINUTE_MS
        here = {one.key: one for one in heard}
        self._kept = {key: kept for key, kept in self._kept.items() if key in here}
        self._short = {key: at for key, at in self._short.items() if 0 <= now_ms - at < AGAIN_MS}
        self._listen(here, now_ms)
        await self._begin(here, now_ms)
        return {here[key].workload.target: _pods(kept, here[key], now_ms) for key, kept in self._kept.items()}

    def _listen(self, here: Mapping[str, Heard], now_ms: int) -> None:
        """All that were heard last a minute ago together; who was not looked at for a while is begun anew, and so is
        who was heard at a time that a clock set back has still ahead."""
        from forecasting.demand.together import missed, observed

        late: dict[int, list[str]] = {}
        for key, kept in list(self._kept.items()):
            passed = (now_ms - kept.heard_ms) // MINUTE_MS
            if _unlike(kept, here[key]) or not 0 <= passed <= MISSED:
                del self._kept[key]
            elif passed > 0:
                late.setdefault(passed, []).append(key)
        for passed, keys in late.items():
            missed([self._kept[key].online for key in keys], passed - 1)
            observed([self._kept[key].online for key in keys], [_measured(here[key].cpu) for key in keys])
            for key in keys:
                self._kept[key].heard_ms = now_ms

    async def _begin(self, here: Mapping[str, Heard], now_ms: int) -> None:
        """Those that have none first, then the oldest."""
        chosen = [here[key] for key in self._due(here, now_ms)]
        history = await self._history(chosen, now_ms) if chosen else {}
        for one in chosen:
            if (past := history.get(one.workload.target)) is None:
                continue
            if (kept := _begun(one, past, now_ms)) is None:
                self._short[one.key] = now_ms
            else:
                self._kept[one.key] = kept

    def _due(self, here: Mapping[str, Heard], now_ms: int) -> list[str]:
        sized = [
            key for key, one in here.items() if requested_millicores(one.workload) and key not in self._short
        ]
        new = [key for key in sized if key not in self._kept]
        old = [key for key in sized if key in self._kept and now_ms - self._kept[key].begun_ms >= REFIT_MS]
        old.sort(key=lambda key: self._kept[key].begun_ms)
        return (new + old)[:BEGUN_A_PASS]

    async def _history(self, chosen: Sequence[Heard], now_ms: int) -> Mapping[Target, Sequence[int | None]]:
        """Empty where the source keeps none, or cannot be asked now."""
        if self._metrics is None:
            return {}
        targets = [one.workload.target for one in chosen]
        span = Span(now_ms - HISTORY_MS, now_ms, MINUTE_MS // 1000)
        try:
            found = await self._metrics.fleet_history(Metric.CPU_USAGE, targets, span)
        except FlyballError:
            return {}
        return {target: series.values for target, series in found.items()}


def _pods(kept: _Kept, one: Heard, now_ms: int) -> int:
    """The forecast, raised to what events say; they lower nothing. The forecast itself has seen them where they go
    on, so it is not multiplied."""
    online = kept.online
    raised = [online.as_before(event.at_least_ppm / 1_000_000, event.days(now_ms)) for event in one.expected]
    return max([online.replicas, *raised])


def _begun(one: Heard, past: Sequence[int | None], now_ms: int) -> _Kept | None:
    """None where too little of the past is known."""
    from forecasting.demand.together import begun
    from forecasting.types import Shape

    if sum(value is not None for value in past) < LEAST_MINUTES:
        return None
    pod = requested_millicores(one.workload) or 0
    shape = Shape(pod / 1000, startup_s=STARTUP_S, maximum=100_000)
    online = begun(past, (now_ms - HISTORY_MS) // 1000, shape, one.risk)
    return None if online is None else _Kept(online, pod, one.risk, now_ms, now_ms)


def _unlike(kept: _Kept, now: Heard) -> bool:
    """Whether its pods were made larger or smaller, or its agent accepts another risk."""
    return kept.pod != requested_millicores(now.workload) or kept.risk != now.risk


def _measured(cpu: Number) -> int | None:
    """Where some pods are missing it is too little, and no measurement."""
    return cpu.v if cpu.coverage_ppm >= 900_000 else None
