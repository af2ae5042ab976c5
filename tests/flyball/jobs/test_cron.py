"""Cron in time zones: both changes of daylight saving time, also the half hour of Lord Howe.

once a night     at the first of two, or right after the gap; also from a start in the middle of the change
every so often   at every moment whose local time fits: held to a search of all minutes
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from flyball.jobs.cron import Cron
from flyball.jobs.errors import ScheduleInvalid

BERLIN, NEW_YORK, HOWE = "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"


def ms(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp() * 1000)


def local(at_ms: int, zone: str) -> str:
    return datetime.fromtimestamp(at_ms / 1000, ZoneInfo(zone)).isoformat(timespec="minutes")


def dues(expression: str, zone: str, begin_ms: int, end_ms: int) -> list[int]:
    one, found, at = Cron(expression, zone), list[int](), begin_ms
    while (due := one.next_after(at)) is not None and due < end_ms:
        found.append(due)
        at = due
    return found


SPRING_AND_AUTUMN = [
    (BERLIN, "30 2 * * *", "2026-03-28T12:00+01:00", "2026-03-29T03:00+02:00"),
    (BERLIN, "30 2 * * *", "2026-10-24T12:00+02:00", "2026-10-25T02:30+02:00"),
    (NEW_YORK, "30 2 * * *", "2026-03-07T12:00-05:00", "2026-03-08T03:00-04:00"),
    (NEW_YORK, "30 1 * * *", "2026-10-31T12:00-04:00", "2026-11-01T01:30-04:00"),
    (HOWE, "15 2 * * *", "2026-10-03T12:00+10:30", "2026-10-04T02:30+11:00"),
    (HOWE, "30 2 * * *", "2026-10-03T12:00+10:30", "2026-10-04T02:30+11:00"),
    (HOWE, "45 1 * * *", "2026-04-04T12:00+11:00", "2026-04-05T01:45+11:00"),
    (HOWE, "30 2 * * *", "2026-04-04T12:00+11:00", "2026-04-05T02:30+10:30"),
]


@pytest.mark.parametrize(("zone", "expression", "noon", "due"), SPRING_AND_AUTUMN)
def test_a_nightly_run_is_due_once_in_the_night_of_the_change(
    zone: str, expression: str, noon: str, due: str
) -> None:
    begin = ms(noon)
    found = [local(at, zone) for at in dues(expression, zone, begin, begin + 24 * 3_600_000)]
    assert found == [due]


@pytest.mark.parametrize(("zone", "expression", "noon", "due"), SPRING_AND_AUTUMN)
def test_whoever_starts_in_the_middle_of_the_change_runs_it_once_too(
    zone: str, expression: str, noon: str, due: str
) -> None:
    for minutes in range(-120, 180, 7):
        begin = ms(due) + minutes * 60_000
        found = dues(expression, zone, begin, ms(due) + 12 * 3_600_000)
        assert found == ([ms(due)] if minutes < 0 else [])


EVERY: list[tuple[str, Callable[[datetime], bool]]] = [
    ("*/5 2 * * *", lambda t: t.minute % 5 == 0 and t.hour == 2),
    ("30 * * * *", lambda t: t.minute == 30),
    ("7 */2 * * *", lambda t: t.minute == 7 and t.hour % 2 == 0),
    ("*/20 1-3 * * *", lambda t: t.minute % 20 == 0 and t.hour in (1, 2, 3)),
]


@pytest.mark.parametrize(("expression", "fits"), EVERY)
@pytest.mark.parametrize(
    "day", ["2026-03-28", "2026-10-24", "2026-03-07", "2026-10-31", "2026-04-04", "2026-10-03"]
)
@pytest.mark.parametrize("zone", [BERLIN, NEW_YORK, HOWE])
def test_what_runs_every_so_often_runs_at_each_moment_that_fits(
    zone: str, day: str, expression: str, fits: Callable[[datetime], bool]
) -> None:
    begin = datetime.fromisoformat(day).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
    minutes = (begin + timedelta(minutes=n) for n in range(1, 2 * 1440))
    wanted = [round(t.timestamp() * 1000) for t in minutes if fits(t.astimezone(ZoneInfo(zone)))]
    first = round(begin.timestamp() * 1000)
    assert dues(expression, zone, first, first + 2 * 86_400_000) == wanted


@pytest.mark.parametrize("expression", ["* * * * *", "0 * * * *", "30 2 * * *", "0 6 * * MON", "0 0 29 2 *"])
def test_the_last_due_time_is_the_one_that_is_followed_by_no_other(expression: str) -> None:
    one, now = Cron(expression, BERLIN), ms("2026-11-30T18:07:30+00:00")
    last = one.last_until(now)
    assert last is not None
    following = one.next_after(last)
    assert last <= now
    assert following is not None
    assert following > now


def test_weekdays_are_those_of_cron() -> None:
    """Monday is 1: a library of schedules made Tuesday of it."""
    (due,) = dues("0 3 * * 1", "UTC", ms("2026-11-24T00:00+00:00"), ms("2026-12-01T00:00+00:00"))
    assert datetime.fromtimestamp(due / 1000, UTC).strftime("%A %H:%M") == "Monday 03:00"


@pytest.mark.parametrize(
    ("expression", "zone"),
    [("30 2 * *", "UTC"), ("0 30 2 * * *", "UTC"), ("61 2 * * *", "UTC"), ("0 0 31 2 *", "UTC"), ("@daily", "UTC"),
     ("0 2 * * *", "Mars/Olympus"), ("0 2 * * *", "../../etc/passwd"), ("0 2 * * *", ""), ("0 2 * * *", "/etc")],
)  # fmt: skip
def test_what_is_no_schedule_is_refused(expression: str, zone: str) -> None:
    with pytest.raises(ScheduleInvalid):
        Cron(expression, zone)
