"""The exit code that a turn ends with."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from flyball.exits import Exit

if TYPE_CHECKING:
    from agents.ops.events import Event

_ENDS = {
    "refused": Exit.REFUSED,
    "assent": Exit.WAITING,
    "cancelled": Exit.INTERRUPTED,
    "drained": Exit.TERMINATED,
}


def code_of(events: "Sequence[Event]") -> Exit:
    """The exit code of one turn: what is still open comes first, then what went wrong."""
    from agents.errors import ModelUnavailable
    from agents.ops.events import CardShown, Changed, Stopped, Waiting

    ends = [event for event in events if not isinstance(event, Changed)]
    last = ends[-1] if ends else None
    statuses = {e.card.status for e in events if isinstance(e, CardShown)}
    if "in_doubt" in statuses:
        return Exit.IN_DOUBT
    if isinstance(last, Waiting):
        return Exit.WAITING
    if isinstance(last, Stopped) and last.reason in _ENDS:
        return _ENDS[last.reason]
    if isinstance(last, Stopped):
        return Exit.UNAVAILABLE if isinstance(last.error, ModelUnavailable) else Exit.FAILED
    if statuses & {"failed", "in_part"}:
        return Exit.FAILED
    done = statuses & {"applied", "unchanged", "simulated"}
    return Exit.REFUSED if "refused" in statuses and not done else Exit.DONE
