"""What guards count in the log's integers, as somebody asks who counts it again from the records."""

from collections.abc import Mapping
from dataclasses import dataclass

from policies.claim_keys import COUNTED, MOVED, RADIUS, SPENT
from policies.envelopes import moves_of
from policies.guards.blast_radius import keys as radius_keys
from policies.guards.blast_radius import windows as radius_windows
from policies.guards.budget import candidates
from policies.guards.flip import keys as flip_keys
from policies.snapshot import Snapshot
from policies.types import Request
from policies.windows import PARTS, is_part, no_longer_held_ms

FAMILIES = (SPENT, RADIUS, MOVED, COUNTED)
"""The integers that are counted or noted for the guards of budgets, blast radius and direction."""


@dataclass(frozen=True, slots=True)
class Counting:
    """The integers that guards read at `now_ms` for a request in `cluster`. What was counted or noted before
    `since_ms` no longer counts for any of them (both Unix ms of the world)."""

    cluster: str
    keys: tuple[str, ...]
    since_ms: int
    now_ms: int


def counting(snapshot: Snapshot, request: Request, now_ms: int) -> Counting | None:
    """What is counted for the request by this policy; None where nothing is."""
    guards = (radius_keys, flip_keys)
    windows = [one.window(request) for one in candidates(snapshot, request)]
    windows += radius_windows(snapshot, request)
    windows += [moves_of(request.target)] if request.under is not None else []
    noted = (key for keys in guards for key in keys(snapshot, request, now_ms))
    keys = dict.fromkeys((*noted, *(key for window in windows for key in window.keys(now_ms))))
    if not keys:
        return None
    flips = (now_ms - rule.flip_ms for rule in snapshot.rules.values() if rule.flip_ms)
    since = min((*(window.begins_ms(now_ms) for window in windows), *flips), default=now_ms)
    return Counting(request.target.cluster, tuple(keys), since, now_ms)


def is_counted(key: str) -> bool:
    """Whether the key is of one of the families."""
    return any(family.has(key) for family in FAMILIES)


def contradicts(key: str, stored: int, counted: Mapping[str, int], since_ms: int) -> bool:
    """Whether what is stored cannot be, where the records from `since_ms` on lead to `counted`.

    The part of a window is exactly what was spent in it. Of a total that was begun before, at least as much must be
    there. What nobody has noted since must be of before, or of never.
    """
    says = counted.get(key)
    if MOVED.has(key) or COUNTED.has(key):
        return stored != says if says is not None else _noted_ms(key, stored) > since_ms
    return stored != (says or 0) if is_part(key) else stored < (says or 0)


def is_over(key: str, now_ms: int) -> bool:
    """Whether the key is of a part of time that no window holds any more."""
    return is_part(key) and no_longer_held_ms(key) <= now_ms


def _noted_ms(key: str, stored: int) -> int:
    """When what is noted there was noted at the earliest: an instant, or the beginning of a part of time. A part that
    a window still holds begins after everything that no longer counts."""
    if MOVED.has(key) or not stored:
        return stored
    length_s = int(COUNTED.name_in(key).partition("/")[0])
    return stored * length_s * 1000 // PARTS
