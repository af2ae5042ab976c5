"""The contract of jobs: one suite, for every adapter of the port.

schedule  due_once, duplicate_tick, forward_two_hours, made_up_for, back_two_hours, overlapping_is_missed
schedule  unchanged_keeps_its_place, changed_counts_from_now, removed, nonsense_is_refused
schedule  missed_is_seen_before_it_is_forgotten
queue     same_key, same_id, oldest_first, each_run_to_one_worker
lock      slots, excludes
lease     dead_worker, too_many_deaths, sleeper_is_refused, sleeper_lets_nothing_go, given_back
cancel    queued, running, ended, of_a_dead_worker
hold      one_at_a_time, lapses, fencing_token_grows
"""

from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from flyball.jobs.errors import LeaseLost, ScheduleInvalid
from flyball.jobs.port import Jobs
from flyball.jobs.types import Claimed, Missed, State, Ticked
from tests.contract.jobs_harness import NIGHT, TTL_S, TUNE, Office, at, new

Case = Callable[[Office], Awaitable[None]]
CASES: dict[str, Case] = {}
LAPSED_MS = round(TTL_S * 1000) + 1
EVERY_MINUTE = replace(NIGHT, name="often", cron="* * * * *")


def case(body: Case) -> Case:
    CASES[body.__name__] = body
    return body


async def claimed(jobs: Jobs, worker: str = "one") -> Claimed:
    found = await jobs.claim(worker, ["tune"], at("04:00"))
    assert found is not None
    return found


async def states(jobs: Jobs) -> dict[str, State]:
    return {run.id: run.state for run in await jobs.runs()}


async def dues(jobs: Jobs) -> list[int | None]:
    return sorted((run.due_ms or 0) for run in await jobs.runs())


@case
async def schedule__due_once(office: Office) -> None:
    jobs = await office.open()
    await jobs.put(NIGHT, at("01:00"))
    assert (await jobs.tick(TUNE, at("02:29:59"))).queued == ()
    (run,) = (await jobs.tick(TUNE, at("02:30"))).queued
    assert (run.id, run.due_ms, run.state) == (NIGHT.run_id(at("02:30")), at("02:30"), "queued")
    assert run.payload == NIGHT.payload
    assert (await jobs.tick(TUNE, at("02:30:30"))).queued == ()
    assert [one.next_ms for one in await jobs.schedules()] == [at("2026-03-03 02:30")]


@case
async def schedule__duplicate_tick(office: Office) -> None:
    one, other = await office.open(), await office.open()
    await one.put(NIGHT, at("01:00"))
    assert await other.tick(["another job"], at("02:30")) == Ticked((), ())
    ticks = [await jobs.tick(TUNE, at("02:30")) for jobs in (one, other, one)]
    assert [len(ticked.queued) for ticked in ticks] == [1, 0, 0]
    assert [ticked.missed for ticked in ticks] == [(), (), ()]


@case
async def schedule__forward_two_hours(office: Office) -> None:
    """A jump over the due time is one that nobody was there for."""
    jobs = await office.open()
    await jobs.put(NIGHT, at("01:00"))
    await jobs.tick(TUNE, at("02:10"))
    ticked = await jobs.tick(TUNE, at("04:10"))
    assert (ticked.queued, ticked.missed) == ((), (Missed(NIGHT, at("02:30"), at("02:30")),))
    assert (await jobs.tick(TUNE, at("2026-03-03 02:30"))).queued


@case
async def schedule__made_up_for(office: Office) -> None:
    """`once` runs the newest one that was missed while it is young enough; older ones are said to be missed."""
    jobs = await office.open()
    late = replace(EVERY_MINUTE, cron="*/20 * * * *", misfire="once", within_ms=30 * 60_000)
    await jobs.put(late, at("01:00"))
    ticked = await jobs.tick(TUNE, at("02:35"))
    assert [run.due_ms for run in ticked.queued] == [at("02:20")]
    assert ticked.missed == (Missed(late, at("01:20"), at("02:00")),)
    night = replace(NIGHT, misfire="once", within_ms=30 * 60_000)
    await jobs.put(night, at("01:00"))
    assert not [run for run in (await jobs.tick(TUNE, at("03:01"))).queued if run.schedule == "night"]


