"""What opening a log finds at its pinned checkpoint. A gap in what it proves is a warning and a record."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from audit.errors import LogTampered
from audit.note import Verifier
from audit.pinned_file import HINT, NoCheckpoint, contradiction, look
from audit.report import Report
from audit.store.read import Reader
from audit.timeline import wall_ms
from base.text import storable

MOST_WHY = 512
LAG_MS = 5_000
"""A pinned checkpoint may be so much older than the log: it is written at most four times a second, and not at all
any more by a process that was killed."""


@dataclass(frozen=True, slots=True)
class Gap:
    """What the pinned checkpoint does not prove. `pinned` is its size, None where there is none to compare with."""

    state: str
    why: str
    pinned: int | None = None

    def told(self, size: int) -> dict[str, Any]:
        """As a record's observation; `size` is that of the log."""
        return {"state": self.state, "why": self.why, "pinned": self.pinned, "log": size}

    def sentence(self, size: int) -> str:
        """For people: what is not proven."""
        if self.pinned is not None:
            return f"the pinned checkpoint was {size - self.pinned} records behind the log: {self.why}"
        return f"no pinned checkpoint proves the first {size} records: {self.why}"


def found(path: Path, verifier: Verifier, log: Reader, root_at: Callable[[int], bytes]) -> Gap | None:
    """What is wrong with the checkpoint pinned at `path`; None where it is as it should be.

    A log without records has nothing to prove yet: for it no checkpoint is none missing. Raises LogTampered where
    the log contradicts what is pinned, LogUnavailable where it cannot be read.
    """
    size, pinned = log.size(), look(path, verifier)
    if isinstance(pinned, NoCheckpoint):
        why = storable(pinned.why, MOST_WHY)
        return None if pinned.state == "missing" and not size else Gap(pinned.state, why)
    if (against := contradiction(pinned, size, root_at)) is not None:
        raise LogTampered(against, where=str(path), hint=HINT)
    if pinned.size < size and lags(_ts(log, pinned.size), _ts(log, size - 1)):
        return Gap("behind", "it was not written when they were, or an older one was put back", pinned.size)
    return None


def lags(first_unpinned: str, last: str) -> bool:
    """Whether so much time lies between two records (RFC 3339) that more than a lag is the matter."""
    return wall_ms(last) - wall_ms(first_unpinned) > LAG_MS


class PinnedNotes:
    """What verification says of the pinned checkpoint beside comparing it: where it began again, and how far behind
    it is."""

    def __init__(self, report: Report, pinned: int | None) -> None:
        self._report, self._pinned = report, pinned
        self._first: str | None = None
        self._last = ""

    def take(self, seq: int, record: dict[str, Any]) -> None:
        """The next record's parsed body. Raises KeyError, TypeError or ValueError where it is none."""
        ts: str = record["ts"]
        self._last = ts
        if seq == self._pinned:
            self._first = ts
        if record["kind"] == "pinned.anomaly":
            self._report.noted("pinned", seq, record["reason"])

    def end(self, size: int) -> None:
        """No record comes any more."""
        if self._first and self._pinned is not None and lags(self._first, self._last):
            what = f"the pinned checkpoint ends {size - self._pinned} records before the log does"
            self._report.noted("pinned", self._pinned, what)


def _ts(log: Reader, seq: int) -> str:
    entry = log.by_seq(seq)
    assert entry is not None
    return entry.record.ts
