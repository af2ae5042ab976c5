"""A worker: how each end of a run is told, and what is given back.

the work                                   the run
returns                                    done, with what it said
raises an error of ours, or anything       failed, with why; the others go on
is cancelled by a person                   cancelled
is cut off, as the worker ends             queued again, for the next one
goes on while its heartbeat gets through nothing    cut off, queued again, and nothing more is begun
"""

import asyncio
import os
import sqlite3
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path

import pytest

from audit.clock import SystemClock
from base.errors import FlyballError
from flyball.jobs.embedded import EmbeddedJobs
from flyball.jobs.errors import JobsUnavailable
from flyball.jobs.types import Holding, NewRun, Run
from flyball.jobs.worker import Work, Worker
from tests.contract.jobs_harness import at, new


def runs_of(
    folder: Path, work: Work, *names: str, do: Callable[[Worker, EmbeddedJobs], object] | None = None
):  # type: ignore[no-untyped-def]
    """What becomes of runs of these names; `do` acts on the worker instead of just letting it work."""

    async def inside() -> dict[str, Run]:
        jobs = EmbeddedJobs(folder / "jobs.db", SystemClock())
        for name in names:
            await jobs.enqueue(new(name), at("01:00"))
        worker = Worker(jobs, {"tune": work}, lambda: at("01:01"))
        async with asyncio.timeout(20):
            await (worker.run_due() if do is None else do(worker, jobs))  # type: ignore[misc]
        found = {run.id: run for run in await jobs.runs()}
        await jobs.close()
        return found

    return asyncio.run(inside())


async def endless(_: Run) -> str:
    await asyncio.sleep(3600)
    return ""


def test_how_runs_end(tmp_path: Path) -> None:
    async def work(run: Run) -> str:
        if run.id == "ours":
            raise FlyballError("no rights", where="policy")
        if run.id == "fault":
            raise ZeroDivisionError("division by zero")
        return "4 changes"

    found = runs_of(tmp_path, work, "ours", "fault", "well")
    assert {name: (run.state, run.why) for name, run in found.items()} == {
        "ours": ("failed", "policy: no rights"),
        "fault": ("failed", "ZeroDivisionError: division by zero"),
        "well": ("done", "4 changes"),
    }


def test_runs_go_on_beside_each_other_and_more_are_begun_meanwhile(tmp_path: Path) -> None:
    met = asyncio.Barrier(3)

    async def work(_: Run) -> str:
        await met.wait()
        return ""

    async def do(worker: Worker, jobs: EmbeddedJobs) -> None:
        async def meanwhile() -> None:
            await jobs.enqueue(new("late"), at("01:01"))

        await worker.run_due(meanwhile)

    found = runs_of(tmp_path, work, "a", "b", do=do)
    assert {run.state for run in found.values()} == {"done"}
    assert len(found) == 3


def test_a_person_cancels_a_run(tmp_path: Path) -> None:
    async def do(worker: Worker, jobs: EmbeddedJobs) -> None:
        async def meanwhile() -> None:
            await jobs.cancel("a", at("01:01"))

        await worker.run_due(meanwhile)

    assert runs_of(tmp_path, endless, "a", do=do)["a"].state == "cancelled"


def test_what_is_cut_off_is_queued_again(tmp_path: Path) -> None:
    async def do(worker: Worker, jobs: EmbeddedJobs) -> None:
        task = asyncio.ensure_future(worker.run_due())
        await asyncio.sleep(0.1)
        task.cancel()
        await asyncio.wait({task})

    run = runs_of(tmp_path, endless, "a", do=do)["a"]
    assert (run.state, run.why, run.ended_ms) == ("queued", "cut off", None)


def test_without_a_heartbeat_it_stops(tmp_path: Path) -> None:
    class Silent(EmbeddedJobs):
        def heartbeat(
            self, worker: str, lost: Callable[[], object], holding: Holding | None = None
        ) -> AbstractContextManager[None]:
            @contextmanager
            def silent():  # type: ignore[no-untyped-def]
                lost()
                yield

            return silent()

    async def do(worker: Worker, jobs: EmbeddedJobs) -> None:
        silent = Silent(tmp_path / "jobs.db", SystemClock())
        await Worker(silent, {"tune": endless}, lambda: at("01:01")).run_due()
        await silent.close()

    run = runs_of(tmp_path, endless, "a", do=do)["a"]
    assert (run.state, run.attempt) == ("queued", 1)


