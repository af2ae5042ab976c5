"""One pass over a log, streaming: declarations → pages and indexes → contiguity → leaves → columns against body
→ tiles → every root → signatures → pinned checkpoint → causal order → claims → clock.

Each contradiction is told once. Where records are missing, or no index can be trusted, what can only be asked
by them is left out and a note says so: an echo would blame records that are as they were.
"""

from collections.abc import Callable
from typing import Any

import orjson

from audit import causal
from audit.checkpoints import Checkpoints
from audit.note import Checkpoint, Verifier
from audit.pinned_gap import PinnedNotes
from audit.replay import Replay
from audit.report import Report
from audit.store import scan, schema_faults
from audit.store.scan import Row
from audit.timeline import Timeline
from audit.tree import leaf_hash

EVERY = 4_096
"""Records between two calls of `progress`."""

_NO_RECORD = (ValueError, TypeError, KeyError, AttributeError, OverflowError)


class Verification:
    """The rows in order, with the checkpoints beside them in step."""

    def __init__(
        self,
        connection: scan.Connection,
        verifier: Verifier,
        anchor: Checkpoint | None,
        report: Report,
        full: bool,
        now_ms: int,
    ) -> None:
        self._connection, self._report = connection, report
        self._heads = Checkpoints(scan.heads(connection), verifier, anchor, report, full)
        self._replay, self._timeline = Replay(), Timeline(report, now_ms)
        self._pinned = PinnedNotes(report, anchor.size if anchor else None)
        self._incomplete = False
        """Records are missing: what they told, and the place of those after them in the tree, nobody knows."""
        self._indexed = True
        """The indexes are what the tables say, so that a record that is not found is not there."""

    def run(self, progress: Callable[[int, int], None]) -> None:
        """Verify, and end with the report complete. Raises sqlite3.Error where the file cannot be read."""
        self._declarations()
        rows, expected = scan.count(self._connection), 0
        for row in scan.rows(self._connection):
            if row.seq < expected:
                self._report.found("contiguity", row.seq, "it stands before the first record")
                continue
            if row.seq > expected:
                self._missing(expected, row.seq)
            self._record(row)
            expected = row.seq + 1
            if expected % EVERY == 0:
                progress(expected, rows)
        self._end(expected)
        progress(rows, rows)

    def _declarations(self) -> None:
        for what in schema_faults.faults(self._connection):
            self._report.found("schema", None, what)
        if put_back := schema_faults.newest_version_fault(self._connection, scan.version(self._connection)):
            self._report.found("schema", None, put_back)
        for what in scan.index_faults(self._connection):
            self._indexed = False
            self._report.found("storage", None, what)

    def _missing(self, first: int, behind: int) -> None:
        last = behind - 1
        what = f"record {first} is missing" if first == last else f"records {first} to {last} are missing"
        self._report.found("contiguity", first, what)
        self._incomplete = True
        self._heads.lose()

    def _record(self, row: Row) -> None:
        self._grow(row)
        try:
            body = orjson.loads(row.body)
            differing = scan.differing_column(row, body)
        except _NO_RECORD:
            self._report.found("leaves", row.seq, "its body is not a record")
            return
        if differing:
            self._report.found("columns", row.seq, differing)
        try:
            self._meaning(row.seq, body)
        except _NO_RECORD as error:
            self._report.found("leaves", row.seq, f"its body is not a record: {error}")

    def _grow(self, row: Row) -> None:
        for tile in self._heads.append(row.seq, self._leaf(row)):
            if not self._heads.broken or (tile.level == 0 and not self._incomplete):
                for at, what in scan.tile_faults(self._connection, tile):
                    self._report.found("tiles", at, what)
        self._heads.reached(row.seq + 1)

    def _leaf(self, row: Row) -> bytes:
        """The hash that goes into the tree: where the body was edited, the stored one, to tell what else was."""
        computed = leaf_hash(row.body if isinstance(row.body, bytes) else b"")
        if computed == row.leaf_hash:
            return computed
        self._report.found("leaves", row.seq, "its body does not hash to its leaf")
        return row.leaf_hash if isinstance(row.leaf_hash, bytes) and len(row.leaf_hash) == 32 else computed

    def _meaning(self, seq: int, body: dict[str, Any]) -> None:
        if "parents" in body or body["kind"].startswith("action."):
            for what in (
                causal.faults(seq, body, self._known) if self._indexed and not self._incomplete else ()
            ):
                self._report.found("causal", seq, what)
        for what in (
            self._replay.take(body.get("claims", ()), body.get("v", 1)) if not self._incomplete else ()
        ):
            self._report.found("claims", seq, what)
        self._timeline.take(seq, body)
        self._pinned.take(seq, body)

    def _known(self, record_id: str) -> causal.Known | None:
        return scan.known(self._connection, record_id)

    def _end(self, size: int) -> None:
        self._heads.end(size)
        if self._incomplete or not self._indexed:
            why = "records are missing" if self._incomplete else "an index is damaged"
            self._report.noted("causal", None, f"{why}: causal order was not checked to the end")
        if self._incomplete:
            self._report.noted("claims", None, "records are missing: claims were not checked to the end")
        else:
            for what in self._replay.differences(scan.claims(self._connection)):
                self._report.found("claims", None, what)
        for what in scan.surplus_tiles(self._connection, size):
            self._report.found("tiles", None, what)
        self._timeline.end()
        self._pinned.end(size)
