"""Where the parsed policy is kept: beside the log, its key with the pinned checkpoints, each for this user alone.

Two folders, so that who can write one of them forges nothing. A file counts only where it is a plain file of this
user's, with rights for nobody else, in a folder that nobody else may write; any other is passed over and, where
possible, replaced. Nothing here raises: without a cache the policy is parsed.
"""

import os
import secrets
import stat
from dataclasses import dataclass
from pathlib import Path

from policies.parsed_cache import KEY_BYTES, ParsedCache

_KEY = "policy-cache.key"
_CACHE = "policy.cache"
_MAX_BYTES = 64 * 2**20


def policy_cache(folder: Path, keys: Path, software: str) -> ParsedCache | None:
    """The cache in `folder` under the key in `keys`; None where no key can be kept."""
    key = _key(PrivateFile(keys / _KEY))
    return ParsedCache(PrivateFile(folder / _CACHE), key, software) if key else None


def _key(file: "PrivateFile") -> bytes | None:
    """The key, made at first use. Read again after writing: of two processes that make one, the last one's counts."""
    found = file.load()
    if found is None or len(found) != KEY_BYTES:
        file.save(secrets.token_bytes(KEY_BYTES))
        found = file.load()
    return found if found is not None and len(found) == KEY_BYTES else None


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
        except OSError:
            return None
        with open(handle, "rb") as file:
            found = os.fstat(handle)
            plain = stat.S_ISREG(found.st_mode) and found.st_nlink == 1 and found.st_size <= _MAX_BYTES
            return file.read(_MAX_BYTES + 1) if plain and _ours(found, 0o077) else None

    def save(self, data: bytes) -> None:
        """Written aside and renamed, so that a reader sees all of it or nothing; not kept where that fails."""
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


def _ours(found: os.stat_result, forbidden: int) -> bool:
    return found.st_uid == os.geteuid() and not stat.S_IMODE(found.st_mode) & forbidden
