"""docs/contributing.md: its flow is what the code calls, its past diffs are still there, its commits are real."""

import re
import shutil
import subprocess

import pytest

from tests.docs.kit import ROOT, blocks, hold_to_the_code, page

TEXT = page("docs/contributing.md")
RECIPES = re.split(r"^### ", TEXT, flags=re.MULTILINE)[1:]
COMMIT = re.compile(r"\bin ([0-9a-f]{7})\b|\band ([0-9a-f]{7})\b")


def _added(diff: str) -> list[tuple[str, list[str]]]:
    """Each file of a shortened diff, with the lines that were added to it."""
    parts = re.split(r"^\+\+\+ b/(\S+)\n", diff, flags=re.MULTILINE)
    assert parts[0] == ""
    bodies = [[line[1:].strip() for line in body.splitlines()] for body in parts[2::2]]
    return list(zip(parts[1::2], bodies, strict=True))


@pytest.mark.parametrize("number", range(2))
def test_the_flow_is_what_the_code_calls(number: int) -> None:
    found = blocks(TEXT, "text")
    assert len(found) == 2
    hold_to_the_code(found[number])


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda text: text.partition("\n")[0])
def test_what_a_past_diff_added_is_still_there(recipe: str) -> None:
    (diff,) = blocks(recipe, "diff")
    for name, lines in _added(diff):
        there = page(name)
        assert not [line for line in lines if line not in there], name


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda text: text.partition("\n")[0])
def test_its_commits_are_in_the_history(recipe: str) -> None:
    ids = [one or other for one, other in COMMIT.findall(recipe)]
    assert ids
    if _git("rev-parse", "--is-shallow-repository") != "false":
        pytest.skip("no whole history here")
    assert [_git("cat-file", "-t", one) for one in ids] == ["commit"] * len(ids)


def _git(*words: str) -> str:
    """What git says; empty where there is no git, or this is not a repository."""
    if shutil.which("git") is None:
        return ""
    done = subprocess.run(["git", "-C", str(ROOT), *words], capture_output=True, text=True, check=False)
    return done.stdout.strip()


def test_every_file_that_the_page_names_is_there() -> None:
    named = [name for name in re.findall(r"`((?:[\w.-]+/)+[\w.-]*)`", TEXT) if "*" not in name]
    assert len(named) > 20
    assert not [name for name in named if not (ROOT / name).exists()]
