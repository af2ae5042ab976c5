"""Processes that die: a forked child works on an installation until somebody, or it itself, kills it with -9."""

import asyncio
import json
import os
import signal
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

from audit.claims import Claim
from audit.log import Entry, Log
from audit.record import Record
from policies.permit import Permit
from policies.types import Target
from tests.kit.crash_rig import Rig, opened
from tools.cluster_types import Patch, Precondition, Workload
from tools.path.outcome import Result
from tools.ports import ClusterWriter

LONGEST_S = 60
"""A child that nobody waits for any more ends by SIGALRM."""

Work = Callable[[Rig, Callable[[Result], None]], Awaitable[None]]


class Child:
    """A forked process that runs `work`; what it was told is done, it says down a pipe before it goes on."""

    def __init__(self, folder: Path, work: Work, **how: Any) -> None:
        self._read, write = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            os.close(self._read)
            _live(folder, work, write, how)
        os.close(write)

    def ready(self) -> None:
        """Wait until it has everything open and begins to work."""
        os.read(self._read, 1)

    def signal(self, number: int) -> None:
        os.kill(self.pid, number)

    def wait(self) -> int:
        """How it ended: 0, or the negative number of the signal."""
        _, status = os.waitpid(self.pid, 0)
        return os.waitstatus_to_exitcode(status)

    def said(self) -> list[dict[str, Any]]:
        """Whole lines only: one that was cut off by death was not acknowledged. Blocks until it is dead."""
        with os.fdopen(self._read, "rb") as pipe:
            text = pipe.read()
        return [json.loads(line) for line in text.split(b"\n")[:-1] if line]


def _live(folder: Path, work: Work, write: int, how: dict[str, Any]) -> None:
    """The child's whole life; it never returns into the test's stack."""
    code = 70
    signal.alarm(LONGEST_S)

    def tell(result: Result) -> None:
        said = {"request": result.request.id, "is": type(result).__name__, "record": result.record}
        os.write(write, json.dumps(said).encode() + b"\n")

    async def inside() -> None:
        async with opened(folder, **how) as rig:
            os.write(write, b"\n")
            await work(rig, tell)

    try:
        asyncio.run(inside())
        code = 0
    finally:
        os._exit(code)


def die() -> None:
    """kill -9 of this very process: no handler, no flush, no finally."""
    os.kill(os.getpid(), signal.SIGKILL)


class MortalWriter:
    """Dies at one step of a write: `before` or `after` the `apply` or the `fence`."""

    def __init__(self, inner: ClusterWriter, when: str, call: str) -> None:
        self._inner, self._when, self._call = inner, when, call

    async def apply(
        self, permit: Permit, intent: str, target: Target, patch: Patch, precondition: Precondition
    ) -> Workload:
        self._at("before", "apply", permit.mode)
        after = await self._inner.apply(permit, intent, target, patch, precondition)
        self._at("after", "apply", permit.mode)
        return after

    async def fence(self, target: Target, intent: str) -> Workload:
        self._at("before", "fence")
        after = await self._inner.fence(target, intent)
        self._at("after", "fence")
        return after

    def _at(self, when: str, call: str, mode: str = "live") -> None:
        if (when, call, mode) == (self._when, self._call, "live"):
            die()


def mortal_log(when: str, kind: str) -> type[Log]:
    """A Log that dies `before` or `after` the commit that holds a record of that kind."""

    class MortalLog(Log):
        async def commit(
            self,
            records: Sequence[Record],
            claims: Sequence[Claim] = (),
            *,
            spend: bool = True,
            lost: Callable[[Claim, int], Record] | None = None,
        ) -> tuple[Entry, ...]:
            ours = any(r.kind == kind for r in records)
            if ours and when == "before":
                die()
            entries = await super().commit(records, claims, spend=spend, lost=lost)
            if ours and when == "after":
                die()
            return entries

    return MortalLog