def test_a_heartbeat_keeps_a_run_whose_arithmetic_holds_up_the_loop(tmp_path: Path) -> None:
    import time

    async def do(_: Worker, jobs: EmbeddedJobs) -> None:
        mine = EmbeddedJobs(tmp_path / "jobs.db", SystemClock(), ttl_s=0.3)

        async def busy(_: Run) -> str:
            time.sleep(1.0)
            assert await jobs.reap(at("01:02")) == []
            return "kept"

        await Worker(mine, {"tune": busy}, lambda: at("01:01")).run_due()
        await mine.close()

    run = runs_of(tmp_path, endless, "a", do=do)["a"]
    assert (run.state, run.why) == ("done", "kept")


@pytest.mark.parametrize("sql", [
    "UPDATE slot SET holder = 'other', token = token + 1",
    "UPDATE slot SET token = token + 1",
    "UPDATE slot SET holder = 'other'",
    "DELETE FROM slot",
])  # fmt: skip
def test_who_renews_nothing_is_told_so(tmp_path: Path, sql: str) -> None:
    """Somebody else holds the slot by now, or a row was written by hand: the heartbeat is no proof of a lease."""

    async def work() -> None:
        jobs = EmbeddedJobs(tmp_path / "jobs.db", SystemClock(), ttl_s=0.3)
        holding = await jobs.hold("service", 1, "me")
        assert holding is not None
        lost = threading.Event()
        with jobs.heartbeat("me", lost.set, holding):
            assert not lost.wait(0.25)
            with closing(sqlite3.connect(tmp_path / "jobs.db")) as db, db:
                db.execute(sql)
            assert lost.wait(5)
        await jobs.close()

    asyncio.run(work())


@pytest.mark.parametrize("until", [10**16, 2**63 - 1])
def test_a_slot_that_no_lease_can_have_given_is_free(tmp_path: Path, until: int) -> None:
    """A forged or a foreign row would keep every service waiting for ever, and a dead run running."""

    async def work() -> None:
        jobs = EmbeddedJobs(tmp_path / "jobs.db", SystemClock(), ttl_s=0.3)
        forged = await jobs.hold("service", 1, "forged")
        assert forged is not None
        await jobs.enqueue(NewRun("a", "tune", {}), at("01:00"))
        assert await jobs.claim("forged", ("tune",), at("01:00")) is not None
        with closing(sqlite3.connect(tmp_path / "jobs.db")) as db, db:
            db.execute("UPDATE slot SET until_us = ?", (until,))
        assert await jobs.holders("service") == []
        mine = await jobs.hold("service", 1, "me")
        assert mine is not None
        assert mine.token > forged.token
        assert [run.state for run in await jobs.reap(at("01:01"))] == ["queued"]
        await jobs.close()

    asyncio.run(work())


def test_nothing_is_begun_whose_lease_could_not_be_renewed(tmp_path: Path) -> None:
    """No file may be opened any more: a thread that fails alone would leave the work to two."""

    async def do(worker: Worker, jobs: EmbeddedJobs) -> None:
        os.rename(tmp_path / "jobs.db", tmp_path / "kept.db")
        (tmp_path / "jobs.db").mkdir()
        with pytest.raises(JobsUnavailable):
            await worker.run_due()
        (tmp_path / "jobs.db").rmdir()
        os.rename(tmp_path / "kept.db", tmp_path / "jobs.db")

    run = runs_of(tmp_path, endless, "a", do=do)["a"]
    assert (run.state, run.attempt) == ("queued", 0)


@pytest.mark.parametrize("payload", ["{{", "[]", '{"agent": 7}', "[" * 100_000, ""])
def test_a_row_that_is_none_is_said_with_what_helps(tmp_path: Path, payload: str) -> None:
    async def do(worker: Worker, jobs: EmbeddedJobs) -> None:
        with closing(sqlite3.connect(tmp_path / "jobs.db")) as db, db:
            db.execute("UPDATE run SET payload = ?", (payload,))
        with pytest.raises(JobsUnavailable, match="damaged") as no:
            await worker.run_due()
        assert "move the file away" in no.value.hint
        with closing(sqlite3.connect(tmp_path / "jobs.db")) as db, db:
            db.execute("UPDATE run SET payload = '{}'")

    assert runs_of(tmp_path, endless, "a", do=do)["a"].state == "queued"


def test_a_file_that_is_no_store_is_said_with_what_helps(tmp_path: Path) -> None:
    (tmp_path / "jobs.db").write_bytes(b"nonsense" * 2000)
    with pytest.raises(JobsUnavailable) as no:
        EmbeddedJobs(tmp_path / "jobs.db", SystemClock())
    assert "move the file away" in no.value.hint
