"""The times of records, and whether the wall clock went back between two of them.

A clock that goes back is tolerated and recorded. Within one boot the monotonic clock tells a step back from
a record that merely waited before it was stored; across boots only the wall clock is left to compare.
"""

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, NamedTuple

from audit.report import Report

TOLERANCE_MS = 1_000
"""A step back of a leap second, or less, is not an anomaly."""

AHEAD_MS = 3_600_000
"""How far the clock of the one who verifies may be behind that of the one who recorded."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


class Stamp(NamedTuple):
    """When a record was drafted: wall clock in ms, monotonic clock in µs, and the boot it counts from."""

    wall_ms: int
    mono_us: int
    boot_id: str

    @classmethod
    def of(cls, record: dict[str, Any]) -> "Stamp":
        """The stamp of a parsed body. Raises ValueError or KeyError where it has none."""
        mono_us = record["mono_us"]
        if type(mono_us) is not int:
            raise ValueError(f"no monotonic time: {mono_us!r}")
        return cls(wall_ms(record["ts"]), mono_us, record["boot_id"])


def rfc3339(unix_ms: int) -> str:
    """RFC 3339 in UTC with milliseconds: `2026-10-05T01:14:02.250Z`."""
    second, ms = divmod(unix_ms, 1000)
    return f"{_to_the_second(second)}.{ms:03d}Z"


@lru_cache(64)
def _to_the_second(unix_s: int) -> str:
    return f"{_EPOCH + timedelta(seconds=unix_s):%Y-%m-%dT%H:%M:%S}"


@lru_cache(64)
def wall_ms(text: str) -> int:
    """Milliseconds since the epoch of an RFC 3339 time. Raises ValueError."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"a time without a zone: {text!r}")
    return (moment - _EPOCH) // _MILLISECOND


def went_back_ms(before: Stamp, after: Stamp) -> int:
    """By how many ms the wall clock went back between two records; 0 where it did not."""
    if before.boot_id == after.boot_id:
        elapsed_ms = (after.mono_us - before.mono_us) // 1_000
        back = before.wall_ms + elapsed_ms - after.wall_ms
    else:
        back = before.wall_ms - after.wall_ms
    return back if back > TOLERANCE_MS else 0


class Timeline:
    """The times of a log's records, in order, for its report: steps back, and times that have not come yet."""

    def __init__(self, report: Report, now_ms: int) -> None:
        self._report, self._now_ms = report, now_ms
        self._last: Stamp | None = None
        self._last_ts: str | None = None
        self._ahead: tuple[int, str] | None = None
        """The first record later than now, and its time, until a `clock.anomaly` tells that the clock was wrong."""

    def take(self, seq: int, record: dict[str, Any]) -> None:
        """The next record's parsed body. Raises ValueError or KeyError where it has no time."""
        now = Stamp.of(record)
        told = record["kind"] == "clock.anomaly"
        if back := went_back_ms(self._last, now) if self._last else 0:
            how = "recorded" if told else "not recorded"
            self._report.noted("clock", seq, f"the clock went back by {back} ms ({how})")
        if now.wall_ms > self._now_ms + AHEAD_MS:
            self._ahead = self._ahead or (seq, record["ts"])
        elif self._ahead and told:
            self._report.noted(
                "clock", self._ahead[0], f"{self._ahead_of_now()}; record {seq} tells of that clock"
            )
            self._ahead = None
        self._last, self._last_ts = now, record["ts"]

    def end(self) -> None:
        """No record comes any more."""
        if self._ahead:
            self._report.found("clock", self._ahead[0], self._ahead_of_now())
        self._report.last_ts = self._last_ts

    def _ahead_of_now(self) -> str:
        return f"its time, {self._ahead[1]}, has not come yet" if self._ahead else ""
