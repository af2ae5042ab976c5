"""The command line, driven in this process: one call a command, with its code and both streams."""

import io
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from flyball.cli.main import main


@dataclass(frozen=True)
class Done:
    code: int
    out: str
    err: str

    @property
    def document(self) -> dict[str, Any]:
        """The one JSON document on stdout; anything beside it is a mistake."""
        found: dict[str, Any] = json.loads(self.out)
        return found


class Typist(io.StringIO):
    """Standard input that is a terminal, at which somebody types."""

    def isatty(self) -> bool:
        return True


Flyball = Callable[..., Done]


def make_flyball(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Flyball:
    def run(line: str | list[str], *, typed: str | None = None) -> Done:
        monkeypatch.setattr(sys, "stdin", io.StringIO() if typed is None else Typist(typed))
        capsys.readouterr()
        code = main(line.split() if isinstance(line, str) else line)
        said = capsys.readouterr()
        return Done(code, said.out, said.err)

    return run
