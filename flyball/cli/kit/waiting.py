"""Spans as people write them; waiting for a decision and for the cluster, with a progress line."""

import asyncio
from typing import TYPE_CHECKING

from base.durations import DurationInvalid, seconds
from flyball.cli.kit.output import guide, note, safe, transient
from flyball.exits import Interrupted, UsageError

if TYPE_CHECKING:
    from flyball.wiring import App
    from tools.cluster.rollout import RolloutProgress
    from tools.path.outcome import Result
    from tools.path.rollout_watcher import Settled

POLL_S = 0.5
EVERY_S = 5


def span(text: str, where: str) -> int:
    """`90s`, `10m`, `1h30m`, `1d12h` in seconds, as given at the option `where`. Raises UsageError."""
    try:
        return seconds(text)
    except DurationInvalid as e:
        what, _, hint = str(e).partition("; ")
        raise UsageError(what, where=where, hint=hint) from e


async def until_decided(app: "App", result: "Result", patience: int) -> "Result":
    """While the request waits for an approval, look again until it is decided or patience ends."""
    from tools.path.outcome import Pending
    from tools.path.standing import Final

    deadline = app.context.clock.mono_us() + patience * 1_000_000
    if isinstance(result, Pending):
        request, handle = result.request, result.handle
        place = f"{request.target.cluster}/{request.target.namespace}"
        asked = f"{request.action} {request.target} {result.diff}"
        note(f"{place}  waiting for an approval of {handle}: {asked}")
        guide(f"  in another terminal: flyball approve {handle}")
    while isinstance(result, Pending) and app.context.clock.mono_us() < deadline:
        await app.context.clock.sleep(POLL_S)
        standing = await app.context.journal.standing(result.request)
        if isinstance(standing.state, Final) or standing.votes:
            result = await app.executor.execute(result.request)
    return result


async def until_settled(app: "App", result: "Result", patience: int) -> "Settled | None":
    """After a change was applied: until the cluster has carried it out, or patience ends; None where there is
    nothing to wait for. Ctrl-C ends the waiting, never the change, and says so. Raises Interrupted then."""
    from flyball.cli.kit.render import undoable
    from tools.path.outcome import Applied
    from tools.path.rollout_watcher import RolloutWatcher

    if not isinstance(result, Applied) or result.unchanged:
        return None
    progress = Progress(app)
    try:
        return await RolloutWatcher(app.context).wait(result.intent, timeout_s=patience, progress=progress)
    except asyncio.CancelledError:
        progress.end()
        note(f"the change is applied and stays (record {result.record}); only the waiting ended")
        back = f"; undo: flyball undo {result.record}" if undoable(result) else ""
        guide(f"  {progress.last or 'nothing was seen of it yet'}{back}")
        raise Interrupted from None
    finally:
        progress.end()


class Progress:
    """Progress: on a terminal one line that is overwritten, else a line every few seconds."""

    def __init__(self, app: "App") -> None:
        self._now, self._next = app.context.clock.mono_us, 0
        self._drawn, self._simulated = False, app.place.simulated
        self.last = ""

    def __call__(self, settling: "RolloutProgress") -> None:
        self.last = safe(settling.detail)
        if settling.state is None and self._simulated:
            self._simulated = False
            guide(
                "  the sandbox's time does not move by itself: flyball sandbox advance 1m, in another terminal"
            )
        if transient(f"  settling  {self.last}"):
            self._drawn = True
        elif self._now() >= self._next:
            self._next = self._now() + EVERY_S * 1_000_000
            note(f"  settling  {self.last}")

    def end(self) -> None:
        """Take the line away again."""
        if self._drawn:
            transient("")
            self._drawn = False
