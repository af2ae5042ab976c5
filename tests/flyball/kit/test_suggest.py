"""Suggested commands carry what this command was given, and nothing twice: as printed they run, from any folder."""

import re
import shlex
from pathlib import Path

import pytest

from flyball.cli.kit.output import error, note
from flyball.cli.kit.suggest import placed, remember
from tests.kit.command_line import Flyball
from tests.kit.installation import LOCAL, OPS, allow, write_policy

GIVEN = {"context": "arn:aws:eks:eu-1:1:cluster/prod", "namespace": "shop", "state": "/a b"}
FLAGS = "--context arn:aws:eks:eu-1:1:cluster/prod -n shop --state '/a b' "


NO_CONTEXT, NO_NAMESPACE = FLAGS.partition("-n")[2].join(("-n", "")), FLAGS.replace("-n shop ", "")


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ("  undo: flyball undo 4", f"  undo: flyball {FLAGS}undo 4"),
        ("flyball get, then: flyball undo 4", f"flyball {FLAGS}get, then: flyball {FLAGS}undo 4"),
        ("flyball resume --context other", f"flyball {NO_CONTEXT}resume --context other"),
        (
            "flyball why web -n pay   (or flyball get)",
            f"flyball {NO_NAMESPACE}why web -n pay   (or flyball {FLAGS}get)",
        ),
        ("`flyball status` tells", f"`flyball {FLAGS}status` tells"),
        ("a fault in flyball itself", "a fault in flyball itself"),
        ("nothing to do", "nothing to do"),
    ],
)
def test_what_was_given_is_carried(text: str, whole: str) -> None:
    remember(GIVEN)
    try:
        assert placed(text) == whole
    finally:
        remember({})
    assert placed(text) == text


def test_what_is_printed_runs_elsewhere(
    flyball: Flyball, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The undo of a change under --state, from another folder, with nothing else said."""
    state = tmp_path / "of its own"
    done = flyball(["act", "scale", "deploy/web", "--replicas", "5", "--yes", "--state", str(state)])
    command = re.search(r"undo: flyball (.*)", done.out)
    assert command is not None
    monkeypatch.chdir(tmp_path)
    assert flyball([*shlex.split(command[1]), "--yes"]).code == 0


def test_an_error_carries_it_too_and_the_next_command_nothing_of_it(flyball: Flyball, tmp_path: Path) -> None:
    wrong = flyball(["approve", "12345678", "--state", str(tmp_path / "s"), "-o", "json"])
    (problem,) = wrong.document["problems"]
    assert problem["hint"] == f"flyball --state {tmp_path / 's'} pending"
    assert f"flyball --state {tmp_path / 's'} pending" in wrong.err
    assert "  flyball pending\n" in flyball("approve 12345678").err


def test_what_decides_on_the_policy_is_carried(flyball: Flyball, tmp_path: Path) -> None:
    """Without --no-base the next command would go by another policy than this one."""
    own = write_policy(tmp_path / "own", [LOCAL, OPS, allow("read", ["read"])])
    wrong = flyball(["approve", "12345678", "--policies", str(own), "--no-base"])
    assert f"flyball --policies {own} --no-base pending" in wrong.err


@pytest.mark.parametrize(
    "value", ["a b", "it's", '"', "$HOME", "`id`", "$(id)", "a\nb", "*", "-x", "a;b", "\\"]
)
def test_odd_values_reach_the_next_command_as_they_were(value: str) -> None:
    """As a shell reads what is printed."""
    remember({"state": value, "context": value})
    try:
        assert shlex.split(placed("flyball undo 4")) == [
            "flyball", "--context", value, "--state", value, "undo", "4",
        ]  # fmt: skip
    finally:
        remember({})


def test_what_others_wrote_is_told_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    """An endpoint, an object or a record may say `flyball stop` too: only our own suggestions are completed."""
    remember({"context": "prod"})
    try:
        note("the endpoint says: flyball stop")
        error("it says: flyball stop", "flyball stop", "flyball undo 4")
    finally:
        remember({})
    said = capsys.readouterr().err
    assert said.count("flyball stop") == 3
    assert "flyball --context prod undo 4" in said
