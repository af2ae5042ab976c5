"""base is what all packages share, and nothing else: a closed list, standard library only."""

import ast
import sys
from pathlib import Path

BASE = Path(__file__).parents[2] / "base"
MODULES = {
    "__init__", "addresses", "durations", "errors", "instants", "interrupts", "proxies", "quantities", "text",
    "toml_files",
}  # fmt: skip


def test_no_module_joins_without_being_listed() -> None:
    assert {path.stem for path in BASE.rglob("*.py")} == MODULES


def test_only_the_standard_library_is_imported() -> None:
    for path in BASE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            roots = {name.partition(".")[0] for name in names}
            assert roots <= sys.stdlib_module_names | {"base"}, path
