"""`flyball chat` without a model: commands, a table of plain sentences, and nothing that is guessed."""

import re
from pathlib import Path

import pytest

from flyball.cli.chat import commands, speaker
from flyball.cli.chat.words import NAME, SENTENCES, SLASH, sentence, slash
from flyball.exits import UsageError
from tests.agents.conftest import Flyball
from tests.flyball.chat.test_chat import recorded, types
from tests.kit.scripted_model import say, serving

CHAT = (Path(__file__).resolve().parents[3] / "docs" / "chat.md").read_text(encoding="utf-8")


def test_the_page_has_every_command_and_every_sentence() -> None:
    usages = {one.usage for one in SLASH.values()} | {usage for usage, _ in commands.OWN.values()}
    table = CHAT.split("## Commands")[1].split("\n## ")[0]
    assert set(re.findall(r"^\| `(/[^`]+)` \|", table, re.MULTILINE)) == {
        one.replace("|", "or") for one in usages
    }
    said = CHAT.split("## Without a model")[1].split("\n## ")[0]
    assert set(re.findall(r"^\| `([^`/]+)` \|", said, re.MULTILINE)) == {
        example for example, _, _ in SENTENCES
    }
    assert set(speaker.OWN) <= set(commands.OWN)


@pytest.mark.parametrize("example", [example for example, _, _ in SENTENCES])
def test_each_sentence_is_understood_whatever_its_case_and_end(example: str) -> None:
    assert sentence(example) is not None
    assert sentence(f"  {example.upper()}?  ") == sentence(example)


@pytest.mark.parametrize("line", [
    "scale web", "scale web to six", "scale web to 6 and search to 3", "scale web by 2",
    "don't scale web to 6", "scale web to -1", "scale web to 6; rm -rf /", "maybe scale web to 6", "delete web",
    "what if i scale web to 6", "undo everything", "approve it", "yes", "sure, go", "", "6", "scale web to 6.5",
])  # fmt: skip
def test_nothing_is_guessed(line: str) -> None:
    assert sentence(line) is None


def test_words_of_a_command() -> None:
    assert slash("scale", "web 6 --reason 'too slow'") == [
        "act", "scale", f"{NAME}web", "--replicas", "6", "--reason", "too slow",
    ]  # fmt: skip
    assert slash("undo", "") == ["undo", "--last"]
    assert slash("undo", "--yes") == ["undo", "--last", "--yes"]
    assert slash("undo", "12 --yes") == ["undo", "12", "--yes"]
    assert slash("resize", "web cpu-request=250m") == [
        "act",
        "set-resources",
        f"{NAME}web",
        "--cpu-request=250m",
    ]
    assert slash("rm", "-rf /") is None
    for rest in ("web", "web six", 'web 6 --reason "half'):
        with pytest.raises(UsageError):
            slash("scale", rest)


def test_a_session_of_commands(flyball: Flyball, monkeypatch: pytest.MonkeyPatch) -> None:
    types(
        monkeypatch, "/get", "how is web?", "scale web to 6", "n", "/scale web 6", "y", "undo that", "y",
        "make it fast", "/scael web 6", "/describe wbe", "/get -n other", "/context", "/model", "/exit", "/status",
    )  # fmt: skip
    code, out, err = flyball("chat")
    assert code == 0, err
    assert "no model is connected" in err
    assert "nothing was done" in err
    assert "4 -> 6" in out
    assert "6 -> 4" in out
    assert "not understood without a model, and nothing was done" in err
    assert "did you mean /scale?" in err
    assert "no workload is called `wbe`" in err
    assert "a command in a chat stays at sandbox/shop" in err
    assert "kill switch" not in out, "nothing is read after /exit"
    intents = [one for one in recorded(flyball) if one["kind"] == "action.intent"]
    assert [one["actor"]["id"].partition(":")[0] for one in intents] == ["human", "human"]


@pytest.mark.parametrize(("line", "code"), [
    ("/get", 0), ("scale web to 6", 2), ("/scale web 6 --yes", 0), ("/scale web 60 --yes", 3), ("make it fast", 2),
    ("/scale nothing 6 --yes", 2), ("/approve", 2), ("/why web", 0), ("sure, go", 2),
])  # fmt: skip
def test_one_line_and_its_exit_code(flyball: Flyball, line: str, code: int) -> None:
    found, _, err = flyball("chat", "-m", line)
    assert found == code, err
    assert "Traceback" not in err


def test_a_pipe_ends_with_the_code_of_what_went_wrong(
    flyball: Flyball, monkeypatch: pytest.MonkeyPatch
) -> None:
    types(monkeypatch, "/scale web 60 --yes", "/get", terminal=False)
    code, out, _ = flyball("chat")
    assert code == 3
    assert "deployment/web" in out


def test_a_bare_approve_takes_the_one_that_waits(flyball: Flyball, monkeypatch: pytest.MonkeyPatch) -> None:
    code, _, _ = flyball("act", "scale", "deploy/web", "--replicas", "15", "--yes")
    assert code == 4
    types(monkeypatch, "yes", "sure, go", "/approve", "y")
    code, out, err = flyball("chat")
    assert code == 0, err
    assert err.count("nothing was done") == 2
    assert [one["kind"] for one in recorded(flyball)].count("approval.granted") == 1
    assert "4 -> 15" in out


def test_the_shell_s_commands_in_a_chat_with_a_model(
    flyball: Flyball, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving([say("I see")]) as model:
        types(monkeypatch, "/scale web 6 --yes", "/context", "/model", "and now?")
        code, out, err = flyball("chat", model=model)
        assert code == 0, err
        assert "4 -> 6" in out
        assert "for the conversation" in out
        assert "/scale web 6 --yes (exit code 0)" in model.requests[0]["messages"][-1]["content"]


def test_options_of_a_turn_want_a_model(flyball: Flyball) -> None:
    for words in (("--thread", "t"), ("--json",), ("--dry-run",)):
        code, _, err = flyball("chat", "-m", "/get", *words)
        assert code == 2
        assert "FLYBALL_MODEL_URL" in err
