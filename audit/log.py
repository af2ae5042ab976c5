"""The log as the other packages see it: draft a record, commit it, find it again.

`commit` returns only when the records are durable, included in the tree and signed for. If it raises, nothing
of the submission is in the log (but the refusal that a lost claim leaves), and nothing may act on it.
"""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from audit import pinned_file
from audit.claims import Claim, ClaimKind
from audit.clock import Clock
from audit.drafts import Drafts
from audit.errors import ClaimLost, LogTampered, RecordInvalid
from audit.keys import Signer, file_signer
from audit.leaf import Leaf, Submission, leaves_of
from audit.pinned_checkpoint import PinnedWrite
from audit.pinned_gap import Gap
from audit.pinning import Pinning
from audit.record import Actor, Kind, Record
from audit.signed_for import SignedFor
from audit.store import sqlite
from audit.store.append import Appender
from audit.store.point_queries import PointQueries
from audit.store.read import Entry, Reader
from audit.writer import Writer

__all__ = ["Entry", "Log", "Reads"]

Reads = PointQueries
"""What can be asked at one moment."""

FOLD_EVERY = 128
"""Commits between two foldings of SQLite's write-ahead log."""

_T = TypeVar("_T")


class Log:
    """One log file, open in this process. Other processes may append to it at the same time."""

    def __init__(
        self,
        path: Path,
        *,
        clock: Clock,
        signer: Signer,
        pinned: Path | None,
        write: PinnedWrite,
        software: str,
    ) -> None:
        """Use `Log.open`. Blocks; raises LogUnavailable or LogTampered."""
        self._path, self._drafts = path, Drafts(clock, software)
        self.verifier = signer.verifier
        """The public key; its name is the log's origin."""
        self._commits = 0
        self._writer: Writer
        with ExitStack() as parts:
            self._connection = sqlite.connect(path)
            parts.callback(self._connection.close)
            self._appender = Appender(self._connection, path, signer, self._drafts.clock_anomaly)
            self._appender.check()
            self._reader = parts.enter_context(Reader(path))
            self._points = PointQueries(path)
            parts.callback(self._points.close)
            self._pinning: Pinning | None = None
            if pinned:
                self._pinning = Pinning(pinned, signer, parts.enter_context(Reader(path)), write)
                parts.callback(self._pinning.stop)
            self._reads = parts.enter_context(ThreadPoolExecutor(1, "audit-reader"))
            self._parts = parts.pop_all()

    @classmethod
    async def open(
        cls,
        path: Path,
        *,
        clock: Clock,
        signer: Signer | None = None,
        pinned: Path | None = None,
        pinned_write: PinnedWrite = "async",
        software: str = "flyball",
    ) -> "Log":
        """Open the log at `path`, or begin one: its folder (0700), file (0600), key and first record.

        Without a `signer` the key is the file beside the log (`path` with the suffix `.key`). `pinned` is where
        the newest checkpoint is stored a second time (after the acknowledgement, or before it where
        `pinned_write` is `sync`), `software` what each record says wrote it. Raises LogTampered where what is
        stored does not fit its signature or the pinned checkpoint, LogUnavailable where it cannot be used,
        KeyInvalid for a bad key. A pinned checkpoint that is missing or cannot be used is no error: it is begun
        again, with a record that says so, and `pinned_warning` says it too.
        """
        if pinned:
            pinned_file.refuse_lost(path, pinned)
        signer = signer or await asyncio.to_thread(file_signer, path)
        log = await asyncio.to_thread(
            cls, path, clock=clock, signer=signer, pinned=pinned, write=pinned_write, software=software
        )
        log._writer = Writer(log._append, log._acknowledged)
        try:
            if log._pinning:
                await log._pinning.begin(log._tell_gap)
            if not await log._read(log._reader.size):
                await log._begin()
        except BaseException:
            await log.close()
            raise
        return log

    def draft(self, kind: Kind, *, actor: Actor, **fields: Any) -> Record:
        """A record of now, with a new id; `fields` are Record's own. Raises RecordInvalid.

        `claims` stays empty: commit writes there what was really claimed.
        """
        return self._drafts.draft(kind, actor=actor, **fields)

    async def commit(
        self,
        records: Sequence[Record],
        claims: Sequence[Claim] = (),
        *,
        spend: bool = True,
        lost: Callable[[Claim, int], Record] | None = None,
    ) -> tuple[Entry, ...]:
        """Take the claims and store the records, all or nothing; durable and signed when it returns.

        The claims that were taken are written into the last record (its `claims`), so that the log itself
        tells how each stored integer came about. With `spend=False` the claims are only checked. A claim that
        is lost leaves no record but `lost(claim, stored)`, and raises ClaimLost; `lost` runs on another thread.
        Raises RecordInvalid, LogUnavailable (disk full, locked) or LogTampered with nothing stored; of a record
        that does not fit (too large, too deep) the attempt is recorded.
        """
        try:
            leaves = leaves_of(records, claims if spend else ())
        except RecordInvalid as error:
            await self._tell_of(records, error)
            raise
        submission = Submission(leaves, claims, spend, _as_leaf(lost) if lost else None)
        await self._writer.submit(submission)
        seq = submission.first_seq
        return tuple([Entry(seq + i, leaf.record, leaf.hash) for i, leaf in enumerate(leaves)])

    async def values(self, keys: Sequence[str]) -> dict[str, int]:
        """The stored integer at each key; 0 where there is none."""
        return self._points.values(keys)

    async def prefixed(self, prefix: str) -> dict[str, int]:
        """The stored integers at all keys that begin with `prefix`; 0 is what stands everywhere else, and left out:
        what was once promised and is long settled must cost nothing."""
        return await self._read(self._reader.prefixed, prefix)

    async def entry(self, seq: int) -> Entry:
        """Record number `seq`; the first is 0. Raises KeyError where the log is not that long."""
        found = self._points.by_seq(seq)
        if found is None:
            raise KeyError(seq)
        return found

    async def by_id(self, record_id: str) -> Entry | None:
        return self._points.by_id(record_id)

    async def by_request(self, request_id: str) -> list[Entry]:
        """All records of a request, in order of the log."""
        return self._points.by_request(request_id)

    async def at_one_moment(self, ask: Callable[[Reads], _T]) -> _T:
        """What `ask` finds by several reads of one state of the log. It must be quick: the event loop waits."""
        with self._points.one_moment():
            return ask(self._points)

    async def find(
        self,
        *,
        kinds: Sequence[Kind] = (),
        resource_key: str | None = None,
        run_id: str | None = None,
        request_digest_prefix: str | None = None,
        since_seq: int = 0,
        newest_first: bool = False,
        limit: int | None = None,
    ) -> list[Entry]:
        """The records for which all that is given holds; `since_seq` itself is included."""

        def run() -> list[Entry]:
            return self._reader.find(
                kinds=kinds,
                resource_key=resource_key,
                run_id=run_id,
                request_digest_prefix=request_digest_prefix,
                since_seq=since_seq,
                newest_first=newest_first,
                limit=limit,
            )

        return await self._read(run)

    async def prove(self, entries: Sequence[Entry]) -> None:
        """Raises LogTampered where one of them is not what was signed for: its row and its hash may have been changed
        together, which only the tree shows."""
        if entries:
            await self._read(self._prove, entries)

    async def close(self) -> None:
        """Finish what was submitted, keep the newest checkpoint, give the file back."""
        await asyncio.to_thread(self._close)

    @property
    def pinned_error(self) -> str | None:
        """Why the newest checkpoint is not stored in its second place; None where it is."""
        return self._pinning.error if self._pinning else None

    @property
    def pinned_warning(self) -> str | None:
        """What was wrong with the pinned checkpoint when the log was opened; None where nothing was."""
        return self._pinning.warning if self._pinning else None

    def _prove(self, entries: Sequence[Entry]) -> None:
        signed = SignedFor(self._reader, self.verifier)
        for entry in entries:
            if not signed.proves(entry):
                what = (
                    f"record {entry.seq} is not proven by what was signed: it, or one beside it, was changed"
                )
                hint = "nothing was done; find what was changed: flyball audit verify"
                raise LogTampered(what, where=str(self._path), hint=hint)

    async def _tell_of(self, records: Sequence[Record], error: RecordInvalid) -> None:
        """That somebody tried to record what does not fit, in place of it."""
        refused = next((r for r in records if r.id == error.where), records[-1] if records else None)
        if refused is None:
            return
        await self.commit([self._drafts.refused(refused, error)])

    def _close(self) -> None:
        self._writer.stop()
        self._parts.close()

    async def _begin(self) -> None:
        """The first record, once, whichever of several processes opens first."""
        try:
            await self.commit([self._drafts.opened(self.verifier.text)], [_BeginsOnce()])
        except ClaimLost:
            return

    async def _tell_gap(self, gap: Gap, size: int) -> None:
        """Record what the pinned checkpoint does not prove of the first `size` records."""
        await self.commit([self._drafts.pinned_gap(gap, size)])

    def _append(self, batch: Sequence[Submission]) -> str | None:
        """On the writer's thread, before the acknowledgement."""
        note = self._appender.append(batch)
        if note and self._pinning:
            self._pinning.committed(note)
        return note

    def _acknowledged(self, note: str | None) -> None:
        if note and self._pinning:
            self._pinning.acknowledged(note)
        self._commits += 1
        if self._commits % FOLD_EVERY == 0:
            sqlite.fold(self._connection)

    async def _read(self, function: Callable[..., _T], *args: Any) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._reads, function, *args)


@dataclass(frozen=True, slots=True)
class _BeginsOnce:
    """The claim that makes a log begin once, whichever of several processes opens it first."""

    kind: ClaimKind = "once"
    key: str = "log/opened"
    value: int = 1
    gap: int = 0


def _as_leaf(lost: Callable[[Claim, int], Record]) -> Callable[[Claim, int], Leaf]:
    return lambda claim, stored: Leaf.of(lost(claim, stored))
