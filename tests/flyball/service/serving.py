"""`flyball serve` as a process of its own, with its lines."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[3]
PATIENCE_S = 60


class Served:
    """A running service; `line` waits for what it says on stderr."""

    def __init__(self, home: Path, *words: str, **variables: str) -> None:
        self.home = home
        environment = _environment(home) | variables
        argv = [sys.executable, "-m", "flyball", "serve", *words]
        self.process = subprocess.Popen(argv, env=environment, cwd=home, stderr=subprocess.PIPE, text=True)
        self.lines: list[str] = []

    def line(self, holds: str) -> str:
        """The next line that holds that text."""
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.lines.append(line.rstrip())
            if holds in line:
                return line.rstrip()
        raise AssertionError(f"it ended without `{holds}`: {self.lines}")

    def end(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(timeout=PATIENCE_S)


def _environment(home: Path) -> dict[str, str]:
    python = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}
    return {"HOME": str(home), "FLYBALL_CONTEXT": "sandbox", **python}


@contextmanager
def served(home: Path, *words: str, **variables: str) -> Iterator[Served]:
    """A service that is killed at the end, if it is still there."""
    one = Served(home, *words, **variables)
    try:
        yield one
    finally:
        one.process.kill()
        one.process.wait()
        assert one.process.stderr is not None
        one.process.stderr.close()


def flyball(home: Path, *words: str) -> tuple[int, str, str]:
    """Another command on the same state folder."""
    argv = [sys.executable, "-m", "flyball", *words]
    done = subprocess.run(argv, env=_environment(home), cwd=home, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr


def status(home: Path) -> list[dict[str, Any]]:
    """What `flyball serve status` tells of each service."""
    _, out, _ = flyball(home, "serve", "status", "-o", "json")
    found: list[dict[str, Any]] = json.loads(out)["items"]
    return found


def until(holds: Any, within_s: float = PATIENCE_S) -> Any:
    """What `holds` returns, once that is something."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        if found := holds():
            return found
        time.sleep(0.1)
    raise AssertionError("it did not come about")
