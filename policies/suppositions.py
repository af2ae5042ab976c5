"""What a hypothetical question supposes of the time before it, as the log's integers that would say so."""

from collections.abc import Iterator, Mapping

from policies.guards.blast_radius import windows
from policies.guards.budget import candidates
from policies.guards.flip import keys as flip_keys
from policies.guards.flip import way_of
from policies.snapshot import Snapshot
from policies.types import Request
from policies.windows import Window

WORKLOADS = "workloads"
"""What the workloads of a blast radius are called where amounts are named."""


def spent(
    snapshot: Snapshot, request: Request, at_ms: int, amounts: Mapping[str, int]
) -> Iterator[tuple[str, int]]:
    """So much of each budget that may bind (`changes`, or a dimension), and so many other `workloads`, just now."""
    for one in candidates(snapshot, request):
        yield from _held(one.window(request), at_ms, amounts.get(one.counted, 0))
    for window in windows(snapshot, request):
        yield from _held(window, at_ms, amounts.get(WORKLOADS, 0))


def moved(snapshot: Snapshot, request: Request, at_ms: int, way: str) -> Iterator[tuple[str, int]]:
    """Each number that the action moves was moved that way just now."""
    for key in flip_keys(snapshot, request, at_ms):
        if way_of(key) == way:
            yield key, at_ms


def _held(window: Window, at_ms: int, amount: int) -> Iterator[tuple[str, int]]:
    yield window.total, amount
    yield window.key(window.part(at_ms)), amount
