"""YAML 1.2 text to plain data that still knows its lines. Nothing is guessed, and nothing is taken twice.

Refused here, because each has made a policy say something else than it showed: duplicate keys (PyYAML takes
the last), anchors and merge keys, custom tags, numbers such as `1_0` or `0x10` or `.nan`, and a file without
the final `...` (YAML's end of document), which a half-written file lacks.
"""

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from policies.document import Document, Path
from policies.errors import PolicyError

_TAG = "tag:yaml.org,2002:"
_INTEGER = re.compile(r"-?(0|[1-9][0-9]{0,18})", re.ASCII)
_DECIMAL = re.compile(r"(0|[1-9][0-9]{0,18})\.[0-9]{1,9}", re.ASCII)
_MAX_DEPTH = 24
_MAX_BRACKETS = 200
_BRACKET = re.compile(r"[\[\]{}]")


def parse(raw: bytes, file: str) -> list[Document]:
    """All documents of a file. Raises PolicyError with the line of the first thing that is wrong."""
    text = _whole(_text(raw, file), file)
    _shallow(text, file)
    try:
        nodes = list(YAML(typ="safe", pure=True).compose_all(text))
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f":{mark.line + 1}" if mark is not None else ""
        raise PolicyError(f"not YAML: {error.problem}", where=f"{file}{line}") from error
    except (YAMLError, RecursionError, ValueError) as error:
        raise PolicyError(f"not YAML: {type(error).__name__}", where=file) from error
    return [_document(node, file) for node in nodes if not _empty(node)]


def _text(raw: bytes, file: str) -> str:
    try:
        return raw.decode("utf-8", "strict")
    except UnicodeDecodeError as error:
        raise PolicyError("the file is not UTF-8", where=file, hint="save it as UTF-8") from error


def _whole(text: str, file: str) -> str:
    """The text before the final `...`.

    A prefix of a file must never pass for the file: it may have lost an approval or a deny.
    """
    lines = text.rstrip("\n").split("\n")
    if lines[-1].rstrip() != "...":
        raise PolicyError(
            "the file does not end with `...`, as a half-written one would not",
            where=f"{file}:{len(lines)}",
            hint="end it with a line of three dots (YAML's end of document)",
        )
    for number, line in enumerate(lines[:-1], 1):
        if line.startswith(("...", "%")):
            raise PolicyError(
                f"`{line[:3]}` in the middle of the file",
                where=f"{file}:{number}",
                hint="separate documents by `---`; `...` ends the file; no directives",
            )
    return "\n".join(lines[:-1]) + "\n"


def _shallow(text: str, file: str) -> None:
    """Refuse thousands of open brackets before the parser spends seconds on them."""
    depth = 0
    for bracket in _BRACKET.finditer(text):
        depth = depth + 1 if bracket.group() in "[{" else max(depth - 1, 0)
        if depth > _MAX_BRACKETS:
            raise PolicyError(
                "nested too deeply", where=f"{file}:{text.count(chr(10), 0, bracket.start()) + 1}"
            )


def _empty(node: Node | None) -> bool:
    return node is None or (isinstance(node, ScalarNode) and str(node.tag) == _TAG + "null")


def _document(node: Node, file: str) -> Document:
    lines: dict[Path, int] = {}
    line = node.start_mark.line + 1
    if not isinstance(node, MappingNode):
        raise PolicyError("the document is not a mapping", where=f"{file}:{line}", hint="see docs/policy.md")
    return Document(file, line, _mapping(node, (), file, lines), lines)


def _value(node: Node, path: Path, file: str, lines: dict[Path, int]) -> Any:
    where = f"{file}:{node.start_mark.line + 1}"
    if node.anchor:
        raise PolicyError("anchors and aliases are not read", where=where, hint="write the value out")
    if len(path) > _MAX_DEPTH:
        raise PolicyError("nested too deeply", where=where)
    if isinstance(node, MappingNode):
        return _mapping(node, path, file, lines)
    if isinstance(node, SequenceNode):
        return tuple(_items(node, path, file, lines))
    return _scalar(node, where)


def _items(node: SequenceNode, path: Path, file: str, lines: dict[Path, int]) -> Iterator[Any]:
    for index, item in enumerate(node.value):
        lines[(*path, index)] = item.start_mark.line + 1
        yield _value(item, (*path, index), file, lines)


def _mapping(node: MappingNode, path: Path, file: str, lines: dict[Path, int]) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for key_node, value_node in node.value:
        line = key_node.start_mark.line + 1
        where = f"{file}:{line}"
        if not isinstance(key_node, ScalarNode) or str(key_node.tag) != _TAG + "str" or key_node.anchor:
            raise PolicyError("a key is not plain text", where=where, hint="quote it")
        key = str(key_node.value)
        if key in out:
            first = lines[(*path, key)]
            raise PolicyError(f"`{key}` is there twice", where=where, hint=f"the first is on line {first}")
        lines[(*path, key)] = line
        out[key] = _value(value_node, (*path, key), file, lines)
    return out


def _scalar(node: Node, where: str) -> Any:
    text, tag = str(node.value), str(node.tag).removeprefix(_TAG)
    if tag in ("str", "timestamp"):
        return text
    if tag == "int" and _INTEGER.fullmatch(text):
        return int(text)
    if tag == "float" and _DECIMAL.fullmatch(text):
        return Decimal(text)
    if tag == "bool" and text in ("true", "false"):
        return text == "true"
    if tag == "null":
        return None
    raise PolicyError(f"`{text[:40]}` is read differently by different tools", where=where, hint="quote it")
