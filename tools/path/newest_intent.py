"""The newest intent that fits, of one state of the log."""

from collections.abc import Callable

from audit.log import Entry, Reads
from audit.record import Record


def newest_intent(
    reads: Reads, fits: Callable[[Record], bool], *, first: int, resource_key: str | None = None
) -> Entry | None:
    """Of a workload, or of all. It is looked for among the `first` newest ones, then among eight times as many, and
    so on: mostly it is one of the last."""
    limit, passed = first, 0
    while True:
        found = reads.find(
            kinds=("action.intent",), resource_key=resource_key, newest_first=True, limit=limit
        )
        for entry in found[passed:]:
            if fits(entry.record):
                return entry
        if len(found) < limit:
            return None
        limit, passed = limit * 8, limit
