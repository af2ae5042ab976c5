"""Whoever keeps `flyball serve` running on the real control plane, and kills it again and again."""

import random
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from tests.kit.console import Console
from tests.real.balance import records
from tests.real.cluster import eventually
from tests.real.night import PATIENCE_S

WRITES_S = 30
"""From the end of a look to the first writes of its plan, at most."""


@dataclass(frozen=True)
class Serving:
    """One `flyball serve`, and what it says on stderr."""

    process: "subprocess.Popen[str]"
    path: Path

    def said(self) -> str:
        said = self.path.read_text()
        assert self.process.poll() is None, said
        return said


class Watchman:
    """`flyball serve`, killed again and again: the next one waits as standby already."""

    def __init__(self, console: Console, seed: int) -> None:
        self._console, self._chance = console, random.Random(seed)
        self.kills = 0
        self._started = 0
        self._now = self._start()

    def kill(self) -> None:
        """Once it is active: at a seeded moment, or (two of five) right after one of its next writes, which it is
        given time for."""
        self._active()
        if self.kills % 5 in (0, 2):
            self._writes(self._chance.randint(1, 4))
        else:
            time.sleep(self._chance.uniform(0.3, 5))
        successor = self._start()
        self._end()
        self._now, self.kills = successor, self.kills + 1

    def end(self) -> int:
        """Stop the last one in order; its exit code."""
        self._active()
        self._now.process.terminate()
        return self._now.process.wait(timeout=PATIENCE_S)

    def close(self) -> None:
        self._end()

    def _start(self) -> Serving:
        path = self._console.folder / f"serve-{self._started}.log"
        self._started += 1
        with path.open("w") as log:
            return Serving(self._console.start("serve", stderr=log), path)

    def _end(self) -> None:
        self._now.process.kill()
        self._now.process.wait()

    def _active(self) -> None:
        now = self._now
        eventually(lambda: "active: " in now.said(), f"{now.process.pid} to be active", PATIENCE_S)

    def _writes(self, count: int) -> None:
        """Until it has begun so many writes, or a run has looked at everything and there is nothing more to write."""
        intents, looked = self._counts()
        eventually(lambda: self._has_come(intents + count, looked), "a run to look at everything", PATIENCE_S)
        until = time.monotonic() + WRITES_S
        while time.monotonic() < until and self._counts()[0] < intents + count:
            time.sleep(0.1)

    def _has_come(self, intents: int, looked: int) -> bool:
        time.sleep(0.1)
        now, ended = self._counts()
        return now >= intents or ended > looked

    def _counts(self) -> tuple[int, int]:
        """Live intents, and runs that have looked at everything: what they change comes after that."""
        found = records(self._console, ("action.intent", "run.finished"))
        intents = sum(one.kind == "action.intent" and one.mode == "live" for one in found)
        return intents, sum(one.kind == "run.finished" for one in found)
