"""The pinned checkpoint: the newest signed tree head in a second place, ideally on another disk or host.

Local verification cannot see a log that was cut short or rewritten by somebody who has the key. A pinned
checkpoint can: it only ever moves forward, and only to a head that contains the one pinned before.
"""

import errno
import fcntl
import logging
import os
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from audit.errors import AuditError, LogTampered, LogUnavailable
from audit.note import MAX_NOTE, Checkpoint, Verifier, opened

INTERVAL_S = 0.25
"""Seconds between two writes under load: each costs the disk a sync that appends want."""

LOCK_S = 2.0
"""Seconds to wait for another process's lock; a frozen one must not hold anything up."""

_logger = logging.getLogger(__name__)
HINT = "flyball audit verify; where the log was replaced on purpose, remove the pinned checkpoint"


def read(path: Path) -> str | None:
    """The pinned note, not yet verified; None where nothing is pinned. Raises LogUnavailable."""
    try:
        with path.open(encoding="utf-8") as file:
            return file.read(MAX_NOTE + 1)
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise LogUnavailable(f"the pinned checkpoint cannot be read: {error}", where=str(path)) from error


def contradiction(pinned: Checkpoint, size: int, root_at: Callable[[int], bytes]) -> str | None:
    """Why a log of `size` records does not contain the pinned checkpoint; None where it does."""
    if pinned.size > size:
        return (
            f"the pinned checkpoint has {pinned.size} records, the log {size}: it was cut short or replaced"
        )
    if pinned.size and root_at(pinned.size) != pinned.root:
        return (
            f"the first {pinned.size} records are not those of the pinned checkpoint: history was rewritten"
        )
    return None


class PinnedCheckpoint:
    """Writes newer notes to `path`, also where several processes do so. `root_at` asks the log."""

    def __init__(self, path: Path, verifier: Verifier, root_at: Callable[[int], bytes]) -> None:
        self._path, self._verifier, self._root_at = path, verifier, root_at
        self._newest: str | None = None
        self._offered = threading.Condition()
        self._stopping = threading.Event()
        self.error: AuditError | None = None
        """Why the last write failed; None where it went well."""
        self._thread = threading.Thread(target=self._run, name="audit-pinned", daemon=True)
        self._thread.start()

    def offer(self, note: str) -> None:
        """Take note of a newer head; returns at once. Of several offers the newest is pinned."""
        with self._offered:
            self._newest = note
            self._offered.notify()

    def stop(self) -> None:
        """Write what was offered last and end the thread. Blocks."""
        self._stopping.set()
        with self._offered:
            self._offered.notify()
        self._thread.join()

    def _run(self) -> None:
        while (note := self._next()) is not None:
            try:
                keep(self._path, note, self._verifier, self._root_at)
                self.error = None
            except AuditError as error:
                self.error = error
                _logger.error("%s (%s)", error.what, error.where)
            # An event of its own: an offer during the pause must not wake this thread (it was 7% of an action's CPU).
            self._stopping.wait(INTERVAL_S)

    def _next(self) -> str | None:
        with self._offered:
            self._offered.wait_for(lambda: self._stopping.is_set() or self._newest is not None)
            note, self._newest = self._newest, None
            return note


def keep(path: Path, note: str, verifier: Verifier, root_at: Callable[[int], bytes]) -> None:
    """Replace the pinned note by a newer one of the same history, atomically and durably.

    Raises LogTampered, and leaves what is pinned alone, where the log does not contain it any more; raises
    LogUnavailable where the place cannot be written.
    """
    new = opened(note, verifier)
    try:
        with _locked(path):
            old = read(path)
            pinned = opened(old, verifier) if old is not None else None
            if pinned and pinned.size > new.size:
                return  # another process is ahead; its own log check is behind it
            if pinned and (why := contradiction(pinned, new.size, root_at)):
                raise LogTampered(why, where=str(path), hint=HINT)
            if old is None or (pinned and pinned.size < new.size):
                _replace(path, note)
    except OSError as error:
        what = f"the checkpoint cannot be pinned: {error.strerror}"
        raise LogUnavailable(
            what, where=str(path), hint="end what holds or protects it, or set another folder with `pinned`"
        ) from error


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Between processes: reading what is pinned and replacing it are one step."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = path.with_name(f"{path.name}.lock")
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        _take(descriptor)
        yield
    finally:
        os.close(descriptor)


def _take(descriptor: int) -> None:
    """Raises OSError (ETIMEDOUT)."""
    deadline = time.monotonic() + LOCK_S
    while True:
        try:
            return fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                what = f"another process has held its lock for {LOCK_S:.0f} s"
                raise TimeoutError(errno.ETIMEDOUT, what) from None
        time.sleep(0.01)


def _replace(path: Path, note: str) -> None:
    """Whole or not at all. A power cut may bring the older note back: it is older, and still right."""
    aside = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(note)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
    except BaseException:
        aside.unlink(missing_ok=True)
        raise
