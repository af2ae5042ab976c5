"""Ctrl-C at a terminal: a write that began is finished and told; exit codes as in experience.md."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from flyball.cli.main import main
from policies.permit import Permit
from policies.types import Target
from sandbox import writer
from sandbox.api.store import Key
from sandbox.world import World
from sandbox.writer import SimulatedWriter
from tests.kit.forks import LONGEST_S
from tools.cluster_types import Patch, Precondition, Workload

ACT = ["act", "scale", "deploy/web", "--replicas", "8", "--yes", "--context", "sandbox"]


class Command:
    """`flyball …` in a forked process whose live writes take until `go` is there."""

    def __init__(self, folder: Path, *argv: str) -> None:
        self._folder, self._out = folder, folder / "output"
        self._began, self._go = folder / "began", folder / "go"
        self.pid = os.fork()
        if self.pid == 0:
            self._live([*argv, "--state", str(folder / "state")])

    def _live(self, argv: list[str]) -> None:
        code = 70
        try:
            signal.alarm(LONGEST_S)
            sys.stdout = sys.stderr = self._out.open("w", buffering=1)
            os.environ["FLYBALL_PINNED"] = str(self._folder / "pinned")
            began, go = self._began, self._go

            class SlowWriter(SimulatedWriter):
                async def apply(
                    self,
                    permit: Permit,
                    intent: str,
                    target: Target,
                    patch: Patch,
                    precondition: Precondition,
                ) -> Workload:
                    if permit.mode == "live":
                        began.touch()
                        while not go.exists():
                            await asyncio.sleep(0.01)
                    return await super().apply(permit, intent, target, patch, precondition)

            writer.SimulatedWriter = SlowWriter  # type: ignore[misc]
            code = main(argv)
        finally:
            os._exit(code)

    def writing(self) -> None:
        """Wait until its write is on the way."""
        self._until(self._began.exists)

    def says(self, what: str) -> None:
        """Wait until it has printed that."""
        self._until(lambda: self._out.exists() and what in self._out.read_text())

    def _until(self, look: Callable[[], bool]) -> None:
        deadline = time.monotonic() + LONGEST_S / 2
        while not look():
            assert time.monotonic() < deadline, "it never came to that"
            time.sleep(0.01)

    def interrupt(self) -> None:
        os.kill(self.pid, signal.SIGINT)

    def end(self) -> tuple[int, str]:
        """Let the write go on; the exit code and everything that was printed."""
        self._go.touch()
        _, status = os.waitpid(self.pid, 0)
        return os.waitstatus_to_exitcode(status), self._out.read_text()


def replicas(folder: Path) -> int:
    world = World(folder / "state" / "sandbox")
    try:
        with world.store.read() as txn:
            return int((txn.get(Key("deployment", "shop", "web")) or {})["spec"]["replicas"])
    finally:
        world.close()


def test_ctrl_c_in_the_middle_of_a_write(tmp_path: Path) -> None:
    """The command finishes the write, records how it ended, and says so."""
    command = Command(tmp_path, *ACT)
    command.writing()
    command.interrupt()
    code, said = command.end()
    assert code == 0
    assert "done  scale deployment/web 4 -> 8" in said
    assert replicas(tmp_path) == 8
    assert main(["audit", "in-doubt", "--context", "sandbox", "--state", str(tmp_path / "state")]) == 0


def test_ctrl_c_twice_in_the_middle_of_a_write(tmp_path: Path) -> None:
    """Impatience does not change what happened: it is either told, or called in doubt and resolved."""
    command = Command(tmp_path, *ACT)
    command.writing()
    command.interrupt()
    time.sleep(0.2)
    command.interrupt()
    time.sleep(0.2)
    code, said = command.end()
    assert code == 5, said
    assert "nothing is in flight" not in said
    assert "do not repeat: flyball " in said
    assert " audit in-doubt\n" in said
    assert replicas(tmp_path) == 4


@pytest.fixture(autouse=True)
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLYBALL_PINNED", str(tmp_path / "pinned"))


def test_ctrl_c_before_anything_was_sent(tmp_path: Path) -> None:
    """It waits for an approval: nothing is in flight, 130."""
    command = Command(tmp_path, "act", "scale", "deploy/web", "--replicas", "15", "--yes", "--wait", "10m")
    command.says("waiting for an approval")
    command.interrupt()
    code, said = command.end()
    assert code == 130
    assert "nothing is in flight" in said
    assert replicas(tmp_path) == 4
