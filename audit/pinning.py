"""The pinned checkpoint of one open log: judged when it is opened, begun again beside a record, moved on with it."""

from collections.abc import Awaitable, Callable
from pathlib import Path

from audit import pinned_file, pinned_gap
from audit.errors import LogUnavailable
from audit.keys import Signer, signed
from audit.note import Checkpoint
from audit.pinned_checkpoint import PinnedCheckpoint, PinnedWrite
from audit.pinned_gap import Gap
from audit.proofs import root_at
from audit.store.read import Reader
from audit.tree import EMPTY_ROOT

TellGap = Callable[[Gap, int], Awaitable[None]]


class Pinning:
    """Made before the log is used; nothing is pinned until `begin`. `source` is read on the pinning thread too."""

    def __init__(self, path: Path, signer: Signer, source: Reader, write: PinnedWrite) -> None:
        """Raises LogTampered where the log contradicts what is pinned, LogUnavailable where it cannot be read."""
        self._path, self._signer, self._source, self._write = path, signer, source, write
        self._size = source.size()
        self._gap = pinned_gap.found(path, signer.verifier, source, self._root_at)
        self._pinned: PinnedCheckpoint | None = None

    @property
    def warning(self) -> str | None:
        """What was wrong when the log was opened; None where nothing was."""
        return self._gap.sentence(self._size) if self._gap else None

    @property
    def error(self) -> str | None:
        """Why the newest checkpoint is not stored; None where it is."""
        error = self._pinned.error if self._pinned else None
        return f"{error.where}: {error.what}" if error else None

    async def begin(self, tell: TellGap) -> None:
        """From now on heads are pinned. A gap is recorded; where there is none to compare with, it begins again.

        Nothing of that is in the log's way: what fails is `error`.
        """
        error: LogUnavailable | None = None
        try:
            await self._restore(tell)
        except LogUnavailable as e:
            error = e
        self._pinned = PinnedCheckpoint(self._path, self._signer.verifier, self._root_at)
        self._pinned.error = error
        if self._size and not error:
            note = self._newest()
            self.committed(note)
            self.acknowledged(note)

    def committed(self, note: str) -> None:
        """A commit is durable and not yet acknowledged. Blocks where it is pinned as a part of that."""
        if self._pinned and self._write == "sync":
            self._pinned.pin(note)

    def acknowledged(self, note: str) -> None:
        """The callers of a commit know of it."""
        if self._pinned and self._write == "async":
            self._pinned.offer(note)

    def stop(self) -> None:
        """Write what is left. Blocks, for some seconds at most."""
        if self._pinned:
            self._pinned.stop()

    async def _restore(self, tell: TellGap) -> None:
        gap = self._gap
        if gap and gap.pinned is not None:
            await tell(gap, self._size)
        elif gap or not self._size:
            with pinned_file.beginning(self._path, self._newest(), self._signer.verifier) as lost:
                if lost and gap and self._size:
                    await tell(gap, self._size)

    def _newest(self) -> str:
        """Of an empty log too: pinned before its first record, no log with records was ever without."""
        empty = Checkpoint(self._signer.verifier.name, 0, EMPTY_ROOT)
        return self._source.newest_note() or signed(empty, self._signer)

    def _root_at(self, size: int) -> bytes:
        return root_at(size, self._source)
