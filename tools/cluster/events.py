"""Which Events are about a workload: itself, its ReplicaSets, its HPA, and its pods, deleted ones too.

One list a kind, selected by the apiserver (`involvedObject.kind`), and then by the names that the controllers
give (tools/metrics/pods.py): a ReplicaSet is called `NAME-HASH`, a Deployment's pod `NAME-HASH-xxxxx`, a
StatefulSet's `NAME-0`.

A list comes in the order of names, so that a storm elsewhere in the namespace may push ours behind what is read.
Then what is known by name is asked for one by one, and an event of our own (`EventsTruncated`) says that others
may be missing.
"""

import asyncio
import re
from collections.abc import Iterable, Sequence

from policies.types import Target
from tools.cluster import objects
from tools.cluster.kinds import EVENTS, LOOKED_AT
from tools.cluster.pages import PAGE, Pages
from tools.cluster_types import ApiEvent
from tools.metrics.pods import HASH, SAFE, pattern

MOST_PAGES = 20
"""Of one list: an apiserver keeps events for an hour, and a storm of them must not keep us reading."""
MOST_NAMES = 200
"""That are asked for one by one, AT_ONCE at a time."""
AT_ONCE = 8
TRUNCATED = "EventsTruncated"


async def events_of(
    pages: Pages, target: Target, autoscaler: str | None, pods: Iterable[str]
) -> list[ApiEvent]:
    """Oldest first. `autoscaler` and `pods` are the names of what it has now."""
    about, known = re.escape(target.name), list(pods)
    names = "|".join((pattern(target), *(re.escape(name) for name in known)))
    asked = [
        _named(pages, target, LOOKED_AT[target.kind].name, [target.name]),
        _every(pages, target, "Pod", names, known),
    ]
    if target.kind == "deployment":
        above = list(dict.fromkeys(name.rpartition("-")[0] for name in known))
        asked.append(_every(pages, target, "ReplicaSet", f"{about}-[{SAFE}]{{1,{HASH}}}", above))
    if autoscaler is not None:
        asked.append(_named(pages, target, "HorizontalPodAutoscaler", [autoscaler]))
    found = [one for events in await asyncio.gather(*asked) for one in events]
    return sorted(found, key=lambda one: one.at_ms)


async def _every(pages: Pages, target: Target, kind: str, names: str, known: Sequence[str]) -> list[ApiEvent]:
    """Those whose names fit, by one list; where that was cut, those of the known ones too, and a word of it."""
    found, cut, newest_ms = await _listed(pages, target, kind, names)
    if not cut:
        return found
    every = dict.fromkeys((*found, *await _named(pages, target, kind, known[:MOST_NAMES])))
    at_ms = max((newest_ms, *(event.at_ms for event in every)))
    return [*every, _truncated(target, kind, at_ms, max(0, len(known) - MOST_NAMES))]


async def _named(pages: Pages, target: Target, kind: str, names: Sequence[str]) -> list[ApiEvent]:
    room = asyncio.Semaphore(AT_ONCE)

    async def one(name: str) -> list[ApiEvent]:
        async with room:
            return (await _listed(pages, target, kind, re.escape(name), name))[0]

    return [event for events in await asyncio.gather(*map(one, names)) for event in events]


async def _listed(
    pages: Pages, target: Target, kind: str, names: str, name: str = ""
) -> tuple[list[ApiEvent], bool, int]:
    """Those about the names; whether there were more than are read; when the newest of all was (Unix ms)."""
    selector = f"involvedObject.kind={kind}" + (f",involvedObject.name={name}" if name else "")
    items, cut = await pages.some(EVENTS, target.namespace, {"fieldSelector": selector}, MOST_PAGES)
    fits = re.compile(f"{kind.lower()}/(?:{names})").fullmatch
    found = pages.parse(lambda: [objects.event(obj) for obj in items], f"events of {target}")
    newest_ms = max((one.at_ms for one in found), default=0)
    return [one for one in found if fits(one.about)], cut, newest_ms


def _truncated(target: Target, kind: str, at_ms: int, unasked: int) -> ApiEvent:
    """As new as the newest, so that it is among the few that are shown."""
    whose = f"those that are gone{f', and {unasked} others' if unasked else ''}"
    return ApiEvent(
        about=str(target),
        type="Normal",
        reason=TRUNCATED,
        message=f"the namespace has over {MOST_PAGES * PAGE} events of kind {kind}: {whose} may be missing here",
        source="flyball",
        count=1,
        at_ms=at_ms,
    )
