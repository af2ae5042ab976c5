"""What the tests of the pages for builders share: fenced blocks, tables, and call trees that are held to the code."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import grimp

ROOT = Path(__file__).parents[2]
PACKAGES = ("agents", "audit", "base", "flyball", "forecasting", "policies", "sandbox", "tools")
_STEP = re.compile(r"^(?P<indent> *)(?P<name>[A-Za-z_][\w.]*)  +(?P<file>[\w/]+\.py)(?:  +.*)?$")
_PLACERS = {
    "agents.tuner.run",
    "agents.tuner.strategies",
    "flyball.open_chat",
    "flyball.tuning_pass",
    "flyball.wiring",
    "tools.approvals.approvals",
    "tools.cluster.connect",
    "tools.toolbox.governed",
}
"""Modules that construct what others hold as a Protocol: the writer, a model's client, a strategy, governed reads."""
_Function = ast.FunctionDef | ast.AsyncFunctionDef


def page(name: str) -> str:
    """The text of a page, by its path from the root."""
    return (ROOT / name).read_text(encoding="utf-8")


def blocks(text: str, language: str) -> list[str]:
    """The fenced blocks in that language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


def rows(text: str, heading: str) -> list[tuple[str, ...]]:
    """The cells of the tables under the heading, without their heads. An escaped pipe is not a border."""
    section = re.split(rf"^#+ {re.escape(heading)}$", text, flags=re.MULTILINE)[1]
    section = re.split(r"^#+ ", section, flags=re.MULTILINE)[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    cells = [tuple(c.strip() for c in re.split(r"(?<!\\)\|", line)[1:-1]) for line in lines]
    heads = {
        i for i, row in enumerate(cells) if i + 1 < len(cells) and set("".join(cells[i + 1])) <= set("-: ")
    }
    return [row for i, row in enumerate(cells) if i not in heads and i - 1 not in heads]


@cache
def imports() -> grimp.ImportGraph:
    """Who imports whom, imports for type checkers too."""
    return grimp.build_graph(*PACKAGES, cache_dir=None)


@cache
def tree(file: str) -> ast.Module:
    return ast.parse(page(file), file)


@dataclass(frozen=True)
class Step:
    """A line of a call tree: `name  file.py  remark`, indented under its caller."""

    depth: int
    name: str
    file: str

    @property
    def module(self) -> str:
        return self.file.removesuffix(".py").replace("/", ".")

    @property
    def called(self) -> str:
        """As its caller names it, but for the object before the dot."""
        return self.name.rpartition(".")[2]

    def function(self) -> _Function:
        """Its definition. Raises LookupError where the file has no such function."""
        scope: ast.Module | ast.ClassDef | _Function = tree(self.file)
        for part in self.name.split("."):
            kinds = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
            found = [n for n in scope.body if isinstance(n, kinds) and n.name == part]
            if not found:
                raise LookupError(f"{self.file} has no `{self.name}`")
            scope = found[-1]
        if isinstance(scope, ast.Module | ast.ClassDef):
            raise LookupError(f"`{self.name}` of {self.file} is not a function")
        return scope


def steps(block: str) -> list[Step]:
    """The lines of a call tree. Raises ValueError for one that is none."""
    found = []
    for line in block.splitlines():
        match = _STEP.match(line)
        if match is None:
            raise ValueError(f"not `name  file.py`: {line!r}")
        found.append(Step(len(match["indent"]) // 2, match["name"], match["file"]))
    return found


def calls(found: list[Step]) -> Iterator[tuple[Step, list[Step]]]:
    """Each step with the steps that are drawn as called by it, in their order."""
    for i, step in enumerate(found):
        inner: list[Step] = []
        for later in found[i + 1 :]:
            if later.depth <= step.depth:
                break
            if later.depth == step.depth + 1:
                inner.append(later)
        yield step, inner


def named_in(step: Step) -> list[str]:
    """Every function that the step's own text names, in the order of the text; aliases by their true names."""
    aliases = {
        a.asname: a.name
        for node in ast.walk(tree(step.file))
        if isinstance(node, ast.ImportFrom)
        for a in node.names
        if a.asname
    }
    nodes = [n for n in ast.walk(step.function()) if isinstance(n, ast.Attribute | ast.Name)]
    nodes.sort(key=lambda n: (n.end_lineno or 0, n.end_col_offset or 0))
    names = [n.attr if isinstance(n, ast.Attribute) else n.id for n in nodes]
    return [aliases.get(name, name) for name in names]


def hold_to_the_code(block: str) -> None:
    """Every function drawn exists; each calls what is drawn under it, in that order, and may import it.

    What comes in through a port is imported by a module that puts it there (`_PLACERS`), or by a file of the path.
    """
    for caller, inner in calls(steps(block)):
        said = named_in(caller)
        at = 0
        for step in inner:
            step.function()
            assert step.called in said[at:], f"{caller.name} does not name {step.called} there"
            at = said.index(step.called, at) + 1
            assert step.module == caller.module or _reaches(caller.module, step.module), step


def _reaches(importer: str, imported: str) -> bool:
    by = imports().find_modules_that_directly_import(imported)
    return importer in by or bool(_PLACERS & by) or any(one.startswith("tools.path.") for one in by)
