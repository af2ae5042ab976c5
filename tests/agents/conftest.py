"""The command line in-process, on a sandbox in a state folder of the test's own."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from flyball.cli.main import main
from tests.kit.scripted_model import ScriptedModel

Flyball = Callable[..., tuple[int, str, str]]


@pytest.fixture
def flyball(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Flyball:
    """`flyball(*words, model=…)`: exit code, stdout, stderr."""
    for name in [n for n in os.environ if n.startswith("FLYBALL_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FLYBALL_PINNED", str(tmp_path / "pinned"))

    def run(*words: str, model: ScriptedModel | None = None) -> tuple[int, str, str]:
        if model:
            monkeypatch.setenv("FLYBALL_MODEL_URL", model.url)
            monkeypatch.setenv("FLYBALL_MODEL_NAME", "scripted")
        capsys.readouterr()
        code = main([*words, "--context", "sandbox", "--state", str(tmp_path / "state")])
        return code, *capsys.readouterr()

    return run
