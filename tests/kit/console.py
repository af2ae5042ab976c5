"""The command line as a person or a script runs it: a process of its own, its answer as JSON."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Answer:
    """What a command printed and how it ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


class Console:
    """One installation: a state folder, its settings, a home of its own."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self.folder = folder
        self.environ = {
            **{k: v for k, v in os.environ.items() if not k.startswith("FLYBALL_") and k != "KUBECONFIG"},
            "HOME": str(folder / "home"),
            "PYTHONPATH": str(ROOT),
            "FLYBALL_STATE": str(folder / "state"),
            **{f"FLYBALL_{name.upper()}": value for name, value in settings.items()},
        }
        (folder / "home").mkdir(parents=True, exist_ok=True)

    def start(self, *words: str, stderr: int | IO[str] = subprocess.PIPE) -> "subprocess.Popen[str]":
        """Begin a command and do not wait for it. What runs long writes what it says to a file."""
        return subprocess.Popen(
            [sys.executable, "-m", "flyball", *words],
            env=self.environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
            cwd=self.folder,
        )

    def run(self, *words: str) -> Answer:
        """Run a command to its end."""
        process = self.start(*words)
        out, err = process.communicate(timeout=120)
        assert "Traceback" not in err, err
        return Answer(process.returncode, out, err)

    def ask(self, *words: str, code: int | None = None) -> Any:
        """Run a command with `-o json`; its one document. Asserts the exit code where one is given."""
        answer = self.run(*words, "-o", "json")
        assert code is None or answer.code == code, (answer.code, answer.out, answer.err)
        return answer.json
