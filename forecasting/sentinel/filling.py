"""Whether a volume fills up: exhaustion of what it holds, which may be made larger meanwhile, and stays when full.

Memory that runs full is given back by a restart; a volume that is full stays full, and its use grows no more. So
what is nearly full is open, whatever the trend. Where what it holds has changed (it was expanded, or another one is
the fullest now), what was before tells nothing of when it will be full: the trend begins again there, and until it
has had the time to be seen nothing begins and nothing ends.
"""

from dataclasses import replace

from forecasting.sentinel.live import RESOLVE_S, Foreseen, Samples, exhaustion
from forecasting.sentinel.rule import RULE
from forecasting.sentinel.series import STALE_S

FULL_PPM = 970_000
"""As the alert KubePersistentVolumeFillingUp of kubernetes-mixin: critical with less than 3 % left."""
ANEW_S = RULE.window_s // 2 + RULE.noisy_apart_s
"""So long after a change nothing is concluded from a trend: half a window, and its confirmations."""
_SAME_PPM = 10_000
"""A file system that grows by less than this share was not expanded: what it keeps for itself moves a little."""


def filling(
    used: Samples, holds: Samples, start_s: int, step_s: int, now_s: int, *, screening: bool = False
) -> Foreseen:
    """Whether the volume fills up, and when: what is `used` of what it `holds` (bytes each, `step_s` seconds from
    `start_s` on). Figures as those of `exhaustion`; of what is full already only how full it is."""
    at = next((i for i in range(len(holds) - 1, -1, -1) if holds[i]), None)
    if at is None:
        return exhaustion(used, start_s, step_s, 0, now_s)
    limit = holds[at] or 0
    begun = _begun(holds, limit)
    since_s = now_s - (start_s + begun * step_s)
    known = [None if i < begun else value for i, value in enumerate(used)]
    if _full(known, limit, start_s, step_s, now_s):
        return _is_full(known, limit)
    found = exhaustion(known, start_s, step_s, limit, now_s, screening=screening)
    if begun and since_s < ANEW_S:
        return replace(found, state="unknown", why="its capacity changed a short time ago")
    return found


def _begun(holds: Samples, limit: int) -> int:
    """The index from which on it holds about `limit`; 0 where it always has."""
    for i in range(len(holds) - 1, -1, -1):
        if abs((holds[i] or limit) - limit) * 1_000_000 > _SAME_PPM * limit:
            return i + 1
    return 0


def _full(used: Samples, limit: int, start_s: int, step_s: int, now_s: int) -> bool:
    """Nearly full at the newest sample, or at one of the last half hour: what lies about its edge does not flap."""
    newest = next((i for i in range(len(used) - 1, -1, -1) if used[i] is not None), None)
    if newest is None or now_s - (start_s + newest * step_s) > STALE_S:
        return False
    recent = used[max(0, newest - RESOLVE_S // step_s) : newest + 1]
    return any(v is not None and v * 1_000_000 >= FULL_PPM * limit for v in recent)


def _is_full(used: Samples, limit: int) -> Foreseen:
    level = next(v for v in reversed(used) if v is not None)
    coverage = 1_000_000 * sum(v is not None for v in used) // len(used)
    return Foreseen(
        "open", "", (("eta_s", 0), ("level", level), ("limit", limit), ("coverage_ppm", coverage))
    )
