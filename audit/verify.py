"""Verification of a whole log, streaming: what is stored against what was signed, and against itself.

contiguity → leaves → columns against body → tiles → every root → signatures → pinned checkpoint → causal order →
claims → clock. It trusts the verifier key it is given and nothing in the file; it writes nothing.
"""

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson

from audit import causal, pinned_checkpoint
from audit.errors import LogTampered
from audit.note import Checkpoint, Verifier, opened
from audit.replay import Replay
from audit.report import Report
from audit.signature_checks import Head, Signatures
from audit.store import scan
from audit.store.scan import Row
from audit.store.sqlite import unavailable
from audit.timeline import Stamp, rfc3339, went_back_ms
from audit.tree import Tree, leaf_hash

EVERY = 4_096
"""Records between two calls of `progress`."""

Progress = Callable[[int, int], None]


def verify(
    path: Path,
    verifier: Verifier,
    *,
    pinned_path: Path | None = None,
    full: bool = False,
    progress: Progress | None = None,
) -> Report:
    """Verify the log at `path` as it stands now; others may append meanwhile.

    `full` checks the signature of every checkpoint, not of the newest only. `progress(done, all)` is called
    now and then. Raises LogUnavailable where the log cannot be read to its end.
    """
    report = Report(verifier.name)
    anchor = _anchor(pinned_path, verifier, report)  # before the snapshot: it must not be ahead of it
    with scan.snapshot(path) as connection:
        try:
            _Verification(connection, verifier, anchor, report, full).run(
                progress or (lambda _done, _all: None)
            )
        except sqlite3.OperationalError as error:
            if "decode" not in str(error):
                raise unavailable(error, path) from error
            report.found("storage", None, f"not text where text must be: {error}")
        except sqlite3.DatabaseError as error:
            report.found("storage", None, str(error))
    return report


def _anchor(path: Path | None, verifier: Verifier, report: Report) -> Checkpoint | None:
    note = pinned_checkpoint.read(path) if path else None
    if note is None:
        if path:
            report.noted("pinned", None, f"no checkpoint is stored at {path}")
        return None
    try:
        return opened(note, verifier)
    except LogTampered as error:
        report.found("pinned", None, f"the pinned checkpoint: {error.what}")
        return None


