"""No change while a freeze is on. Wall times are taken in their IANA zone and compared as UTC instants.

Where a wall time happens twice or not at all (DST), the freeze takes the wider reading: denied when unsure.
"""

from datetime import date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from base.instants import utc_text
from policies.inputs import DecisionInput, Refusal
from policies.kinds import DAYS, Freeze, Window
from policies.patterns import fits
from policies.types import Request

_DAY_MS = 86_400_000
Span = tuple[int, int]
"""[from, until) in Unix ms."""


def freeze(case: DecisionInput) -> Refusal | None:
    """Refuses within a window; a decision never outlives the start of the next one. A rollback may pass."""
    if case.situation.rollback:
        return None
    for document in case.snapshot.freezes:
        if not _binds(document, case.request):
            continue
        for start, end in spans(document, case.now_ms // _DAY_MS):
            if start <= case.now_ms < end:
                return Refusal(
                    "freeze", document.metadata.name, f"frozen until {utc_text(end)}", retry_ms=end
                )
            if start > case.now_ms:
                case.expires_ms = min(case.expires_ms, start)
    return None


def _binds(document: Freeze, request: Request) -> bool:
    scope, target, principal = document.spec.scope, request.target, request.principal
    inside = any(fits(target.cluster, pattern) for pattern in scope.clusters) and any(
        fits(target.namespace or "", pattern) for pattern in scope.namespaces
    )
    override = document.spec.override
    lifted = principal.agent is None and override in principal.groups and bool(request.reason.strip())
    return inside and not lifted


def spans(document: Freeze, day: int) -> tuple[Span, ...]:
    """The document's spans that touch `day` (days since the epoch, UTC) or the day after."""
    return tuple(span for window in document.spec.windows for span in _spans(window, day))


@lru_cache(maxsize=4096)
def _spans(window: Window, day: int) -> tuple[Span, ...]:
    if window.from_ is not None and window.until is not None:
        return ((window.from_, window.until),)
    today = date(1970, 1, 1) + timedelta(days=day)
    days = (today + timedelta(days=offset) for offset in (-2, -1, 0, 1, 2))
    return tuple(_on(window, day) for day in days if DAYS[day.weekday()] in window.days)


def _on(window: Window, day: date) -> Span:
    """The span that begins on `day` in the window's zone."""
    if window.zone is None or window.start is None or window.end is None:
        raise ValueError("a window without a zone")
    zone = ZoneInfo(window.zone)
    last = day if window.end > window.start else day + timedelta(days=1)
    return min(_both(day, window.start, zone)), max(_both(last, window.end, zone))


def _both(day: date, at: time, zone: ZoneInfo) -> Span:
    """Both readings of a wall time (the same, where it is unambiguous)."""
    moments = (datetime.combine(day, at.replace(fold=fold), zone) for fold in (0, 1))
    first, second = (int(moment.timestamp() * 1000) for moment in moments)
    return first, second
