"""Plain processes of one test run: started with a log each, waited for, frozen, and thrown away at the end."""

import contextlib
import ctypes
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.real.rest import Refused

READY_S = 120
_ROOT = Path(__file__).parents[2]
_LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


class DidNotStart(RuntimeError):
    """A process ended early, or was not ready in time; its log's end is quoted."""


class Processes:
    """Processes by name, their logs in one folder. They die with this process, unless `detached`."""

    def __init__(self, logs: Path, detached: bool = False) -> None:
        logs.mkdir(parents=True, exist_ok=True)
        self._logs, self._detached = logs, detached
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    @property
    def pids(self) -> dict[str, int]:
        return {name: process.pid for name, process in self._running.items()}

    def run(self, name: str, *command: str) -> None:
        """Start it; its output is appended to `<name>.log`."""
        with (self._logs / f"{name}.log").open("ab") as log:
            self._running[name] = subprocess.Popen(
                command,
                cwd=_ROOT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=None if self._detached else _die_with_parent,
            )

    def end(self, name: str) -> None:
        """Kill it, if it runs: nothing is given time to end in order."""
        process = self._running.pop(name, None)
        if process is not None:
            process.kill()
            process.wait()

    def end_all(self) -> None:
        for name in reversed(list(self._running)):
            self.end(name)

    @contextlib.contextmanager
    def frozen(self, name: str) -> Iterator[None]:
        """SIGSTOP: connections stay open, nobody answers."""
        process = self._running[name]
        process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            process.send_signal(signal.SIGCONT)

    def wait(self, name: str, ready: Callable[[], bool]) -> None:
        """Until `ready` holds; Refused and OSError mean not yet. Raises DidNotStart."""
        deadline = time.monotonic() + READY_S
        while time.monotonic() < deadline:
            ended = self._running[name].poll()
            if ended is not None:
                raise DidNotStart(f"{name} ended with {ended}: {self._tail(name)}")
            with contextlib.suppress(OSError, Refused):
                if ready():
                    return
            time.sleep(0.05)
        raise DidNotStart(f"{name} was not ready in {READY_S} s: {self._tail(name)}")

    def _tail(self, name: str) -> str:
        return (self._logs / f"{name}.log").read_text(errors="replace")[-2000:]


def free_ports(count: int) -> list[int]:
    """Bound all at once, so that they differ. Another process may still take one first: rare, and loud."""
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


def _die_with_parent() -> None:
    """prctl(PR_SET_PDEATHSIG, SIGKILL): however the test run ends, nothing of it stays behind."""
    if _LIBC is not None:
        _LIBC.prctl(1, signal.SIGKILL)
