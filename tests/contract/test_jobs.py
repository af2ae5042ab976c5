"""The suite of jobs on each adapter, and what only the embedded one can meet: a full disk, a newer file."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from flyball.jobs.embedded import EmbeddedJobs
from flyball.jobs.errors import JobsUnavailable
from flyball.jobs.store import VERSION
from tests.contract.jobs_harness import NIGHT, TUNE, Office, at, new
from tests.contract.jobs_suite import CASES
from tests.kit.logs import ToldClock


@pytest.mark.parametrize("adapter", ["embedded"])
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_the_contract(case: object, adapter: str, tmp_path: Path) -> None:
    Office(adapter, tmp_path).within(case)  # type: ignore[arg-type]


def test_the_suite_says_what_is_in_it() -> None:
    from tests.contract import jobs_suite

    areas = {name.partition("__")[0] for name in CASES}
    told = [line.split(maxsplit=1) for line in (jobs_suite.__doc__ or "").splitlines() if line.split()[:1]]
    rows = [row for row in told if row[0] in areas]
    assert {f"{area}__{name}" for area, names in rows for name in names.split(", ")} == CASES.keys()


def test_a_full_disk_refuses_and_recovers(tmp_path: Path) -> None:
    """Nothing is half queued; with room again the same tick queues it."""

    async def work(office: Office) -> None:
        jobs = await office.open()
        assert isinstance(jobs, EmbeddedJobs)
        await jobs.put(NIGHT, at("01:00"))
        db = jobs._store._db
        db.execute(f"PRAGMA max_page_count={db.execute('PRAGMA page_count').fetchone()[0]}")
        with pytest.raises(JobsUnavailable, match="full") as caught:
            await jobs.enqueue(new("x" * 100_000), at("01:00"))
        assert "room" in caught.value.hint
        assert await jobs.runs() == []
        db.execute("PRAGMA max_page_count=1000000")
        assert len((await jobs.tick(TUNE, at("02:30"))).queued) == 1

    Office("embedded", tmp_path).within(work)


def test_a_file_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "jobs.db"
    with closing(sqlite3.connect(path)) as db:
        db.execute(f"PRAGMA user_version = {VERSION + 1}")
    with pytest.raises(JobsUnavailable, match=f"version {VERSION + 1}"):
        EmbeddedJobs(path, ToldClock())


def test_the_file_is_private(tmp_path: Path) -> None:
    async def work(office: Office) -> None:
        await office.open()
        assert (tmp_path / "jobs.db").stat().st_mode & 0o077 == 0

    Office("embedded", tmp_path).within(work)
