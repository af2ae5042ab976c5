"""docs/architecture.md: its pictures are the import graph, the layers' contracts, and the calls of the code."""

import re
import tomllib

import pytest

from tests.docs.kit import PACKAGES, ROOT, blocks, hold_to_the_code, imports, page, rows

TEXT = page("docs/architecture.md")
ARROW = re.compile(r"^ *(\w+) (-->|-\.->) (\w+)$", re.MULTILINE)


def _drawn(arrow: str) -> set[tuple[str, str]]:
    (picture,) = blocks(TEXT, "mermaid")
    return {(a, b) for a, kind, b in ARROW.findall(picture) if kind == arrow}


def _edges() -> set[tuple[str, str]]:
    """Which package imports which."""
    graph, found = imports(), set()
    for importer in graph.modules:
        for imported in graph.find_modules_directly_imported_by(importer):
            found.add((importer.partition(".")[0], imported.partition(".")[0]))
    return {(a, b) for a, b in found if a != b}


def _implied(edges: set[tuple[str, str]]) -> set[tuple[str, str]]:
    """The edges and all that follow from them: who imports an importer depends on what that imports."""
    while more := {(a, d) for a, b in edges for c, d in edges if b == c} - edges:
        edges = edges | more
    return edges


def _layers(contract: str) -> list[list[str]]:
    config = tomllib.loads(page("pyproject.toml"))["tool"]["importlinter"]
    (found,) = [one for one in config["contracts"] if one["id"] == contract]
    return [layer.split(" | ") for layer in found["layers"]]


def test_every_arrow_is_an_import() -> None:
    assert _drawn("-->") <= _edges()


def test_every_import_between_packages_is_drawn_or_follows() -> None:
    assert _edges() <= _implied(_drawn("-->") | _drawn("-.->"))


def test_a_dotted_arrow_is_allowed_and_not_used_yet() -> None:
    assert not _drawn("-.->") & _edges(), "it is used now: draw it with -->"


def test_arrows_go_down_the_contract() -> None:
    depth = {name: i for i, layer in enumerate(_layers("packages")) for name in layer}
    drawn = _drawn("-->") | _drawn("-.->")
    assert {name for arrow in drawn for name in arrow} == set(PACKAGES) == set(depth)
    assert not {(a, b) for a, b in drawn if depth[a] >= depth[b]}


def test_the_packages_are_all_told() -> None:
    told = [row[0].strip("`/") for row in rows(TEXT, "The packages")]
    assert sorted(told) == sorted(PACKAGES)


def test_the_parts_of_tools_are_in_the_contracts_order() -> None:
    depth = {name: i for i, layer in enumerate(_layers("tools-layers")) for name in layer}
    told = [row[0].strip("`") for row in rows(TEXT, "The parts of tools")]
    assert set(told) == set(depth)
    assert [depth[name] for name in told] == sorted(depth.values())


@pytest.mark.parametrize("number", range(3))
def test_the_path_is_what_the_code_calls(number: int) -> None:
    found = blocks(TEXT, "text")
    assert len(found) == 3
    hold_to_the_code(found[number])


def test_a_step_that_is_not_taken_is_found_out() -> None:
    block = "Executor.execute  tools/path/executor.py\n  Gate.screen  policies/gate.py\n"
    with pytest.raises(AssertionError, match="does not name screen"):
        hold_to_the_code(block)


def test_every_file_that_the_page_names_is_there() -> None:
    named = re.findall(r"`((?:[\w.-]+/)+[\w.-]*)`", TEXT)
    assert named
    assert not [name for name in named if not (ROOT / name).exists()]
