"""Reading a whole log in one snapshot, row by row, for verification: nothing in the file is trusted."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from audit.causal import Known
from audit.errors import LogUnavailable
from audit.report import MAX_LISTED
from audit.signature_checks import Head
from audit.store import sql
from audit.store.reading import Unlocked, connect_reading, state_of
from audit.timeline import wall_ms
from audit.tree import HASH_SIZE, TILE_HEIGHT, TILE_WIDTH, Tile

Connection = sqlite3.Connection


class Row(NamedTuple):
    """A row of audit_entry as it is stored; of any type, where the file was tampered with."""

    seq: int
    record_id: str
    ts_ns: int
    kind: str
    run_id: str | None
    actor_id: str
    request_id: str | None
    request_digest: str | None
    resource_key: str | None
    verdict: str | None
    leaf_hash: bytes
    body: bytes


@contextmanager
def snapshot(path: Path) -> Iterator[sqlite3.Connection]:
    """One state of the log, however long it is read. Raises LogUnavailable where it cannot be opened,
    LogDamaged where it is none."""
    before = state_of(path)
    with closing(connect_reading(path)) as connection:
        connection.execute("BEGIN")
        yield connection
    if isinstance(connection, Unlocked) and state_of(path) != before:
        raise LogUnavailable("the log changed while it was read", where=str(path), hint="try again")


def count(connection: sqlite3.Connection) -> int:
    (last,) = connection.execute(sql.LAST_SEQ).fetchone()
    return 0 if last is None else int(last) + 1


def rows(connection: sqlite3.Connection) -> Iterator[Row]:
    return map(Row._make, connection.execute(sql.SCAN_ENTRIES))


def heads(connection: sqlite3.Connection) -> Iterator[Head]:
    """The checkpoints by size; one whose columns are of another type is given as one that cannot be right."""
    for size, root, note in connection.execute(sql.SCAN_CHECKPOINTS):
        yield Head(size, root if isinstance(root, bytes) else b"", note if isinstance(note, str) else "")


def claims(connection: sqlite3.Connection) -> Iterator[tuple[str, int]]:
    yield from connection.execute(sql.SCAN_CLAIMS)


def known(connection: sqlite3.Connection, record_id: str) -> Known | None:
    row = connection.execute(sql.KNOWN, (record_id,)).fetchone()
    return Known._make(row) if row else None


def differing_column(row: Row, body: dict[str, Any]) -> str | None:
    """The first column that does not follow from the body. Raises KeyError, TypeError or ValueError."""
    resource, decision = body.get("resource"), body.get("decision")
    expected = (
        body["id"],
        wall_ms(body["ts"]) * 1_000_000,
        body["kind"],
        body.get("run_id"),
        body["actor"]["id"],
        body.get("request_id"),
        body.get("request_digest"),
        resource_key(resource) if resource else None,
        decision["verdict"] if decision else None,
    )
    stored = row[1:10]
    if stored == expected:
        return None
    name, has, says = next(
        (name, has, says)
        for name, has, says in zip(Row._fields[1:10], stored, expected, strict=True)
        if has != says
    )
    return f"column {name} is {has!r}, the body says {says!r}"


def resource_key(resource: dict[str, Any]) -> str:
    """Record's Resource.key, of a parsed body."""
    return f"{resource['cluster']}/{resource.get('namespace') or ''}/{resource['kind']}/{resource['name']}"


def tile_faults(connection: sqlite3.Connection, tile: Tile) -> Iterator[tuple[int | None, str]]:
    """Where the stored tile is not the one that the records make, with the record from which it differs."""
    name = f"tile {tile.level}/{tile.index}"
    row = connection.execute(sql.TILE, (tile.level, tile.index)).fetchone()
    if row is None:
        yield None, f"{name} is missing"
        return
    data, root = row
    if root != tile.root:
        yield None, f"{name}: its root is not the hash over it"
    if data != tile.data:
        at = _first_difference(data if isinstance(data, bytes) else b"", tile.data)
        covers = TILE_WIDTH**tile.level
        yield (tile.index * TILE_WIDTH + at) * covers, f"{name} differs from the records at its hash {at}"


def surplus_tiles(connection: sqlite3.Connection, size: int) -> Iterator[str]:
    """Tiles that a log of `size` records does not have."""
    for level, number, last in connection.execute(sql.SCAN_TILES):
        full = size >> (TILE_HEIGHT * (level + 1)) if 0 <= level < 8 else 0
        if number > full or last >= full:
            yield f"{number} tiles of level {level} are stored, {full} are full"


def index_faults(connection: sqlite3.Connection) -> list[str]:
    """Where the file's pages and its indexes are not what the tables say (SQLite's own check of both)."""
    found = connection.execute(f"PRAGMA integrity_check({MAX_LISTED})").fetchall()
    return [what for (what,) in found if what != "ok"]


def version(connection: sqlite3.Connection) -> int:
    (number,) = connection.execute("PRAGMA user_version").fetchone()
    return int(number)


def _first_difference(stored: bytes, right: bytes) -> int:
    for at in range(TILE_WIDTH):
        part = slice(at * HASH_SIZE, (at + 1) * HASH_SIZE)
        if stored[part] != right[part]:
            return at
    return TILE_WIDTH - 1
