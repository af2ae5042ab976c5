"""What the stores' models compile to, as the source of a module of constants."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from sqlalchemy import MetaData
from sqlalchemy.dialects import sqlite
from sqlalchemy.schema import CreateIndex, CreateTable
from sqlalchemy.sql.elements import ClauseElement

from audit.store import statements as audit_log
from flyball.jobs import job_tables
from sandbox.api import world_tables
from tools.metrics import history_tables
from tools.path import lease_tables

Paramstyle = Literal["qmark", "named"]
ROOT = Path(__file__).parents[2]
LINE = 110
WIDTH = LINE - 14
"""Columns of a line of SQL in the source, without indent and quotes."""


@dataclass(frozen=True)
class Store:
    """One database file: its name, its tables, its statements, and how the driver names their parameters."""

    name: str
    path: Path
    metadata: MetaData
    statements: Mapping[str, ClauseElement]
    paramstyle: Paramstyle = "qmark"
    if_not_exists: bool = False

    def tables(self) -> dict[str, str]:
        """CREATE TABLE and CREATE INDEX by constant name, in an order in which they can be run."""
        found: dict[str, str] = {}
        for table in self.metadata.sorted_tables:
            made = CreateTable(table, if_not_exists=self.if_not_exists)
            found[f"CREATE_{table.name.upper()}"] = self.compiled(made)
        for table in self.metadata.sorted_tables:
            for name, index in sorted((str(index.name), index) for index in table.indexes):
                found[f"CREATE_INDEX_{name.upper()}"] = self.compiled(
                    CreateIndex(index, if_not_exists=self.if_not_exists)
                )
        return found

    def constants(self) -> dict[str, str]:
        queries = {name: " ".join(self.compiled(one).split()) for name, one in self.statements.items()}
        return self.tables() | queries

    def compiled(self, statement: ClauseElement) -> str:
        """As SQLAlchemy prints it: SQLite stores a CREATE up to its last white space."""
        return str(statement.compile(dialect=sqlite.dialect(paramstyle=self.paramstyle)))

    def source(self) -> str:
        """The module, laid out as the formatter leaves it."""
        head = f'"""SQL of {self.name}, compiled from its models by `./dev sql`: do not edit it here."""\n'
        body = "".join(f"{name} = {_literal(name, text)}\n" for name, text in self.constants().items())
        made = [f"{name}," for name in self.tables()]
        tables = "".join(f"\n    {name}" for name in made) + "\n" if len(made) > 1 else made[0]
        return f"{head}\n{body}\nTABLES = ({tables})\n"


def _literal(name: str, text: str) -> str:
    """Python's literal of the text: in the line of its name, in a line of its own, or in several."""
    quoted = _quoted(text)
    if len(name) + len(" = ") + len(quoted) <= LINE:
        return quoted
    parts = [quoted] if len(quoted) + 4 <= LINE else [_quoted(part) for part in _parts(text)]
    return "(\n" + "".join(f"    {part}\n" for part in parts) + ")"


def _quoted(part: str) -> str:
    """As the formatter quotes it: no escape where there need be none."""
    quoted = json.dumps(part)
    return "'" + quoted[1:-1].replace('\\"', '"') + "'" if '"' in part and "'" not in part else quoted


def _parts(text: str) -> Iterator[str]:
    for line in text.splitlines(keepends=True):
        while len(line) > WIDTH:
            cut = line.rindex(" ", 0, WIDTH) + 1
            yield line[:cut]
            line = line[cut:]
        yield line


STORES = (
    Store("the log", ROOT / "audit/store/sql.py", audit_log.METADATA, audit_log.STATEMENTS),
    Store(
        "the leases",
        ROOT / "tools/path/lease_sql.py",
        lease_tables.METADATA,
        lease_tables.STATEMENTS,
        paramstyle="named",
        if_not_exists=True,
    ),
    Store(
        "jobs",
        ROOT / "flyball/jobs/job_sql.py",
        job_tables.METADATA,
        job_tables.STATEMENTS,
        paramstyle="named",
        if_not_exists=True,
    ),
    Store(
        "the metrics' history",
        ROOT / "tools/metrics/history_sql.py",
        history_tables.METADATA,
        history_tables.STATEMENTS,
        if_not_exists=True,
    ),
    Store(
        "the sandbox's world",
        ROOT / "sandbox/api/world_sql.py",
        world_tables.METADATA,
        {},
        if_not_exists=True,
    ),
)
