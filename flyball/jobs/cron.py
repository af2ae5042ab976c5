"""Cron expressions in an IANA zone, right at both changes of daylight saving time.

Which local times fit is cronsim's to say. What a local time is in UTC is said here, as Debian's cron does it:
- An expression with a set hour and minute (`30 2 * * *`) is due once a night: at the first of two 02:30, and where
  there is no 02:30, at the first minute after the gap.
- One whose minute or hour begins with `*` is due at every moment whose local time fits.
cronsim's own answer misses runs of the second kind where the clock changes by half an hour (Lord Howe).
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from flyball.jobs.errors import ScheduleInvalid

_REACH = timedelta(hours=3)
"""More than any zone's clock goes back at once."""
_WINDOWS_MS = tuple(n * 60_000 for n in (2, 90, 26 * 60, 9 * 1440, 32 * 1440, 367 * 1440, 9 * 366 * 1440))
"""How far back the last due time is looked for; nothing is more seldom than a 29 February on a given weekday."""


class Cron:
    """When a schedule is due. Raises ScheduleInvalid."""

    def __init__(self, expression: str, zone: str) -> None:
        self._fields = expression.split()
        if len(self._fields) != 5:
            hint = "minute hour day month weekday, e.g. 30 2 * * *"
            raise ScheduleInvalid(
                "a cron expression has five fields", where=f"`{expression[:80]}`", hint=hint
            )
        self._expression, self._zone = expression, _zone(zone)
        self._every = self._fields[0].startswith("*") or self._fields[1].startswith("*")
        self.next_after(0)

    def next_after(self, at_ms: int) -> int | None:
        """The first due time after that moment, in Unix ms; None where none comes within 50 years."""
        after = datetime.fromtimestamp(at_ms / 1000, UTC)
        begin = after.astimezone(self._zone).replace(tzinfo=None) - _REACH
        first: datetime | None = None
        until: datetime | None = None
        for local in self._local(begin):
            if until is not None and local > until:
                break
            for instant in self._instants(local):
                if instant > after and (first is None or instant < first):
                    first, until = instant, local + _REACH
        return None if first is None else round(first.timestamp() * 1000)

    def last_until(self, at_ms: int) -> int | None:
        """The last due time at or before that moment; None where there was none in the last years."""
        for window in _WINDOWS_MS:
            found, due = None, self.next_after(at_ms - window)
            while due is not None and due <= at_ms:
                found, due = due, self.next_after(due)
            if found is not None:
                return found
        return None

    def _local(self, begin: datetime) -> Iterator[datetime]:
        try:
            return CronSim(self._expression, begin)
        except CronSimError as e:
            where = f"`{self._expression[:80]}`"
            raise ScheduleInvalid(f"not a cron expression: {e}", where=where, hint="e.g. 30 2 * * *") from e

    def _instants(self, local: datetime) -> Iterator[datetime]:
        """When that local time is."""
        if not self._every:
            while not self._there(local):
                local += timedelta(minutes=1)
            yield self._at(local, 0)
        elif self._there(local):
            yield self._at(local, 0)
            yield self._at(local, 1)

    def _there(self, local: datetime) -> bool:
        """Whether clocks show that time at all on its day."""
        return self._at(local, 0).astimezone(self._zone).replace(tzinfo=None, fold=0) == local

    def _at(self, local: datetime, fold: int) -> datetime:
        return local.replace(tzinfo=self._zone, fold=fold).astimezone(UTC)


@lru_cache(maxsize=256)
def cron(expression: str, zone: str) -> Cron:
    """The parsed expression, kept. Raises ScheduleInvalid."""
    return Cron(expression, zone)


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (OSError, ValueError, LookupError) as e:
        hint = "an IANA name, e.g. Europe/Berlin, or UTC"
        raise ScheduleInvalid("no such time zone", where=f"`{name[:80]}`", hint=hint) from e
