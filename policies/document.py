"""A policy document as plain data that still knows its lines: what parsing gives, and all that checking needs."""

from dataclasses import dataclass, field
from typing import Any

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Document:
    """One YAML document: plain data (tuples for sequences), its file, and the line of each key and item."""

    file: str
    line: int
    data: dict[str, Any]
    lines: dict[Path, int] = field(repr=False)

    def where(self, path: Path = ()) -> str:
        """`file:line` of the nearest thing on `path` that exists."""
        while path and path not in self.lines:
            path = path[:-1]
        return f"{self.file}:{self.lines.get(path, self.line)}"
