"""The head of the log as it is stored now: the tree to append to, and the time of its last record.

Any number of processes append, so the head is read again in every transaction. What this process saw before is
only a short cut, and a witness: the tree never shrinks, and what it grew by must follow from what was there.
"""

import sqlite3
from pathlib import Path

import orjson

from audit.errors import LogTampered
from audit.note import Verifier, opened
from audit.store import sql
from audit.timeline import Stamp
from audit.tree import HASH_SIZE, Tree


class Head:
    """Reads the head over the connection of the transaction that is going to append."""

    def __init__(self, cursor: sqlite3.Cursor, path: Path, verifier: Verifier) -> None:
        self._cursor, self._path, self._verifier = cursor, path, verifier
        self._tree: Tree | None = None
        self._root = b""
        self._last: Stamp | None = None

    def remember(self, tree: Tree, root: bytes, last: Stamp | None) -> None:
        """What this process has just committed. A commit that failed is never remembered."""
        self._tree, self._root, self._last = tree, root, last

    def read(self) -> tuple[Tree, Stamp | None]:
        """A tree of one's own to append to. Raises LogTampered where rows, signature and memory disagree."""
        (last,) = self._cursor.execute(sql.LAST_SEQ).fetchone()
        rows = 0 if last is None else last + 1
        newest = self._cursor.execute(sql.NEWEST_CHECKPOINT).fetchone()
        size = newest[0] if newest else 0
        if size != rows:
            raise tampered(f"{rows} records are stored, {size} are signed", self._path)
        if self._tree and self._tree.size == size and newest[1] == self._root:
            return self._tree.copy(), self._last
        if self._tree and self._tree.size > size:
            raise tampered(f"{size} records are stored where {self._tree.size} were before", self._path)
        if newest is None:
            return Tree(), None
        return self._signed(*newest), self._stamp(last)

    def _signed(self, size: int, root: bytes, note: str) -> Tree:
        """The stored tree, if the newest checkpoint signs it: grown from what was seen, else put together."""
        checkpoint = opened(note, self._verifier)
        if self._tree:
            tree = self._tree.copy()
            for (leaf,) in self._cursor.execute(sql.LEAVES, (tree.size, size)).fetchall():
                tree.append(leaf)
        else:
            tree = Tree.restore(size, self._edge)
        if (checkpoint.size, checkpoint.root) != (size, root) or tree.root() != root:
            raise tampered(f"the signed root of {size} records does not match", self._path)
        return tree

    def _stamp(self, seq: int) -> Stamp:
        (body,) = self._cursor.execute(sql.BODY, (seq,)).fetchone()
        try:
            return Stamp.of(orjson.loads(body))
        except (ValueError, KeyError, TypeError) as error:
            raise tampered(f"record {seq} is not a record: {error}", self._path) from error

    def _edge(self, level: int, start: int, stop: int) -> list[bytes]:
        if level == 0:
            found = self._cursor.execute(sql.LEAVES, (start, stop)).fetchall()
        else:
            found = self._cursor.execute(sql.TILE_ROOTS, (level - 1, start, stop)).fetchall()
        hashes = [row[0] for row in found]
        if len(hashes) != stop - start or any(len(h) != HASH_SIZE for h in hashes):
            raise tampered(f"hashes {start} to {stop} of level {level} are not all there", self._path)
        return hashes


def tampered(what: str, path: Path) -> LogTampered:
    hint = "append nothing; find what was changed: flyball audit verify"
    return LogTampered(what, where=str(path), hint=hint)
