"""README, docs/cli.md, docs/settings.md: their commands run, their policy loads, their tables are the code's."""

import json
import re
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest

from flyball.cli.app import COMMANDS
from flyball.cli.main import main
from flyball.exits import MEANING, Exit
from flyball.settings import TABLE
from policies.loader import load
from tools.actions.registry import catalogue

ROOT = Path(__file__).parents[2]
README, CLI, SETTINGS = (
    (ROOT / name).read_text() for name in ("README.md", "docs/cli.md", "docs/settings.md")
)
HANDLE = "9f3c41d2"

Run = Callable[..., int]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A command in a sandbox of its own."""
    monkeypatch.setenv("FLYBALL_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("FLYBALL_PINNED", str(tmp_path / "pinned"))
    monkeypatch.setenv("FLYBALL_CONTEXT", "sandbox")
    return lambda *words: main(words)


def commands(text: str) -> list[list[str]]:
    """The words behind `flyball` or `./dev run` in the text's sh blocks."""
    lines = "\n".join(re.findall(r"```sh\n(.*?)```", text, re.DOTALL)).splitlines()
    found = [
        re.sub(r"^(flyball|\./dev run) ", "", line)
        for line in lines
        if re.match(r"(flyball|\./dev run) ", line)
    ]
    return [shlex.split(line) for line in found]


def test_the_readme_runs(run: Run) -> None:
    found = commands(README)
    assert len(found) >= 5
    assert [run(*words) for words in found] == [0] * len(found)


def test_the_command_lines_page_runs(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    for words in commands(CLI):
        if HANDLE in words:
            assert (
                run("act", "scale", "deploy/web", "--replicas", "18", "--yes", "-o", "json") == Exit.WAITING
            )
            handle = json.loads(capsys.readouterr().out)["handle"]
            words = [handle if word == HANDLE else word for word in words]
        assert run(*words) == Exit.DONE, words
        if words[0] == "approve":
            assert run("act", "scale", "deploy/web", "--replicas", "12", "--yes") in (Exit.DONE, Exit.WAITING)
        capsys.readouterr()


def test_the_readmes_policy_loads(tmp_path: Path) -> None:
    (tmp_path / "shop.yaml").write_text(re.findall(r"```yaml\n(.*?)```", README, re.DOTALL)[0])
    snapshot = load((tmp_path,), catalogue=catalogue(), clusters=("prod-eu",))
    assert set(snapshot.rules) == {"shop-web-scaling"}


def test_the_readme_names_only_commands_that_exist() -> None:
    named = set(re.findall(r"`flyball ([a-z][a-z-]*)", README + CLI))
    assert named <= set(COMMANDS)


def test_exit_codes_are_the_codes() -> None:
    rows = dict(re.findall(r"^\| (\d+) \| (.*) \|$", CLI, re.MULTILINE))
    assert rows == {str(int(code)): meaning for code, meaning in MEANING.items()}


def test_settings_are_the_settings() -> None:
    rows = re.findall(r"^\| `(\w+)` \| `(\w+)` \| (.*) \|$", SETTINGS, re.MULTILINE)
    assert rows == [(s.name, s.variable, s.help) for s in TABLE]


def test_every_command_says_how_with_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    for name in COMMANDS:
        assert main([name, "--help"]) == Exit.DONE
        assert "xample: flyball" in " ".join(capsys.readouterr().out.split()), name
