"""docs/chat.md and docs/tuning.md: their commands run, their tables are those of the code."""

import inspect
import json
import re
import shlex
import sys
from pathlib import Path
from types import ModuleType
from typing import get_args, get_type_hints

import pytest

from agents.ops.budget import Budget
from agents.ops.events import Reason
from agents.tuner import aim, least_cost, restraints, sizing, skipped, vertical
from agents.tuner.strategies import DEFAULT, STRATEGIES
from agents.tuner.strategy import Aim
from flyball.cli.tune.run import run
from forecasting.hpa.formula import Unknown
from tests.agents.conftest import Flyball
from tests.kit.scripted_model import say, serving

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
    if words == ["model", "check"]:  # it finds that this model only talks
        assert code == 1, err
        assert "no call, but text" in out
    else:
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


def test_why_codes() -> None:
    table = TUNING.split("## Why")[1].split("Exit code")[0]
    modules = {sys.modules[type(make(Aim(80))).__module__] for make in STRATEGIES.values()}
    source = "".join(
        map(inspect.getsource, [skipped, aim, restraints, sizing, least_cost, vertical, *modules])
    )
    documented = set(re.findall(r"`([a-z-]+)`", table)) - set(STRATEGIES) | {"owned-by-"}
    written = set(re.findall(r'f?"([a-z]+(?:-[a-z]+)+-?)[{"]', source)) | {
        "paused",
        "unreadable",
        "cooled",
        "leased",
        "risk",
        "dearer",
    }
    written = (written - {"cpu-"} - set(STRATEGIES) - {"least-cost"}) | {
        "cpu-above-target",
        "cpu-below-target",
    }
    assert documented == written | set(get_args(get_type_hints(Unknown)["reason"]))


def test_the_strategies() -> None:
    table = TUNING.split("## Strategies")[1].split("## The formula")[0]
    assert set(re.findall(r"^\| `([a-z-]+)` \|", table, re.MULTILINE)) - {"--strategy"} == set(STRATEGIES)
    assert DEFAULT in STRATEGIES
    assert inspect.signature(run).parameters["strategy"].default == DEFAULT


def test_the_example_of_a_strategy_is_one(flyball: Flyball, monkeypatch: pytest.MonkeyPatch) -> None:
    (source,) = re.findall(r"```python\n(.*?)```", TUNING, re.DOTALL)
    module = ModuleType("spare")
    exec(source, vars(module))
    code, usual, err = flyball("tune", "run", "--dry-run", "-o", "json")
    assert code == 0, err
    monkeypatch.setitem(STRATEGIES, "spare", module.Spare)  # type: ignore[arg-type]
    code, out, err = flyball("tune", "run", "--dry-run", "--strategy", "spare", "-o", "json")
    assert code == 0, err
    more = {i["target"]: i["proposed"] for i in json.loads(out)["items"] if i["proposed"]}
    then = {i["target"]: i["proposed"] for i in json.loads(usual)["items"] if i["proposed"]}
    assert more == {t: n + 1 if t == "deployment/web" else n for t, n in then.items()}
    assert more["deployment/web"] > then["deployment/web"]
