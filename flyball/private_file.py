"""A file private to this user: it may be lost, but is never trusted where another user could have written it.

It counts only where it is a plain file of this user's, with one name and rights for nobody else, in a folder that
nobody else may write. Nothing here raises: what cannot be read is not there, what cannot be written is not kept.
"""

import os
import secrets
import stat
from dataclasses import dataclass
from pathlib import Path

_MAX_BYTES = 64 * 2**20


@dataclass(frozen=True, slots=True)
class PrivateFile:
    """A file that this user alone can read, write and replace."""

    path: Path

    def load(self) -> bytes | None:
        """Its bytes; None where it is not there, not a plain file, not ours, or open to others."""
        try:
            if not _ours(os.stat(self.path.parent), 0o022):
                return None
            handle = os.open(self.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
            try:
                return _read(handle)
            finally:
                os.close(handle)
        except OSError:
            return None

    def save(self, data: bytes) -> None:
        """Written aside and renamed, so that a reader sees all of it or nothing; not kept where that fails."""
        if len(data) > _MAX_BYTES:
            return
        aside = self.path.with_name(f".{self.path.name}.{secrets.token_hex(8)}")
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not _ours(os.stat(self.path.parent), 0o022):
                return
            handle = os.open(
                aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600
            )
            try:
                with open(handle, "wb") as file:
                    file.write(data)
                os.replace(aside, self.path)
            except OSError:
                aside.unlink(missing_ok=True)
        except OSError:
            return


def _read(handle: int) -> bytes | None:
    found = os.fstat(handle)
    plain = stat.S_ISREG(found.st_mode) and found.st_nlink == 1 and found.st_size <= _MAX_BYTES
    if not plain or not _ours(found, 0o077):
        return None
    with open(handle, "rb", closefd=False) as file:
        return file.read(_MAX_BYTES + 1)


def _ours(found: os.stat_result, forbidden: int) -> bool:
    return found.st_uid == os.geteuid() and not stat.S_IMODE(found.st_mode) & forbidden
