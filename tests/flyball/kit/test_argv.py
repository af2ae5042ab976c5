"""Words as kubectl takes them: common options before the command, `--dry-run` without a value."""

import pytest

from flyball.cli.kit.argv import normalize_argv


@pytest.mark.parametrize(
    ("given", "taken"),
    [
        ("--state /s status", "status --state /s"),
        ("-n shop --context=sandbox act scale web", "act scale web -n shop --context=sandbox"),
        ("-nshop -ojson get", "get -nshop -ojson"),
        ("--debug status -o json", "status -o json --debug"),
        ("act scale web --dry-run", "act scale web --dry-run=server"),
        ("act scale web --dry-run=none", "act scale web --dry-run=none"),
        ("act scale web --wait", "act scale web --wait=5m"),
        ("undo --wait 18204", "undo --wait=5m 18204"),
        ("act scale web --wait 10m --yes", "act scale web --wait 10m --yes"),
        ("act scale web --wait=90s", "act scale web --wait=90s"),
        ("--version", "--version"),
        ("--help", "--help"),
        ("--state", "--state"),
        ("", ""),
    ],
)
def test_words(given: str, taken: str) -> None:
    assert normalize_argv(given.split()) == taken.split()
