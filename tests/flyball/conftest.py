"""A home of its own for every test: no setting, state or kubeconfig of the person who runs the tests is seen."""

import os
from pathlib import Path

import pytest

from tests.kit.command_line import Flyball, make_flyball


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in [n for n in os.environ if n.startswith(("FLYBALL_", "XDG_", "KUBE"))]:
        monkeypatch.delenv(name)
    for name, value in (("HOME", str(tmp_path)), ("COLUMNS", "60"), ("TERM", "dumb")):
        monkeypatch.setenv(name, value)
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path


@pytest.fixture
def flyball(home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Flyball:
    return make_flyball(monkeypatch, capsys)
