"""Writers in processes of their own, for tests that kill, starve or watch them. Run as a module by some."""

import asyncio
import os
import sys
from collections.abc import Callable
from pathlib import Path

from audit.clock import SystemClock
from audit.errors import LogUnavailable
from audit.log import Log
from tests.kit.logs import Told, act, read_record


async def endless(path: Path, pinned: Path | None, acknowledge: Callable[[str], object]) -> None:
    """Actions and reads by four callers, for ever; each record is told after it was acknowledged."""
    log = await Log.open(path, clock=SystemClock(), pinned=pinned)

    async def caller(n: int) -> None:
        i = 0
        while True:
            (entry,) = await log.commit([read_record(log, i)], [Told("raise", f"fence/{os.getpid()}/{n}", i)])
            acknowledge(f"{entry.seq} {entry.record.id}")
            if i % 5 == 0:
                await act(log, os.getpid() * 10_000_000 + n * 1_000_000 + i)
            i += 1

    await asyncio.gather(*[caller(n) for n in range(4)])


async def counted(path: Path, pinned: Path | None, count: int) -> list[int]:
    """`count` commits, each with a claim that all processes want; returns the numbers that were given."""
    log = await Log.open(path, clock=SystemClock(), pinned=pinned)
    seqs = []
    for n in range(count):
        taken = [Told("raise", "fence/shared", 0), Told("once", f"own/{os.getpid()}/{n}")]
        seqs += [entry.seq for entry in await log.commit([read_record(log, n)], taken)]
    await log.close()
    return seqs


async def watched(path: Path, count: int) -> None:
    """`count` commits one after the other, each acknowledged on stdout before the next; then no clean end."""
    log = await Log.open(path, clock=SystemClock())
    for n in range(count):
        (entry,) = await log.commit([read_record(log, n)])
        os.write(1, f"ACK {entry.seq} {entry.record.id}\n".encode())
    os._exit(0)


async def starved(path: Path, limit: int) -> None:
    """Commit until a file may not grow any more, then again with room; tells what was acknowledged."""
    import resource
    import signal

    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    log = await Log.open(path, clock=SystemClock())
    hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    refused = 0
    for n in range(400):
        try:
            (entry,) = await log.commit([read_record(log, n)], [Told("once", f"n/{n}")])
        except LogUnavailable as error:
            refused += 1 if error.hint else 0
            if (await log.values([f"n/{n}"]))[f"n/{n}"]:
                sys.exit("a refused commit took its claim")
            if refused == 5:
                resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
        else:
            os.write(1, f"ACK {entry.seq} {entry.record.id}\n".encode())
    os.write(1, f"REFUSED {refused}\n".encode())
    await log.close()


if __name__ == "__main__":
    work, path, number = sys.argv[1:]
    asyncio.run({"watched": watched, "starved": starved}[work](Path(path), int(number)))
