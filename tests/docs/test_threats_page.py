"""docs/threats.md: every number that tests and code refer to has a row, and every row is true of its tests."""

import re
from collections.abc import Iterator
from pathlib import Path

from tests.docs.kit import PACKAGES, ROOT, page, rows

TEXT = page("docs/threats.md")
TABLE = {int(row[0]): row for row in rows(TEXT, "The list")}
FILE = re.compile(r"`(tests/[\w/]+\.py)`")
WORDS = re.compile(r"[Tt]hreats?\s+(\d+(?:(?:,|\s+and|,\s+and)\s+\d+)*)(?:\s+\(and\s+(\d+)\))?")
NAME = re.compile(r"def test_((?:\d+_)+)")
PREFIXED = Path("tests/security")
"""Here a test's name may begin with the numbers of its threats; elsewhere a number in a name is none."""


def _numbers(text: str) -> set[int]:
    return {int(n) for n in re.findall(r"\d+", text)}


def _referred(path: Path) -> set[int]:
    text = path.read_text(encoding="utf-8")
    found = [_numbers(" ".join(filter(None, match.groups()))) for match in WORDS.finditer(text)]
    if path.relative_to(ROOT).is_relative_to(PREFIXED):
        found += [_numbers(match[1].replace("_", " ")) for match in NAME.finditer(text)]
    return set().union(*found)


def _files() -> Iterator[Path]:
    for folder in ("tests", *PACKAGES):
        yield from sorted((ROOT / folder).rglob("*.py"))


def test_the_numbers_are_contiguous() -> None:
    assert list(TABLE) == list(range(1, len(TABLE) + 1))


def test_every_reference_has_a_row() -> None:
    lost = {str(path): more for path in _files() if (more := _referred(path) - TABLE.keys())}
    assert not lost


def test_references_are_found_in_each_of_their_spellings() -> None:
    found = {n for path in _files() for n in _referred(path)}
    assert found >= {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 15, 17, 18, 19, 20, 23, 24, 25, 26, 27}


def test_every_row_names_tests_that_exist_or_says_that_there_is_none() -> None:
    for number, (*_, tested) in TABLE.items():
        files = FILE.findall(tested)
        assert files or tested.startswith("no test: "), number
        assert not [name for name in files if not (ROOT / name).is_file()], number


def test_what_a_test_says_that_it_attacks_stands_in_the_row() -> None:
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        for number in _referred(path):
            assert str(path.relative_to(ROOT)) in TABLE[number][3], (number, path)


def test_every_test_of_security_is_named() -> None:
    there = {str(path.relative_to(ROOT)) for path in (ROOT / PREFIXED).glob("test_*.py")}
    assert there <= set(FILE.findall(TEXT))
