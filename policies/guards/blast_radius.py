"""Blast radius: the share of a namespace's workloads that may be changed within a time, whoever changes them."""

from collections.abc import Iterator

from base.instants import utc_text
from policies.claim_keys import COUNTED, RADIUS
from policies.guards.ceiling import covers
from policies.inputs import DecisionInput, Refusal
from policies.kinds import BlastRadius, Ceiling
from policies.snapshot import Snapshot
from policies.types import Claim, Request
from policies.windows import Window

_MILLION = 1_000_000


def blast_radius(case: DecisionInput) -> Refusal | None:
    """Every ceiling over the target that has one binds. A rollback is exempt, and what moves nothing is no change.

    Each workload counts once, in the part of the window that holds its last change: a change within the window
    moves it there, one of a workload that is not in it must find room. The share is rounded down, but to one at
    least, or no small namespace could ever be changed.
    """
    if "blast_radius" not in case.snapshot.uses or case.situation.rollback or not case.seen.moves:
        return None
    for document, radius in _over(case.snapshot, case.request):
        if covers(document.spec.target, case.request.target, case.labels):
            no = _within(case, document.metadata.name, radius)
            if no is not None:
                return no
    return None


def keys(snapshot: Snapshot, request: Request, now_ms: int) -> Iterator[str]:
    """The log's integers of every radius that may bind, as far as names tell."""
    for document, radius in _over(snapshot, request):
        name = document.metadata.name
        yield _mark(request, name, radius)
        yield from _window(request, name, radius).keys(now_ms)


def windows(snapshot: Snapshot, request: Request) -> Iterator[Window]:
    """That of each radius that may bind."""
    for document, radius in _over(snapshot, request):
        yield _window(request, document.metadata.name, radius)


def _over(snapshot: Snapshot, request: Request) -> Iterator[tuple[Ceiling, BlastRadius]]:
    """Unknown labels are taken to match."""
    for document in snapshot.ceilings:
        radius = document.spec.blast_radius
        if radius is not None and covers(document.spec.target, request.target, None):
            yield document, radius


def wanted(snapshot: Snapshot, request: Request) -> bool:
    """Whether the workloads of the namespace must be counted for the decision."""
    return any(True for _ in _over(snapshot, request))


def _within(case: DecisionInput, name: str, radius: BlastRadius) -> Refusal | None:
    window, now = _window(case.request, name, radius), case.now_ms
    peers, marked = case.seen.peers, _mark(case.request, name, radius)
    if peers is None:
        return Refusal("blast_radius", name, "the workloads of its namespace could not be counted")
    most, held, last = (
        max(1, peers * radius.share // _MILLION),
        window.spent(case.values, now),
        case.values[marked],
    )
    inside = window.holds(last, now)
    if not inside and held >= most:
        at = window.room_ms(case.values, now, most - 1)
        why = f"{held} of {peers} workloads were changed within {radius.within}s, and {most} may be"
        return Refusal("blast_radius", name, f"{why}; there is room again at {utc_text(at)}", retry_ms=at)
    case.claims += _moved(window, last, now) if inside else window.spend(case.values, now, 1, most)
    case.claims.append(Claim("set", marked, window.part(now)))
    return None


def _moved(window: Window, last: int, now_ms: int) -> tuple[Claim, ...]:
    """It is counted in the newest part, and no longer where it was."""
    part = window.part(now_ms)
    return () if part == last else (window.put(last, -1), window.put(part, 1))


def _window(request: Request, name: str, radius: BlastRadius) -> Window:
    at = request.target
    return Window(RADIUS, f"{name}/{at.cluster}/{at.namespace or ''}", radius.within)


def _mark(request: Request, name: str, radius: BlastRadius) -> str:
    """The part of the window in which this workload is counted."""
    return COUNTED.of(f"{radius.within}/{name}/{request.target.key}")
