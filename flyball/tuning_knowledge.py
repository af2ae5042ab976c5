"""What a tuning run knows from the log: the live events about each workload, and what earlier verdicts taught."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from agents.tuner.strategy import Floor, Known, Learned

if TYPE_CHECKING:
    from flyball.wiring import App
    from policies.types import Target
    from tools.cluster_types import Workload
    from tools.events.types import Event
    from tools.path.learning import Lessons

AHEAD_MS = 4 * 3_600_000
"""An event counts from so long before it begins: pods take time, and runs have gaps."""
_PPM_A_PERCENT = 10_000


class LoggedKnowledge:
    """Implements Knowledge (agents.tuner.ports)."""

    def __init__(self, app: "App") -> None:
        self._app = app

    async def about(self, workloads: "Sequence[Workload]", at_ms: int) -> "Mapping[Target, Known]":
        """See Knowledge."""
        from tools.events.live import live_events
        from tools.path.learning import learned

        events = await live_events(self._app.log, self._app.place.context, at_ms)
        lessons = await learned(self._app.log, [w.target for w in workloads])
        return {
            w.target: Known(_floors(events, w, at_ms), _learned(lessons.get(w.target.key, {})))
            for w in workloads
        }


def _learned(lessons: "Lessons") -> Learned:
    cooled = {name: one.cooled_until_ms for name, one in lessons.items() if one.cooled_until_ms}
    return Learned(cooled, {name: one.score for name, one in lessons.items()})


def _floors(events: "Sequence[Event]", workload: "Workload", at_ms: int) -> tuple[Floor, ...]:
    from tools.events.types import floors

    asked = floors(events, workload.target.namespace, workload.labels)
    return tuple(
        Floor(one.event, -(-one.at_least_ppm // _PPM_A_PERCENT))
        for one in asked
        if one.from_ms <= at_ms + AHEAD_MS and at_ms < one.to_ms
    )
