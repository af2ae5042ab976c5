"""What `stop` and `resume` do: turn the kill switch of a scope, and say what it is now."""

import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audit.record import MAX_TEXT
from base.errors import FlyballError
from base.text import storable
from flyball.cli.kit.instants import instant
from flyball.cli.kit.options import Options
from flyball.cli.kit.output import document, note, safe, say, tone
from flyball.cli.kit.render import lifting
from flyball.identity import os_user
from tools.path import kill_switch
from tools.path.stop_files import StopFileStays

if TYPE_CHECKING:
    from flyball.open_log import Switch
    from flyball.place import Place
    from tools.path.kill_switch import Turned


class NotStopped(FlyballError):
    """Neither the log nor a stop file took the stop: whatever runs goes on."""

    effect = "unavailable"


def throw(opts: Options, place: "Place", scope: str, reason: str) -> None:
    """Stop the scope. First by stop files, at once and whatever else is broken; then in the log, and they go again.

    Raises NotStopped where nothing takes the stop.
    """
    from flyball.open_log import stop_files

    reason = storable(reason, MAX_TEXT)
    told = {"scope": scope, "by": os_user(), "at": instant(time.time_ns() // 1_000_000), "reason": reason}
    files = stop_files(opts.urgent_settings, place)
    made = files.put(scope, told)
    try:
        _turn(opts, scope, reason, stop=True)
    except BaseException as problem:  # also Ctrl-C and a mistake of our own: what holds now is said first
        if not made:
            raise _not_stopped(problem) from problem
        _say_unrecorded(opts, place, scope, made, problem)
        if not isinstance(problem, FlyballError):
            raise
    else:
        with suppress(StopFileStays):  # `status` shows it, and `resume` removes it or says why not
            files.clear(scope)


def lift(opts: Options, scope: str, reason: str) -> None:
    """Let the scope go on, once that is recorded. Raises LogUnavailable, LogTampered, StopFileStays."""
    _turn(opts, scope, storable(reason, MAX_TEXT), stop=False)


def _turn(opts: Options, scope: str, reason: str, *, stop: bool) -> None:
    async def work(switch: "Switch") -> None:
        turn = kill_switch.throw if stop else kill_switch.lift
        turned = await turn(switch, scope, switch.identity.by_hand(), reason)
        in_flight = await switch.in_flight()
        others = [s.scope for s in await kill_switch.stopped(switch) if s.scope != scope]
        if opts.json:
            document(_document(scope, stop, turned, in_flight))
        else:
            _say(switch, scope, stop, turned, in_flight, others)

    opts.switch(work)


def _document(scope: str, stop: bool, turned: "Turned", in_flight: int) -> dict[str, Any]:
    return {
        "kind": "KillSwitch",
        "scope": scope,
        "state": "stopped" if stop else "running",
        "changed": turned.changed,
        "in_flight": in_flight,
        "record": turned.entry.seq if turned.entry else None,
    }


def _say(
    switch: "Switch", scope: str, stop: bool, turned: "Turned", in_flight: int, others: list[str]
) -> None:
    word = tone("stopped", "bad") if stop else tone("running", "good")
    already = "" if turned.changed else " already"
    what = f"{_reach(switch.place, scope)}, by {switch.identity.human}"
    say(f"{word}{already}  {what}; {in_flight} in flight or in doubt")
    for other in others:
        say(safe(f"  stopped too: {other}   {lifting(other)}"))
    if turned.entry:
        say(f"  record {turned.entry.seq}")


def _say_unrecorded(
    opts: Options, place: "Place", scope: str, made: tuple[Path, ...], problem: BaseException
) -> None:
    """Stopped by file: that it holds goes to stdout, why it is in no record to stderr."""
    why = _why(problem)
    paths = [str(path) for path in made]
    if opts.json:
        state = {"scope": scope, "state": "stopped", "changed": True, "in_flight": None, "record": None}
        document({"kind": "KillSwitch", **state, "stop_files": paths, "problem": why})
    else:
        say(f"{tone('stopped', 'bad')}  {_reach(place, scope)}, by {os_user()}; not recorded")
        for path in paths:
            say(f"  stop file {safe(path)}")
    note(
        f"warning: the log did not take it: {safe(why)}\n  it holds by file, over restarts, until {lifting(scope)}"
    )


def _not_stopped(problem: BaseException) -> NotStopped:
    hint = "end the processes that act, or take their rights in the cluster away"
    what = f"NOT stopped: no stop file could be made, and the log did not take it: {_why(problem)}"
    return NotStopped(what, hint=hint)


def _why(problem: BaseException) -> str:
    return (
        problem.said if isinstance(problem, FlyballError) else f"{type(problem).__name__} {problem}".strip()
    )


def _reach(place: "Place", scope: str) -> str:
    return f"all of {'the sandbox' if place.simulated else 'real clusters'}" if scope == "all" else scope
