"""docs/adr: each decision has its four parts, is short, stands in the index, and names files that exist."""

import re
from pathlib import Path

import pytest

from tests.docs.kit import ROOT, page

FOLDER = ROOT / "docs" / "adr"
RECORDS = sorted(FOLDER.glob("[0-9]*.md"))
PARTS = ["Context", "Decision", "Consequences", "Rejected alternatives"]


@pytest.mark.parametrize("path", RECORDS, ids=lambda p: p.stem)
def test_a_record_has_its_parts_and_is_short(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert re.findall(r"^## (.*)$", text, re.MULTILINE) == PARTS
    assert text.startswith(f"# {path.stem[:4]}: ")
    assert len(text.splitlines()) <= 45


def test_numbers_are_contiguous_and_the_index_has_every_title() -> None:
    assert [int(path.stem[:4]) for path in RECORDS] == list(range(1, len(RECORDS) + 1))
    titles = {p.name: p.read_text(encoding="utf-8").partition("\n")[0][8:] for p in RECORDS}
    told = dict(re.findall(r"\]\((\d[\w-]*\.md)\) \| (.*) \|", page("docs/adr/README.md")))
    assert told == titles


@pytest.mark.parametrize("path", RECORDS, ids=lambda p: p.stem)
def test_the_files_that_it_names_are_there(path: Path) -> None:
    named = re.findall(r"`((?:[\w.-]+/)+[\w.-]*\.py|tests/[\w/.]*)`", path.read_text(encoding="utf-8"))
    assert not [name for name in named if not (ROOT / name).exists()]
