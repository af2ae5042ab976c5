"""A worker in a process of its own, to be killed, frozen or asked to end: `python -m … ADAPTER FOLDER NAME SECONDS`.

It does what is queued, each run for that many seconds, and prints a line when one begins, ends, or is cut off.
"""

import asyncio
import logging
import signal
import sys
from pathlib import Path

from audit.clock import SystemClock
from flyball.jobs.types import Run
from flyball.jobs.worker import Worker
from tests.contract.jobs_harness import opened

TTL_S = 1.0


async def work(adapter: str, folder: Path, name: str, seconds: float) -> None:
    jobs, clock = opened(adapter, folder, SystemClock(), TTL_S), SystemClock()

    async def mark(run: Run) -> str:
        print("begins", run.id, run.attempt, flush=True)
        try:
            await asyncio.sleep(seconds)
        except asyncio.CancelledError:
            print("cut off", run.id, run.attempt, flush=True)
            raise
        return f"by {name}"

    worker = Worker(jobs, {"tune": mark}, clock.wall_ms)
    task = asyncio.ensure_future(_forever(worker, name))
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    await asyncio.wait({task})
    await jobs.close()


async def _forever(worker: Worker, name: str) -> None:
    print("works", name, flush=True)
    while True:
        await worker.run_due()
        await asyncio.sleep(0.05)


if __name__ == "__main__":
    logging.basicConfig(stream=sys.stdout, format="%(message)s", level=logging.INFO)
    asyncio.run(work(sys.argv[1], Path(sys.argv[2]), sys.argv[3], float(sys.argv[4])))
