"""Every page: the files, modules and functions that it names are there, and its links lead somewhere."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from typer.core import TyperGroup

from flyball.cli.app import app
from tests.docs.kit import PACKAGES, ROOT

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
_ROOTS = "|".join((*PACKAGES, "tests", "docs"))
FILE = re.compile(rf"(?<![\w./~-])((?:{_ROOTS})/(?:[\w-]+/)*(?:[\w-]+\.[a-z]+)?)(?![\w*…])")
NAME = re.compile(rf"`((?:{'|'.join(PACKAGES)})(?:\.\w+)+)[`(]")
NO_MODULES = re.compile(r".*\.(db|key|toml|io|yaml)$")
LINK = re.compile(r"\]\(([^)#\s]*)(?:#([^)]*))?\)")
by_name = pytest.mark.parametrize("path", PAGES, ids=lambda p: str(p.relative_to(ROOT)))


def _resolves(dotted: str) -> bool:
    """Whether it is a module or package of ours, or a name that one of them defines."""
    parts = dotted.split(".")
    for end in range(len(parts), 0, -1):
        place = ROOT.joinpath(*parts[:end])
        file = place.with_suffix(".py") if place.with_suffix(".py").is_file() else place / "__init__.py"
        if file.is_file():
            text = file.read_text(encoding="utf-8")
            return all(re.search(rf"\b{re.escape(name)}\b", text) for name in parts[end:])
    return False


@by_name
def test_files_are_there(path: Path) -> None:
    lost = [name for name in FILE.findall(path.read_text(encoding="utf-8")) if not (ROOT / name).exists()]
    assert not lost


@by_name
def test_modules_and_functions_are_there(path: Path) -> None:
    named = [n for n in NAME.findall(path.read_text(encoding="utf-8")) if not NO_MODULES.match(n)]
    assert not [name for name in named if not _resolves(name)]


@by_name
def test_links_lead_somewhere(path: Path) -> None:
    for target, anchor in LINK.findall(path.read_text(encoding="utf-8")):
        if "://" in target:
            continue
        there = (path.parent / target).resolve() if target else path
        assert there.exists(), target
        if anchor:
            assert anchor in _anchors(there), (target, anchor)


def _anchors(page: Path) -> set[str]:
    """The headings as GitHub links to them."""
    heads = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", head.lower()).replace(" ", "-") for head in heads}


def test_every_page_is_reached_from_the_readme() -> None:
    """By links alone, over any number of pages."""
    reached, left = set[Path](), [ROOT / "README.md"]
    while left:
        page = left.pop()
        if page in reached or page.suffix != ".md":
            continue
        reached.add(page)
        for target, _ in LINK.findall(page.read_text(encoding="utf-8")):
            if target and "://" not in target:
                there = (page.parent / target).resolve()
                left.append(there / "README.md" if there.is_dir() else there)
    assert {p for p in PAGES if p.parent != ROOT} <= reached


COMMAND = re.compile(r"(?:^\$? *|`|\./dev run |^ +\w+: +)flyball ((?:[\w./{}=-]+ ?)+)", re.MULTILINE)


def _said(text: str) -> Iterator[list[str]]:
    """The words behind `flyball`, up to whatever is not a plain word; quotes and dots end them."""
    for match in COMMAND.finditer(text):
        yield match[1].split()


def _unknown(words: list[str]) -> str | None:
    """The first word that is not a command or option where it stands; None where all are known."""
    command = typer.main.get_command(app)
    for word in words:
        if word == "--":  # no option but an arrow, or the end of all options
            return None
        context = typer.Context(command)
        if word.startswith("--"):
            known = {name for one in command.get_params(context) for name in one.opts}
            if word.partition("=")[0] not in known:
                return word
        elif isinstance(command, TyperGroup) and not word.startswith("-"):
            found = command.get_command(context, word)
            if found is None:
                return word
            command = found
    return None


@by_name
def test_commands_and_their_options_exist(path: Path) -> None:
    said = list(_said(path.read_text(encoding="utf-8")))
    assert not [(words, no) for words in said if (no := _unknown(words))]


def test_a_command_that_is_none_is_found_out() -> None:
    assert _unknown(["audit", "seek"]) == "seek"
    assert _unknown(["act", "scale", "deploy/web", "--replica"]) == "--replica"
    assert _unknown(["act", "scale", "deploy/web", "--replicas", "6", "--yes"]) is None