@case
async def schedule__back_two_hours(office: Office) -> None:
    """No due time comes twice, and none that is still to come is left out."""
    jobs = await office.open()
    await jobs.put(replace(NIGHT, cron="30 2,3 * * *"), at("01:00"))
    await jobs.tick(TUNE, at("02:30"))
    await jobs.finish(await claimed(jobs), "done", "", at("02:31"))
    for moment in ("00:31", "02:30", "02:31", "03:30"):
        await jobs.tick(TUNE, at(moment))
    assert await dues(jobs) == [at("02:30"), at("03:30")]
    assert sorted((await states(jobs)).values()) == ["done", "queued"]


@case
async def schedule__overlapping_is_missed(office: Office) -> None:
    jobs = await office.open()
    await jobs.put(EVERY_MINUTE, at("01:00"))
    assert len((await jobs.tick(TUNE, at("01:01"))).queued) == 1
    assert (await jobs.tick(TUNE, at("01:02"))).missed == (Missed(EVERY_MINUTE, at("01:02"), at("01:02")),)
    await jobs.finish(await claimed(jobs), "done", "", at("01:02:30"))
    assert len((await jobs.tick(TUNE, at("01:03"))).queued) == 1


@case
async def schedule__unchanged_keeps_its_place(office: Office) -> None:
    jobs = await office.open()
    await jobs.put(NIGHT, at("01:00"))
    await jobs.put(NIGHT, at("02:30:01"))
    assert len((await jobs.tick(TUNE, at("02:30:02"))).queued) == 1


@case
async def schedule__changed_counts_from_now(office: Office) -> None:
    jobs = await office.open()
    await jobs.put(NIGHT, at("01:00"))
    await jobs.put(replace(NIGHT, cron="0 2 * * *"), at("02:10"))
    assert await jobs.tick(TUNE, at("02:40")) == await jobs.tick(TUNE, at("02:40"))
    assert await jobs.runs() == []


@case
async def schedule__removed(office: Office) -> None:
    jobs = await office.open()
    await jobs.put(NIGHT, at("01:00"))
    await jobs.remove("night")
    assert (await jobs.tick(TUNE, at("02:30"))).queued == ()
    assert await jobs.schedules() == []


@case
async def schedule__nonsense_is_refused(office: Office) -> None:
    jobs = await office.open()
    for wrong in (replace(NIGHT, cron="30 2 * *"), replace(NIGHT, zone="Mars/Olympus")):
        with pytest.raises(ScheduleInvalid):
            await jobs.put(wrong, at("01:00"))
    assert await jobs.schedules() == []


@case
async def queue__same_key(office: Office) -> None:
    jobs = await office.open()
    first = await jobs.enqueue(new("a", key="k"), at("01:00"))
    assert await jobs.enqueue(new("b", key="k"), at("01:01")) == first
    await jobs.finish(await claimed(jobs), "done", "", at("01:02"))
    assert (await jobs.enqueue(new("b", key="k"), at("01:03"))).id == "b"


@case
async def queue__same_id(office: Office) -> None:
    jobs = await office.open()
    first = await jobs.enqueue(new("a"), at("01:00"))
    assert await jobs.enqueue(new("a"), at("01:01")) == first


@case
async def queue__oldest_first(office: Office) -> None:
    jobs = await office.open()
    for name, moment in (("c", "01:02"), ("a", "01:00"), ("b", "01:01")):
        await jobs.enqueue(new(name), at(moment))
    assert [(await claimed(jobs)).run.id for _ in range(3)] == ["a", "b", "c"]


