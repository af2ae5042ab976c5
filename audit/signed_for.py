"""Whether a stored record is one that was signed for: by its inclusion under a checkpoint.

A row whose body and leaf hash were edited together looks like any other; only the tree tells.
"""

from functools import lru_cache

from audit.errors import LogTampered
from audit.note import Checkpoint, Verifier, opened
from audit.proofs import included, inclusion_proof
from audit.store.read import Entry, Reader

_CACHED = 64
"""Tiles and unfinished edges that are kept: records that are looked at together share most of their path."""


class SignedFor:
    """Raises LogTampered where the newest checkpoint is not the key's, or there is none."""

    def __init__(self, reader: Reader, verifier: Verifier) -> None:
        self._reader, self._verifier, self._source = reader, verifier, _Cached(reader)
        self._newest = opened(reader.newest_note() or "", verifier)

    def proves(self, entry: Entry) -> bool:
        """Whether the record is number `entry.seq` of those that were signed for.

        By the newest checkpoint, or by the oldest that covers it: in a tile that is not full yet the path goes over
        the records beside it, and one of those that was changed must not speak against those before it.
        """
        if self._under(self._newest, entry):
            return True
        note = self._reader.first_note_over(entry.seq)
        try:
            return note is not None and self._under(opened(note, self._verifier), entry)
        except LogTampered:
            return False

    def _under(self, head: Checkpoint, entry: Entry) -> bool:
        try:
            path = inclusion_proof(entry.seq, head.size, self._source)
        except (ValueError, LogTampered):  # behind the last that was signed for, or no tree to find it in
            return False
        return included(entry.seq, head.size, entry.leaf_hash, head.root, path)


class _Cached:
    """A reader's hashes, kept while many records are looked at."""

    def __init__(self, reader: Reader) -> None:
        self.leaf_hashes = lru_cache(_CACHED)(reader.leaf_hashes)
        self.tile_roots = lru_cache(_CACHED)(reader.tile_roots)
        self.tile_data = lru_cache(_CACHED)(reader.tile_data)
