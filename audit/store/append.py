"""The append transaction: claims → rows → tiles → signed checkpoint, all or nothing."""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from itertools import groupby
from pathlib import Path

from audit.claims import Claim, settle
from audit.errors import ClaimLost, RecordInvalid
from audit.keys import Signer, signed
from audit.leaf import Leaf, Submission
from audit.note import Checkpoint
from audit.store import sql
from audit.store.head import Head, tampered
from audit.store.sqlite import unavailable
from audit.store.unchanged import Unchanged
from audit.timeline import Stamp, went_back_ms
from audit.tree import Tree

MAX_ROWS = 128
"""Rows in one statement."""

_Store = Callable[[Sequence[Submission], Tree, Stamp | None], Stamp | None]


class Appender:
    """Appends to one file over one connection. Not thread-safe; any number of processes may each have one.

    `anomaly(back_ms, before, leaf)` gives the record of a clock that went back before `leaf`.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        path: Path,
        signer: Signer,
        anomaly: Callable[[int, Stamp, Leaf], Leaf],
    ) -> None:
        self._connection, self._path, self._signer, self._anomaly = connection, path, signer, anomaly
        self._cursor = connection.cursor()
        self._unchanged = Unchanged(self._cursor, path)
        self._head = Head(self._cursor, path, signer.verifier)

    def append(self, batch: Sequence[Submission]) -> str | None:
        """Store the batch in one transaction under one signed checkpoint, and return its note.

        Each submission ends with `first_seq` or `error`; one that is refused takes no other with it. None
        where nothing was stored. Raises LogUnavailable or LogTampered, with nothing stored at all.
        """
        try:
            return self._append(batch, self._together)
        except RecordInvalid:
            return self._append(batch, self._one_by_one)

    def _append(self, batch: Sequence[Submission], plain: _Store) -> str | None:
        """One transaction; submissions without claims are stored by `plain`, the others each by itself."""
        with self._transaction("IMMEDIATE"):
            tree, last = self._head.read()
            before = tree.size
            for is_plain, group in groupby(batch, key=_is_plain):
                last = (plain if is_plain else self._one_by_one)(list(group), tree, last)
            root, note = self._sign(tree) if tree.size > before else (b"", None)
            self._cursor.execute("COMMIT")
        if note:
            self._head.remember(tree, root, last)
        return note

    def check(self) -> None:
        """What is declared, and the head as it is stored, signature and root verified.

        Raises LogTampered, LogUnavailable.
        """
        with self._transaction("DEFERRED"):
            self._head.read()

    @contextmanager
    def _transaction(self, mode: str) -> Iterator[None]:
        """Whatever is not committed inside is rolled back."""
        try:
            self._cursor.execute(f"BEGIN {mode}")
            try:
                self._unchanged.check()
                yield
            finally:
                if self._connection.in_transaction:
                    self._cursor.execute("ROLLBACK")
        except sqlite3.IntegrityError as error:
            raise tampered(f"the database refused what must fit: {error}", self._path) from error
        except sqlite3.Error as error:
            raise unavailable(error, self._path) from error

    def _sign(self, tree: Tree) -> tuple[bytes, str]:
        root = tree.root()
        note = signed(Checkpoint(self._signer.verifier.name, tree.size, root), self._signer)
        self._cursor.execute(sql.INSERT_CHECKPOINT, (tree.size, root, note))
        return root, note

    def _together(self, group: Sequence[Submission], tree: Tree, last: Stamp | None) -> Stamp | None:
        """Submissions without claims in one statement. Raises RecordInvalid where one of them is refused.

        No savepoint: it would copy each page that the statement touches.
        """
        stored: list[Leaf] = []
        for submission in group:
            leaves = submission.leaves
            if last and leaves and went_back_ms(last, leaves[0].stamp):
                stored += self._with_anomaly(leaves, last)[:1]
            submission.first_seq = tree.size + len(stored)
            stored += leaves
            last = leaves[-1].stamp if leaves else last
        self._insert(stored, tree)
        return last

    def _one_by_one(self, group: Sequence[Submission], tree: Tree, last: Stamp | None) -> Stamp | None:
        for submission in group:
            last = self._submit(submission, tree, last)
        return last

    def _submit(self, submission: Submission, tree: Tree, last: Stamp | None) -> Stamp | None:
        """One submission in a savepoint of its own: the claims first, so that a loss touches no row."""
        run = self._cursor.execute
        submission.error = None
        run("SAVEPOINT submission")
        try:
            loss = self._take(submission.claims)
            if loss or not submission.spend:
                run("ROLLBACK TO submission")
            leaves = self._refusal(submission, *loss) if loss else submission.leaves
            stored = self._with_anomaly(leaves, last)
            submission.first_seq = tree.size + len(stored) - len(leaves)
            self._insert(stored, tree)
            if loss:
                submission.error = ClaimLost(*loss, submission.first_seq if leaves else None)
        except RecordInvalid as error:
            run("ROLLBACK TO submission")
            submission.error, stored = error, ()
        run("RELEASE submission")
        return stored[-1].stamp if stored else last

    def _with_anomaly(self, leaves: Sequence[Leaf], last: Stamp | None) -> Sequence[Leaf]:
        back_ms = went_back_ms(last, leaves[0].stamp) if last and leaves else 0
        return [self._anomaly(back_ms, last, leaves[0]), *leaves] if last and back_ms else leaves

    def _refusal(self, submission: Submission, claim: Claim, stored: int) -> Sequence[Leaf]:
        return [submission.lost(claim, stored)] if submission.lost else ()

    def _take(self, claims: Sequence[Claim]) -> tuple[Claim, int] | None:
        """Take the claims in order; the one that was lost and what stood in its way, or None."""
        run = self._cursor.execute
        for claim in claims:
            row = run(sql.CLAIM, (claim.key,)).fetchone()
            stored = row[0] if row else 0
            value = settle(claim, stored)
            if value is None:
                return claim, stored
            if value != stored:
                run(sql.PUT_CLAIM, (claim.key, value))
        return None

    def _insert(self, leaves: Sequence[Leaf], tree: Tree) -> None:
        """Rows first: where one is refused (RecordInvalid), the tree has not moved yet."""
        try:
            start = 0
            while start < len(leaves):
                count = min(MAX_ROWS, 1 << ((len(leaves) - start).bit_length() - 1))
                self._insert_rows(tree.size + start, leaves[start : start + count])
                start += count
        except sqlite3.IntegrityError as error:
            hint = "draft each record once; what is stored is never stored again"
            raise RecordInvalid(f"not appended: {error}", where=str(self._path), hint=hint) from error
        for leaf in leaves:
            for tile in tree.append(leaf.hash):
                self._cursor.execute(sql.INSERT_TILE, (tile.level, tile.index, tile.root, tile.data))

    def _insert_rows(self, seq: int, leaves: Sequence[Leaf]) -> None:
        """One statement, so that the interpreter's lock is passed to and fro once and not for each row."""
        values = [value for at, leaf in enumerate(leaves, seq) for value in (at, *leaf.columns)]
        self._cursor.execute(_entries(len(leaves)), values)


@lru_cache(None)
def _entries(count: int) -> str:
    """The insert of `count` rows; only powers of two are asked for, so that few statements are compiled."""
    row = sql.INSERT_ENTRY[sql.INSERT_ENTRY.index("(?") :]
    return ", ".join([sql.INSERT_ENTRY, *[row] * (count - 1)])


def _is_plain(submission: Submission) -> bool:
    return not submission.claims
