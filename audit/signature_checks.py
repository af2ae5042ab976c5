"""The signatures of a log's checkpoints: the newest only, or every one of them on all cores."""

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from itertools import repeat
from typing import NamedTuple

from audit.errors import LogTampered
from audit.note import Checkpoint, Verifier, opened

CHUNK = 512
"""Notes that one process checks at a time (about 0.1 s)."""


class Head(NamedTuple):
    """A stored checkpoint."""

    size: int
    root: bytes
    note: str


def fault(head: Head, verifier: Verifier) -> str | None:
    """Why the note is not the log key's signature on this size and root; None where it is."""
    try:
        checkpoint = opened(head.note, verifier)
    except LogTampered as error:
        return f"checkpoint {head.size}: {error.what}"
    if (checkpoint.size, checkpoint.root) != (head.size, head.root):
        return f"checkpoint {head.size}: its note signs another size or root"
    return None


class Signatures:
    """Takes the checkpoints in order. Without `full`, older notes are compared with their row, unverified."""

    def __init__(self, verifier: Verifier, *, full: bool) -> None:
        self._verifier, self._full = verifier, full
        self._held: list[Head] = []
        self._cores = os.cpu_count() or 1
        self.verified = 0
        """How many signatures were verified."""

    def add(self, head: Head) -> Iterator[str]:
        """What is wrong with this checkpoint, or with others before it that were held back."""
        text = Checkpoint(self._verifier.name, head.size, head.root).text if len(head.root) == 32 else "\n"
        if not head.note.startswith(f"{text}\n"):
            yield f"checkpoint {head.size}: its note signs another log, size or root"
        if not self._full:
            self._held = [head]
            return
        self._held.append(head)
        if len(self._held) == CHUNK * self._cores:
            yield from self.finish()

    def finish(self) -> Iterator[str]:
        """Verify what is held back."""
        held, self._held = self._held, []
        self.verified += len(held)
        for what in self._faults(held):
            if what:
                yield what

    def _faults(self, heads: Sequence[Head]) -> Iterator[str | None]:
        if len(heads) < CHUNK or self._cores == 1:
            yield from map(fault, heads, repeat(self._verifier))
            return
        with ProcessPoolExecutor(self._cores) as pool:
            yield from pool.map(fault, heads, repeat(self._verifier), chunksize=CHUNK)