class _Verification:
    """One pass over the rows, with the checkpoints beside it in step."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        verifier: Verifier,
        anchor: Checkpoint | None,
        report: Report,
        full: bool,
    ) -> None:
        self._connection, self._anchor, self._report = connection, anchor, report
        self._tree, self._replay = Tree(), Replay()
        self._signatures = Signatures(verifier, full=full)
        self._heads = scan.heads(connection)
        self._head: Head | None = next(self._heads, None)
        self._good = 0
        """Size of the newest checkpoint whose root was right."""
        self._broken = False
        """The tree is not the signed one any more: one finding says so, the rest would be echoes."""
        self._gaps = False
        """Rows are missing: what comes after stands at another place, and no tile can tell more."""
        self._last: Stamp | None = None

    def run(self, progress: Progress) -> None:
        self._schema()
        rows = scan.count(self._connection)
        expected = 0
        for row in scan.rows(self._connection):
            if row.seq != expected:
                self._report.found("contiguity", expected, f"records {expected} to {row.seq - 1} are missing")
                self._broken = self._gaps = True
            self._record(row)
            expected = row.seq + 1
            if expected % EVERY == 0:
                progress(expected, rows)
        self._end()
        progress(rows, rows)

    def _schema(self) -> None:
        for what in scan.schema_faults(self._connection):
            self._report.found("schema", None, what)

    def _record(self, row: Row) -> None:
        self._grow(row.seq, self._leaf(row))
        try:
            body = orjson.loads(row.body)
            differing = scan.differing_column(row, body)
        except (ValueError, TypeError, KeyError, AttributeError):
            self._report.found("leaves", row.seq, "its body is not a record")
            return
        if differing:
            self._report.found("columns", row.seq, differing)
        self._meaning(row.seq, body)

    def _leaf(self, row: Row) -> bytes:
        """The hash that goes into the tree: where the body was edited, the stored one, to tell what else was."""
        body = row.body if isinstance(row.body, bytes) else b""
        computed = leaf_hash(body)
        if computed == row.leaf_hash:
            return computed
        self._report.found("leaves", row.seq, "its body does not hash to its leaf")
        return row.leaf_hash if isinstance(row.leaf_hash, bytes) and len(row.leaf_hash) == 32 else computed

    def _grow(self, seq: int, leaf: bytes) -> None:
        for tile in self._tree.append(leaf):
            if not self._broken or (tile.level == 0 and not self._gaps):
                for at, what in scan.tile_faults(self._connection, tile):
                    self._report.found("tiles", at, what)
        size = self._tree.size
        if self._anchor and self._anchor.size == size and not self._broken:
            self._compared(self._anchor)
        while self._head and self._head.size <= size and seq + 1 == size:
            self._checkpoint(self._head)
            self._head = next(self._heads, None)

    def _compared(self, anchor: Checkpoint) -> None:
        if anchor.root == self._tree.root():
            self._report.pinned_records = anchor.size
        else:
            what = f"the first {anchor.size} records are not those of the pinned checkpoint: history was rewritten"
            self._report.found("pinned", None, what)

    def _checkpoint(self, head: Head) -> None:
        report = self._report
        report.checkpoints += 1
        for what in self._signatures.add(head):
            report.found("signature", head.size - 1, what)
        if self._broken:
            return
        if head.size != self._tree.size or head.root != self._tree.root():
            what = f"records {self._good} to {head.size - 1} are not the ones that were signed for"
            report.found("roots", self._good, what)
            self._broken = True
            return
        self._good = head.size

    def _meaning(self, seq: int, body: dict[str, Any]) -> None:
        try:
            if "parents" in body or body["kind"].startswith("action."):
                for what in causal.faults(
                    seq, body, lambda record_id: scan.known(self._connection, record_id)
                ):
                    self._report.found("causal", seq, what)
            for what in self._replay.take(body.get("claims", ()), body.get("v", 1)):
                self._report.found("claims", seq, what)
            self._clock(seq, body)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            self._report.found("leaves", seq, f"its body is not a record: {error}")

    def _clock(self, seq: int, body: dict[str, Any]) -> None:
        now = Stamp.of(body)
        back = went_back_ms(self._last, now) if self._last else 0
        if back:
            told = "recorded" if body["kind"] == "clock.anomaly" else "not recorded"
            self._report.noted("clock", seq, f"the clock went back by {back} ms ({told})")
        self._last = now

    def _end(self) -> None:
        report, size = self._report, self._tree.size
        self._remaining(size)
        if not self._broken and self._good < size:
            report.found("roots", self._good, f"records {self._good} to {size - 1} are not signed for")
        if self._anchor and self._anchor.size > size:
            what = f"the pinned checkpoint has {self._anchor.size} records, the log {size}: it was cut short"
            report.found("pinned", None, what)
        for what in self._signatures.finish():
            report.found("signature", None, what)
        for what in self._replay.differences(scan.claims(self._connection)):
            report.found("claims", None, what)
        for what in scan.surplus_tiles(self._connection, size):
            report.found("tiles", None, what)
        report.records, report.root = self._good, self._tree.root().hex()
        report.signatures = self._signatures.verified
        report.last_ts = rfc3339(self._last.wall_ms) if self._last else None

    def _remaining(self, size: int) -> None:
        """Checkpoints beyond the last row: their records were cut off."""
        last = None
        while self._head:
            last, self._head = self._head, next(self._heads, None)
            for what in self._signatures.add(last):
                self._report.found("signature", last.size - 1, what)
        if last:
            self._report.found(
                "contiguity", size, f"records {size} to {last.size - 1} are signed for and missing"
            )
