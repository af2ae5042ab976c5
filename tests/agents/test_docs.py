"""docs/chat.md and docs/tuning.md: their commands run, their tables are those of the code."""

import inspect
import re
import shlex
from pathlib import Path
from typing import get_args, get_type_hints

import pytest

from agents.ops.budget import Budget
from agents.ops.events import Reason
from agents.tuner import hpa, passed_over
from flyball.cli.chat import person
from forecasting.hpa.formula import Unknown
from tests.agents.conftest import Flyball
from tests.e2e.scripted_model import say, serving

DOCS = Path(__file__).resolve().parents[2] / "docs"
CHAT, TUNING = (DOCS / "chat.md").read_text(), (DOCS / "tuning.md").read_text()


def commands(text: str) -> list[list[str]]:
    """The `flyball` lines of the sh blocks, less the session that needs a terminal."""
    blocks = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
    found = [
        shlex.split(line)[1:]
        for block in blocks
        for line in block.splitlines()
        if line.startswith("flyball ")
    ]
    return [words for words in found if words != ["chat"]]


@pytest.mark.parametrize("words", commands(CHAT), ids=" ".join)
def test_chat_commands(flyball: Flyball, words: list[str]) -> None:
    with serving([say("fine")]) as model:
        code, out, err = flyball(*words, model=model)
    assert code == 0, err
    assert "fine" in out


@pytest.mark.parametrize("words", commands(TUNING), ids=" ".join)
def test_tuning_commands(flyball: Flyball, words: list[str]) -> None:
    code, _, err = flyball(*words)
    assert code == 0, err


def test_how_a_turn_ends() -> None:
    section = CHAT.split("## How a turn ends")[1].split("## Threads")[0]
    assert set(re.findall(r"^\| `([a-z_]+)` \| ", section, re.MULTILINE)) - {"stopped"} == set(
        get_args(Reason)
    )


def test_budgets_in_words() -> None:
    assert f"never more than {Budget().steps} steps and {Budget().tokens:,} tokens" in CHAT
    assert f"about {Budget().history_tokens:,} tokens" in CHAT


def test_the_persons_commands() -> None:
    named = set(re.findall(r"^\| `(/[a-z]+)", CHAT, re.MULTILINE))
    handled = {f"/{name}" for name in re.findall(r'case "([a-z]+)"', inspect.getsource(person))}
    helped = set(re.findall(r"^(/[a-z]+)", person.HELP, re.MULTILINE))
    assert named == handled == helped


def test_why_codes() -> None:
    table = TUNING.split("## Why")[1].split("Exit code")[0]
    source = inspect.getsource(hpa) + inspect.getsource(passed_over)
    documented = set(re.findall(r"`([a-z-]+)`", table)) | {"owned-by-"}
    written = set(re.findall(r'f?"([a-z]+(?:-[a-z]+)+-?)[{"]', source)) | {
        "paused",
        "unreadable",
    }
    written = (written - {"cpu-"}) | {"cpu-above-target", "cpu-below-target"}
    assert documented == written | set(get_args(get_type_hints(Unknown)["reason"]))