@case
async def queue__each_run_to_one_worker(office: Office) -> None:
    one, other = await office.open(), await office.open()
    for n in range(20):
        await one.enqueue(new(f"{n:02}"), at("01:00"))
    found = [
        (await claimed(jobs, name)).run.id for _ in range(10) for jobs, name in ((one, "1"), (other, "2"))
    ]
    assert sorted(found) == [f"{n:02}" for n in range(20)]
    assert await one.claim("1", ["tune"], at("02:00")) is None
    assert await one.claim("1", ["another job"], at("02:00")) is None


@case
async def lock__slots(office: Office) -> None:
    jobs = await office.open()
    for name in "abc":
        await jobs.enqueue(new(name, lock="cluster/prod", slots=2), at("01:00"))
    await jobs.enqueue(new("d", lock="cluster/test", slots=2), at("01:01"))
    first = await claimed(jobs)
    assert [(await claimed(jobs)).run.id for _ in range(2)] == ["b", "d"]
    assert await jobs.claim("one", ["tune"], at("01:02")) is None
    await jobs.finish(first, "done", "", at("01:03"))
    assert (await claimed(jobs)).run.id == "c"


@case
async def lock__excludes(office: Office) -> None:
    one, other = await office.open(), await office.open()
    await one.enqueue(new("a", lock="thread/1"), at("01:00"))
    await one.enqueue(new("b", lock="thread/1"), at("01:00"))
    held = await claimed(one)
    assert await other.claim("other", ["tune"], at("01:01")) is None
    await one.finish(held, "failed", "no", at("01:02"))
    after = await claimed(other, "other")
    assert after.token > held.token


@case
async def schedule__missed_is_seen_before_it_is_forgotten(office: Office) -> None:
    """Looking changes nothing, so that who dies after telling tells it again."""
    jobs = await office.open()
    await jobs.put(EVERY_MINUTE, at("01:00"))
    first = await jobs.missed(("tune",), at("03:00"))
    assert await jobs.missed(("tune",), at("03:00")) == first
    assert len(first) == 1
    assert await jobs.missed(("other",), at("03:00")) == ()
    assert await jobs.runs() == []
    assert (await jobs.tick(("tune",), at("03:00"))).missed == first
    assert await jobs.missed(("tune",), at("03:00")) == ()


@case
async def lease__dead_worker(office: Office) -> None:
    jobs = await office.open()
    await jobs.enqueue(new("a"), at("01:00"))
    await claimed(jobs, "dies")
    assert await jobs.reap(at("01:01")) == []
    office.clock.advance(LAPSED_MS)
    assert [run.id for run in await jobs.reap(at("01:01"))] == ["a"]
    again = await claimed(jobs, "lives")
    assert again.run.attempt == 2
    await jobs.finish(again, "done", "", at("01:02"))
    assert await states(jobs) == {"a": "done"}


@case
async def lease__too_many_deaths(office: Office) -> None:
    jobs = await office.open()
    await jobs.enqueue(new("a"), at("01:00"))
    for _ in range(5):
        await claimed(jobs, "dies")
        office.clock.advance(LAPSED_MS)
        await jobs.reap(at("01:01"))
    (run,) = await jobs.runs()
    assert (run.state, run.why) == ("failed", "its worker died 5 times")


@case
async def lease__sleeper_is_refused(office: Office) -> None:
    """It wakes up beside its rerun, or after it: what it says does not count."""
    jobs = await office.open()
    await jobs.enqueue(new("a"), at("01:00"))
    asleep = await claimed(jobs, "sleeper")
    office.clock.advance(LAPSED_MS)
    await jobs.reap(at("01:01"))
    assert await jobs.wanted(asleep) == "lost"
    again = await claimed(jobs, "other")
    assert again.token > asleep.token
    assert await jobs.wanted(asleep) == "lost"
    with pytest.raises(LeaseLost):
        await jobs.finish(asleep, "failed", "I was asleep", at("01:01"))
    await jobs.finish(again, "done", "", at("01:02"))
    with pytest.raises(LeaseLost):
        await jobs.finish(asleep, "failed", "I was asleep", at("01:03"))
    assert await states(jobs) == {"a": "done"}


