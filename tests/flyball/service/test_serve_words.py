"""`flyball serve` and `flyball serve status` as words: each has its own help, and what both take may stand before."""

import pytest

from flyball.exits import Exit
from tests.kit.command_line import Flyball


def test_each_says_what_it_is(flyball: Flyball) -> None:
    whole, status = flyball("serve --help").out, flyball("serve status --help").out
    assert "Run schedules and all other duties until stopped." in whole
    assert "--listen" in whole
    assert "status  Say how the services stand" in " ".join(whole.split(" ")).replace("\n", " ")
    assert "Say how the services stand, and what each duty does." in " ".join(status.split())
    assert "--listen" not in status


@pytest.mark.parametrize("line", ["serve status -o json", "serve -o json status", "-o json serve status"])
def test_common_options_stand_anywhere(flyball: Flyball, line: str) -> None:
    done = flyball(line)
    assert done.code == Exit.UNAVAILABLE
    assert (done.document["kind"], done.document["items"]) == ("ServiceList", [])


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("serve --once status", "`status` only asks"),
        ("serve --listen 127.0.0.1:8080 status", "`status` only asks"),
        ("serve status --once", "`--once` is not an option"),
        ("serve stauts", "did you mean status?"),
        ("serve --once --listen 127.0.0.1:8080", "--once listens nowhere"),
    ],
)
def test_what_does_not_go_together(flyball: Flyball, line: str, said: str) -> None:
    done = flyball(line)
    assert done.code == Exit.USAGE
    assert said in done.err
