"""What is typed wrong: each is told in three parts, points at that command's own help, and ends with 2.

The command tree itself is the list of cases: a new command is tested by being there.
"""

import re
from collections.abc import Iterator
from typing import Any

import pytest
import typer

from flyball.cli.app import app
from flyball.exits import Exit
from tests.kit.command_line import Done, Flyball

Node = tuple[str, Any]


def walk(node: Any, path: str = "") -> Iterator[Node]:
    """Every command and group below the root, with the words that lead to it."""
    for name in node.list_commands(None) if hasattr(node, "list_commands") else ():
        child = node.get_command(None, name)
        words = f"{path} {name}".strip()
        yield words, child
        yield from walk(child, words)


def has_output(node: Any) -> bool:
    return any("-o" in p.opts for p in node.params)


TREE = dict(walk(typer.main.get_command(app)))
COMMANDS = {words: node for words, node in TREE.items() if not hasattr(node, "list_commands")}
GROUPS = {words: node for words, node in TREE.items() if hasattr(node, "list_commands")}
PLAIN = [
    words
    for words, node in COMMANDS.items()
    if has_output(node) and not any(p.required or p.param_type_name == "argument" for p in node.params)
]
"""Commands that take no word, want no option, and have `-o`."""
WANTING = {words: [p for p in node.params if p.required] for words, node in COMMANDS.items()}
FOREIGN = re.compile(r"Usage:|Error:|Try '|No such|Missing|Invalid|Got unexpected|[\[\]╭│╰]|Traceback")


def told(done: Done, help_of: str) -> dict[str, str]:
    """The one problem, after it was seen to be a mistake in our own words."""
    assert done.code == Exit.USAGE, done.err
    assert not FOREIGN.search(done.err), done.err
    assert done.err.startswith("error: ")
    assert done.err.rstrip().endswith(f"  {help_of} --help")
    assert (done.document["kind"], done.document["exit_code"]) == ("Error", int(Exit.USAGE))
    (problem,) = done.document["problems"]
    found: dict[str, str] = problem
    return found


VERBS = {
    "Add", "Advance", "Approve", "Ask", "Backtest", "Carry", "Check", "Declare", "Decline", "End", "Explain", "Find",
    "Foresee", "Lease", "Let", "List", "Look", "Pause", "Plan", "Predict", "Print", "Read", "Record", "Reset",
    "Restart", "Resume", "Run", "Say", "Scale", "Send", "Set", "Show", "Start", "Stop", "Suspend", "Talk", "Train",
    "Trust", "Undo", "Verify", "Write",
}  # fmt: skip


@pytest.mark.parametrize("words", TREE)
def test_help_begins_with_a_verb_and_has_one_example_that_exists(words: str) -> None:
    text = " ".join((TREE[words].help or "").split())
    assert text.split()[0].rstrip(",") in VERBS, text
    (example,) = re.findall(r"Example: flyball ([-a-z ]+)", text)
    shown = example.split()
    assert shown[: len(words.split())] == words.split(), text
    assert not re.search(r"\b(kept by|keeps it|shall|unsaid|null)\b", text), text


@pytest.mark.parametrize("words", COMMANDS)
def test_options_are_told_in_plain_words(words: str) -> None:
    for param in COMMANDS[words].params:
        text = getattr(param, "help", "") or ""
        assert text, (words, param.name)
        assert not re.search(r"\b(kept by|keeps it|shall|unsaid|null)\b", text), (
            words,
            text,
        )


def test_the_tree_is_whole() -> None:
    assert {"act scale", "audit in-doubt resolve", "tune backtest", "get"} <= COMMANDS.keys()
    assert {"act", "audit", "audit key", "tune"} <= GROUPS.keys()


@pytest.mark.parametrize("words", COMMANDS)
def test_an_unknown_option(flyball: Flyball, words: str) -> None:
    problem = told(flyball(f"{words} --frobnicate -o json"), f"flyball {words}")
    assert problem["what"] == "`--frobnicate` is not an option"
    assert problem["where"] == f"flyball {words}"


@pytest.mark.parametrize("words", COMMANDS)
def test_an_option_that_is_nearly_right(flyball: Flyball, words: str) -> None:
    names = [max(p.opts, key=len) for p in COMMANDS[words].params if p.opts[0].startswith("-")]
    meant = max((name for name in names if name != "--help"), key=len, default="")
    if meant:
        problem = told(flyball(f"{words} {meant}s -o json"), f"flyball {words}")
        assert problem["hint"].startswith(f"did you mean {meant}?")


@pytest.mark.parametrize("words", [w for w, wanted in WANTING.items() if wanted and has_output(COMMANDS[w])])
def test_a_missing_argument_shows_the_example(flyball: Flyball, words: str) -> None:
    problem = told(flyball(f"{words} -o json"), f"flyball {words}")
    assert problem["what"].endswith(" is missing")
    assert problem["hint"].startswith(f"example: flyball {words} ")


@pytest.mark.parametrize("words", PLAIN)
def test_a_word_too_many(flyball: Flyball, words: str) -> None:
    problem = told(flyball(f"{words} frobnicate -o json"), f"flyball {words}")
    assert problem["what"] == "`frobnicate` is more than it takes"


@pytest.mark.parametrize("words", ["", *GROUPS])
def test_an_unknown_subcommand(flyball: Flyball, words: str) -> None:
    names = (GROUPS[words] if words else typer.main.get_command(app)).list_commands(None)  # type: ignore[attr-defined]
    path = f"flyball {words}".strip()
    problem = told(flyball(f"{words} {names[0]}x -o json"), path)
    assert problem["hint"].startswith(f"did you mean {names[0]}?")
    problem = told(flyball(f"{words} zzzzzzzz -o json"), path)
    assert problem["hint"].startswith(f"one of: {', '.join(names)}")


@pytest.mark.parametrize(
    ("line", "where", "what", "help_of"),
    [
        ("act scale deploy/web --replicas x", "--replicas", "`x` is not a whole number", "act scale"),
        ("act scale deploy/web -o json --replicas", "--replicas", "a value is missing", "act scale"),
        ("status --debug=yes", "--debug", "it takes no value", "status"),
        ("tune run --cpu-percent 5000", "--cpu-percent", "`5000` is more than 1000", "tune run"),
        ("tune run --cpu-percent 0", "--cpu-percent", "`0` is less than 1", "tune run"),
        ("audit tail --lines 1.5", "--lines", "`1.5` is not a whole number", "audit tail"),
        ("tune backtest --risk x", "--risk", "`x` is not a number", "tune backtest"),
        ("status -o json -o yaml", "--output", "`yaml` is none of: table, json", "status"),
        ("audit --frob verify", "flyball audit", "`--frob` is not an option", "audit"),
    ],
)
def test_a_bad_value(flyball: Flyball, line: str, where: str, what: str, help_of: str) -> None:
    problem = told(flyball(line if "-o json" in line else f"{line} -o json"), f"flyball {help_of}")
    assert (problem["where"], problem["what"]) == (where, what)


def test_words_are_escaped_and_cut(flyball: Flyball) -> None:
    done = flyball(["get", "--\x1b[31m" + "x" * 500])
    assert done.code == Exit.USAGE
    assert "\x1b" not in done.err
    assert len(done.err) < 200