@case
async def lease__sleeper_lets_nothing_go(office: Office) -> None:
    jobs = await office.open()
    asleep = await jobs.hold("service", 1, "sleeper")
    office.clock.advance(LAPSED_MS)
    now = await jobs.hold("service", 1, "other")
    assert asleep is not None
    assert now is not None
    assert now.token > asleep.token
    await jobs.let_go(asleep)
    assert await jobs.holders("service") == [now]


@case
async def lease__given_back(office: Office) -> None:
    jobs = await office.open()
    await jobs.enqueue(new("a"), at("01:00"))
    await jobs.finish(await claimed(jobs), "queued", "cut off", at("01:01"))
    (run,) = await jobs.runs()
    assert (run.state, run.ended_ms) == ("queued", None)
    assert (await claimed(jobs)).run.attempt == 2


@case
async def cancel__queued(office: Office) -> None:
    jobs = await office.open()
    await jobs.enqueue(new("a"), at("01:00"))
    assert await jobs.cancel("a", at("01:01"))
    assert await jobs.claim("one", ["tune"], at("01:02")) is None
    assert await states(jobs) == {"a": "cancelled"}


@case
async def cancel__running(office: Office) -> None:
    jobs = await office.open()
    await jobs.enqueue(new("a"), at("01:00"))
    held = await claimed(jobs)
    assert await jobs.wanted(held) == "go on"
    assert await jobs.cancel("a", at("01:01"))
    assert await jobs.wanted(held) == "cancel"
    await jobs.finish(held, "cancelled", "", at("01:02"))
    assert await states(jobs) == {"a": "cancelled"}


@case
async def cancel__ended(office: Office) -> None:
    jobs = await office.open()
    await jobs.enqueue(new("a"), at("01:00"))
    await jobs.finish(await claimed(jobs), "done", "", at("01:01"))
    assert not await jobs.cancel("a", at("01:02"))
    assert not await jobs.cancel("nobody knows it", at("01:02"))


@case
async def cancel__of_a_dead_worker(office: Office) -> None:
    jobs = await office.open()
    await jobs.enqueue(new("a"), at("01:00"))
    await claimed(jobs, "dies")
    await jobs.cancel("a", at("01:01"))
    office.clock.advance(LAPSED_MS)
    await jobs.reap(at("01:02"))
    assert await states(jobs) == {"a": "cancelled"}


@case
async def hold__one_at_a_time(office: Office) -> None:
    one, other = await office.open(), await office.open()
    held = await one.hold("service", 1, "one")
    assert held is not None
    assert await other.hold("service", 1, "other") is None
    assert await other.holders("service") == [held]
    await one.let_go(held)
    assert await other.hold("service", 1, "other") is not None


@case
async def hold__lapses(office: Office) -> None:
    """By the clock of leases, which no change of the time of day moves."""
    jobs = await office.open()
    await jobs.hold("service", 1, "one")
    office.clock.wall += 7_200_000
    assert await jobs.hold("service", 1, "other") is None
    office.clock.advance(LAPSED_MS)
    assert await jobs.holders("service") == []
    assert await jobs.hold("service", 1, "other") is not None


@case
async def hold__fencing_token_grows(office: Office) -> None:
    jobs, tokens = await office.open(), list[int]()
    for n in range(5):
        held = await jobs.hold("service", 1, f"worker {n}")
        assert held is not None
        tokens.append(held.token)
        if n % 2:
            await jobs.let_go(held)
        else:
            office.clock.advance(LAPSED_MS)
    assert tokens == sorted(set(tokens))
