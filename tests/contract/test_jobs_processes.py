"""Workers of jobs as processes: killed, frozen past their lease, asked to end, asked to cancel, many at once."""

import asyncio
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from audit.clock import SystemClock
from flyball.jobs.port import Jobs
from flyball.jobs.types import Run
from tests.contract.jobs_child import TTL_S
from tests.contract.jobs_harness import at, new, opened

pytestmark = pytest.mark.parametrize("adapter", ["embedded"])


class Worker:
    """A child with its lines."""

    def __init__(self, adapter: str, folder: Path, name: str, seconds: float) -> None:
        argv = [sys.executable, "-m", "tests.contract.jobs_child", adapter, str(folder), name, str(seconds)]
        self.process = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)
        self.until("works")

    def until(self, word: str) -> str:
        """The next line that begins so."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.startswith(word):
                return line.strip()
        raise AssertionError(f"it ended without `{word}`")

    def send(self, number: int) -> None:
        self.process.send_signal(number)


Begin = Callable[[str, float], Worker]


@pytest.fixture
def workers(adapter: str, tmp_path: Path) -> Iterator[Begin]:
    begun: list[Worker] = []

    def begin(name: str, seconds: float) -> Worker:
        begun.append(Worker(adapter, tmp_path, name, seconds))
        return begun[-1]

    yield begin
    for one in begun:
        one.process.kill()
        one.process.wait()
        assert one.process.stdout is not None
        one.process.stdout.close()


def ask(adapter: str, folder: Path, work: Callable[[Jobs], Awaitable[object]]) -> object:
    async def inside() -> object:
        jobs = opened(adapter, folder, SystemClock(), TTL_S)
        try:
            return await work(jobs)
        finally:
            await jobs.close()

    return asyncio.run(inside())


def queue(adapter: str, folder: Path, *names: str) -> None:
    async def work(jobs: Jobs) -> None:
        for name in names:
            await jobs.enqueue(new(name), at("01:00"))

    ask(adapter, folder, work)


def ended(adapter: str, folder: Path, count: int = 1, within_s: float = 20) -> list[Run]:
    """The runs, once that many of them have ended."""

    async def work(jobs: Jobs) -> list[Run]:
        deadline = time.monotonic() + within_s
        while time.monotonic() < deadline:
            runs = await jobs.runs()
            if sum(run.ended_ms is not None for run in runs) == count:
                return runs
            await asyncio.sleep(0.05)
        raise AssertionError(await jobs.runs())

    found = ask(adapter, folder, work)
    assert isinstance(found, list)
    return found


def test_a_killed_workers_run_is_done_by_the_next(adapter: str, tmp_path: Path, workers: Begin) -> None:
    queue(adapter, tmp_path, "a")
    first = workers("first", 60)
    first.until("begins a 1")
    first.send(signal.SIGKILL)
    workers("second", 0.1).until("begins a 2")
    (run,) = ended(adapter, tmp_path)
    assert (run.state, run.why, run.attempt) == ("done", "by second", 2)


def test_a_frozen_worker_is_refused_when_it_wakes(adapter: str, tmp_path: Path, workers: Begin) -> None:
    queue(adapter, tmp_path, "a")
    first = workers("first", 0.3)
    first.until("begins a 1")
    first.send(signal.SIGSTOP)
    workers("second", 0.1).until("begins a 2")
    (run,) = ended(adapter, tmp_path)
    first.send(signal.SIGCONT)
    first.until("tune a: failed, another worker has this run now")
    assert ended(adapter, tmp_path) == [run]
    assert run.why == "by second"


def test_a_worker_that_is_asked_to_end_gives_back_what_it_has(
    adapter: str, tmp_path: Path, workers: Begin
) -> None:
    queue(adapter, tmp_path, "a")
    first = workers("first", 60)
    first.until("begins a 1")
    first.send(signal.SIGTERM)
    first.until("cut off a 1")
    assert first.process.wait(timeout=10) == 0
    begun = time.monotonic()
    workers("second", 0.1)
    (run,) = ended(adapter, tmp_path)
    assert (run.state, run.attempt) == ("done", 2)
    assert time.monotonic() - begun < 10, "nobody waits for a lease to lapse"


def test_a_running_run_is_cancelled(adapter: str, tmp_path: Path, workers: Begin) -> None:
    queue(adapter, tmp_path, "a")
    one = workers("one", 60)
    one.until("begins a 1")
    assert ask(adapter, tmp_path, lambda jobs: jobs.cancel("a", at("01:01")))
    one.until("cut off a 1")
    (run,) = ended(adapter, tmp_path)
    assert run.state == "cancelled"


def test_two_workers_do_each_run_once(adapter: str, tmp_path: Path, workers: Begin) -> None:
    names = [f"{n:02}" for n in range(40)]
    pair = [workers(name, 0.01) for name in ("one", "two")]
    queue(adapter, tmp_path, *names)
    runs = ended(adapter, tmp_path, len(names))
    assert {(run.state, run.attempt) for run in runs} == {("done", 1)}
    for one in pair:
        one.send(signal.SIGTERM)
        one.process.wait(timeout=10)
    said = [line.split()[1] for one in pair for line in one.process.stdout if line.startswith("begins")]
    assert sorted(said) == names
