"""docs/architecture.md: its pictures are the import graph, the layers' contracts, and the calls of the code."""

import re
import stat
import tomllib
from pathlib import Path

import pytest

from audit.store import schema
from flyball.cli.kit import remembered_names
from flyball.jobs import store as jobs
from policies import parsed_cache
from sandbox.api import store
from tests.docs.kit import PACKAGES, ROOT, blocks, hold_to_the_code, imports, page, rows
from tests.kit.installation import App, replicas, within
from tools.cluster import cluster_pins
from tools.metrics import history
from tools.path import leases

TEXT = page("docs/architecture.md")
PARTED = ("agents", "audit", "flyball", "flyball/cli", "forecasting", "policies", "sandbox")
"""Packages whose parts the page names; those of tools are in the order of their contract."""
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


def _named(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def _first_cells(heading: str) -> list[str]:
    return [name for row in rows(TEXT, heading) for name in _named(row[0])]


@pytest.mark.parametrize("package", PARTED)
def test_every_part_of_a_package_is_named_once(package: str) -> None:
    inside = (ROOT / package).iterdir()
    folders = {p.name for p in inside if (p / "__init__.py").is_file()}
    modules = {p.stem for p in (ROOT / package).glob("*.py")} - {"__init__", "__main__"}
    named = _first_cells(f"Parts of {package}")
    assert sorted(named) == sorted(folders | modules), "name it in docs/architecture.md"


def test_every_place_of_the_hpa_is_named() -> None:
    called = [p for name in PACKAGES for p in (ROOT / name).rglob("hpa*") if p.suffix in ("", ".py")]
    named = {(ROOT / place) for place in _first_cells("The HPA, in each place")}
    assert {p for p in called if p.name != "__pycache__"} <= named


def test_what_no_command_calls_is_listed() -> None:
    """Reached is what flyball imports, directly or through others; tables and SQL models are for `./dev sql`."""
    graph = imports()
    reached = {name for name in graph.modules if name.partition(".")[0] == "flyball"}
    new = set(reached)
    while new:
        found = {n for name in new for n in graph.find_modules_directly_imported_by(name)}
        new = (found | {n.rpartition(".")[0] for n in found} - {""}) - reached
        reached |= new
    uncalled = {n for n in graph.modules - reached if n.startswith("forecasting.")}
    listed = _first_cells("What no command calls yet")
    assert not [n for n in listed if n in reached], "it is called now: take it out of the list"
    assert not [n for n in uncalled if not any(n == one or n.startswith(f"{one}.") for one in listed)]


def test_every_file_of_the_state_is_listed_with_its_mode(tmp_path: Path) -> None:
    async def used(app: App) -> None:
        await replicas(app)

    within(tmp_path, used)
    for folder, heading in (("state/sandbox", "In the state folder"), ("pinned", "In the pinned folder")):
        patterns = [name.replace("…", "*") for name in _first_cells(heading)]
        files = [p for p in (tmp_path / folder).iterdir() if not p.name.endswith(("-wal", "-shm", ".lock"))]
        assert files
        assert not [p.name for p in files if not any(p.match(pattern) for pattern in patterns)]
        assert {stat.S_IMODE(p.stat().st_mode) for p in files} == {0o600}
        assert stat.S_IMODE((tmp_path / folder).stat().st_mode) == 0o700


def test_the_formats_of_the_state_are_those_of_the_code() -> None:
    formats = {_named(row[0])[0]: row[2] for row in rows(TEXT, "In the state folder")}
    in_code = {
        "audit.db": schema.VERSION,
        "leases.db": leases.VERSION,
        "jobs.db": jobs.VERSION,
        "policy.cache": parsed_cache.FORMAT,
        "shown.json": remembered_names._FORMAT,
        "world.db": store.FORMAT,
        "pins.json": cluster_pins._VERSION,
        "metrics.db": history.FORMAT,
    }
    assert {name: formats[name] for name in in_code} == {name: str(n) for name, n in in_code.items()}


def test_every_folder_of_tests_is_named() -> None:
    there = {p.name for p in (ROOT / "tests").iterdir() if (p / "__init__.py").is_file()}
    assert sorted(_first_cells("The tests")) == sorted(there)
