"""`flyball event`: the documented commands run, what is no event is told, what nobody may declare is refused."""

import json
import re
import shlex
from pathlib import Path

import pytest

from flyball.exits import Exit
from tests.kit.command_line import Flyball
from tests.kit.installation import LOCAL, OPS, write_policy

PAGE = (Path(__file__).parents[3] / "docs/events.md").read_text(encoding="utf-8")
ADD = ["event", "add", "Black Friday!", "-l", "tier=frontend", "--to", "+8h", "--at-least", "2.5x"]


def test_the_pages_commands_run(flyball: Flyball) -> None:
    (block,) = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
    for line in block.splitlines():
        done = flyball(shlex.split(line)[1:])
        assert done.code == Exit.DONE, done.err


def test_it_is_declared_listed_shown_and_ended(flyball: Flyball) -> None:
    told = flyball(ADD)
    assert "event black-friday  Black Friday!" in told.out
    assert "at least 2.5x" in told.out
    (one,) = flyball("event list -o json").document["items"]
    assert (one["name"], one["state"], one["at_least_ppm"]) == ("black-friday", "on", 2_500_000)
    assert one["selector"] == {"tier": "frontend"}
    assert flyball(ADD).code == Exit.USAGE
    assert flyball("event end black-friday").code == Exit.DONE
    assert flyball("event list -o json").document["items"] == []
    assert flyball("event show black-friday -o json").document["state"] == "over"
    assert flyball("event end black-friday").code == Exit.USAGE


@pytest.mark.parametrize(("words", "where"), [
    (["--to", "+8h"], "--at-least"), (["--at-least", "3x"], "--to"),
    (["--to", "+8h", "--at-least", "1x"], "above 1x and at most"), (["--to", "+8h", "--at-least", "3"], "factor"),
    (["--to", "+8h", "--at-least", "0.5x"], "not above 1x"), (["--to", "+8h", "--at-least", "99x"], "at most 20x"),
    (["--to", "+15d", "--at-least", "3x"], "14 days"), (["--to", "soon", "--at-least", "3x"], "moment"),
    (["--to", "0001-01-01T00:00:00+14:00", "--at-least", "3x"], "moment"),
    (["--to", "9999-12-31T23:59:59-14:00", "--at-least", "3x"], "moment"),
    (["--to", "2020-01-01T00:00", "--at-least", "3x"], "ends"),
    (["--to", "+8h", "--at-least", "3x", "-l", "tier in (a)"], "label"),
    (["--to", "+8h", "--at-least", "3x", "--at-most", "2x"], "least"),
], ids=lambda v: str(v)[:60])  # fmt: skip
def test_what_is_no_event_is_a_mistake_in_three_parts(words: list[str], where: str, flyball: Flyball) -> None:
    done = flyball(["event", "add", "x", *words])
    assert done.code == Exit.USAGE
    assert done.err.startswith("error:")
    assert where in done.err.replace("end after", "ends after")
    assert flyball("event list -o json").document["items"] == []


def test_without_a_rule_nobody_declares(flyball: Flyball, tmp_path: Path) -> None:
    policies = write_policy(tmp_path / "p", [LOCAL, OPS])
    done = flyball([*ADD, "--policies", str(policies), "--no-base"])
    assert done.code == Exit.REFUSED
    assert "declare_event" in done.err
    assert "record" not in done.out


def test_a_title_cannot_paint(flyball: Flyball) -> None:
    done = flyball(["event", "add", "x\x1b[31m\u202e", "--to", "+1h", "--at-least", "3x"])
    assert "\x1b" not in done.out
    assert json.dumps("\\u202e") not in done.out
    assert "\u202e" not in done.out


def test_a_sentence_alone_is_told_how_words_are_given_and_that_nothing_is_asked(flyball: Flyball) -> None:
    """`event add "three times …"` is a name; and who scripts gives `--yes` to whatever writes."""
    said = flyball("event add sale --context sandbox").err
    assert "event add --words" in said
    said = flyball("event add sale --to +8h --at-least 3x --yes --context sandbox").err
    assert "`--yes` is not an option" in said
    assert "leave it out" in said
    assert "did you mean" not in said
