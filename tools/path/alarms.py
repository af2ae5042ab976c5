"""What is looked for from the write to the deadline: harm that no later figure makes good. Pure."""

from collections.abc import Iterator

from tools.path.vitals import Vitals


def alarms(before: Vitals, now: Vitals) -> tuple[str, ...]:
    """What is so much worse than before the change that nobody waits for the deadline; empty where nothing is.

    Pods are compared with as many of them before the change: whose pods were killed, crashed or found no room then is
    not made worse by more of the same. Another image, or another writer, is for the caller to look for.
    """
    return (*_killed(before, now), *_crashing(before, now), *_without_room(before, now))


def _killed(before: Vitals, now: Vitals) -> Iterator[str]:
    if now.oom_killed > before.oom_killed:
        yield f"killed for memory: {before.oom_killed} -> {now.oom_killed} pods in {now.window_s} s"


def _crashing(before: Vitals, now: Vitals) -> Iterator[str]:
    if before.crashing is not None and (now.crashing or 0) > before.crashing:
        yield f"in CrashLoopBackOff: {before.crashing} -> {now.crashing} pods"


def _without_room(before: Vitals, now: Vitals) -> Iterator[str]:
    if before.without_room is not None and (now.without_room or 0) > before.without_room:
        yield f"no node has room: {before.without_room} -> {now.without_room} pods pending"
