"""docs/glossary.md: each word lives where it says, and the words of 0.1 live in its last table only."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest

from audit.claims import ClaimKind
from base.errors import Effect
from tests.docs.kit import PACKAGES, ROOT, page, rows

PAGE = "docs/glossary.md"
TEXT = page(PAGE)
HEADINGS = ("Who and what", "The path", "Reading", "The gate", "The log", "Forecasts", "Errors")
WORDS = [row for heading in HEADINGS for row in rows(TEXT, heading)]

OLD = re.compile(
    r"(?<![A-Za-z])(?:mend|mends|mended|mending|_?MENDS?|[Kk]ept[ _](?:checkpoint|copy)|rooms|houses?|sittings?"
    r"|FLYBALL_KEPT)(?![A-Za-z])"
    r"|\b(?:kept_(?:path|error|records|problem)|Keepers?(?:Reader)?|to_its_end|Settler|Settling|Remembered"
    r"|(?:Cluster|Metrics|Model)Away|Exit\.AWAY)\b|\bpassed_over\(|--kept(?![\w-])"
)
"""Words of 0.1 that have no other meaning. `Row`, `Job`, `Case`, `holds` and the like are words of their own too,
and a node has room: they are not looked for."""

HISTORY = {"docs/glossary.md", "tests/docs/test_glossary.py"}
"""The table itself, and this list."""


@pytest.mark.parametrize("row", WORDS, ids=lambda row: row[0])
def test_a_word_has_one_line_and_lives_where_it_says(row: tuple[str, ...]) -> None:
    _, meaning, where = row
    assert meaning
    (path,) = re.findall(r"`([\w./]+)`", where)
    assert (ROOT / path).exists()


def test_no_word_is_explained_twice() -> None:
    names = [name.strip() for row in WORDS for name in row[0].split(",")]
    assert sorted(names) == sorted(set(names))


def test_the_claims_and_effects_are_the_codes() -> None:
    kinds = {row[0].strip("`") for row in rows(TEXT, "The log") if row[0].startswith("`")}
    assert kinds == set(get_args(ClaimKind))
    (effects,) = [row[1] for row in WORDS if row[0] == "effect of an error"]
    assert effects.partition(": ")[2].split(", ") == list(get_args(Effect))


def _texts() -> Iterator[Path]:
    for folder in (*PACKAGES, "tests", "docs"):
        for kind in ("*.py", "*.md", "*.yaml"):
            yield from sorted((ROOT / folder).rglob(kind))
    yield from (ROOT / name for name in ("README.md", "CONTRIBUTING.md", "dev", "pyproject.toml"))


def test_words_of_0_1_occur_in_that_table_only() -> None:
    found = {}
    for path in _texts():
        name = str(path.relative_to(ROOT))
        old = [match[0] for match in OLD.finditer(path.read_text(encoding="utf-8"))]
        if old and name not in HISTORY:
            found[name] = old
    assert not found


def test_the_table_has_every_word_that_is_looked_for() -> None:
    was = " ".join(row[0] for row in rows(TEXT, "Words of 0.1"))
    for word in (
        "mend",
        "--kept",
        "FLYBALL_KEPT",
        "kept checkpoint",
        "Keeper",
        "to_its_end",
        "rooms",
        "sitting",
    ):
        assert OLD.fullmatch(word), word
        assert f"`{word}`" in was, word


def test_what_words_are_called_now_is_in_the_code() -> None:
    code = "\n".join(p.read_text(encoding="utf-8") for f in PACKAGES for p in (ROOT / f).rglob("*.py"))
    for _, now, _ in rows(TEXT, "Words of 0.1"):
        for name in re.findall(r"`([\w-]+)`", now):
            assert name in code, name
