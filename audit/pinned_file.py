"""The file of the pinned checkpoint: what is in it, and the two ways in which it is written.

It is *advanced* to a newer head of the same history at any time. It is *begun* only where a log is opened, beside a
record that says so: a checkpoint that was taken away is never made anew in silence.
"""

import errno
import fcntl
import os
import secrets
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from audit.errors import LogTampered, LogUnavailable
from audit.note import MAX_NOTE, Checkpoint, Verifier, claimed, key_id, opened

LOCK_S = 2.0
"""Seconds to wait for another process's lock; a frozen one must not hold anything up."""
HINT = "flyball audit verify; where the log was replaced on purpose, remove the pinned checkpoint"
_LOOK = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC

State = Literal["missing", "empty", "damaged", "unreadable"]


@dataclass(frozen=True, slots=True)
class NoCheckpoint:
    """There is no checkpoint to compare with, and why. Whoever may write the file can bring each of these about."""

    state: State
    why: str


def look(path: Path, verifier: Verifier) -> Checkpoint | NoCheckpoint:
    """What is pinned at `path`. Raises LogTampered where it is a whole checkpoint of another log or another key."""
    try:
        data = _read(path)
    except FileNotFoundError:
        return NoCheckpoint("missing", f"no checkpoint is stored at {path}")
    except OSError as error:
        return NoCheckpoint("unreadable", f"it cannot be read: {error.strerror}")
    if not data.strip():
        return NoCheckpoint("empty", "its file is empty")
    note = data.decode("utf-8", "replace")
    try:
        return opened(note, verifier)
    except LogTampered as error:
        _of_this_log(note, verifier, path)
        return NoCheckpoint("damaged", error.what)


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


def refuse_lost(log: Path, pinned: Path) -> None:
    """Raises LogTampered where the log's file is missing or empty and its pinned checkpoint has records.

    No key is asked: the one beside the log may be gone too.
    """
    try:
        if log.stat().st_size:
            return
        gone = "is empty"
    except OSError:
        gone = "is not there"
    try:
        note = claimed(_read(pinned).decode("utf-8", "replace"))
    except OSError:
        return
    if note and note[0].size:
        what = f"the log {gone}, and its pinned checkpoint proves {note[0].size} records"
        hint = f"put log and key back from a backup; where a new one is meant to begin, remove {pinned}"
        raise LogTampered(what, where=str(log), hint=hint)


def advance(path: Path, note: str, verifier: Verifier, root_at: Callable[[int], bytes]) -> None:
    """Replace the pinned note by a newer one of the same history, atomically and durably.

    Raises LogTampered, and leaves what is pinned alone, where the log does not contain it any more; raises
    LogUnavailable where nothing is pinned, or the place cannot be written.
    """
    new = opened(note, verifier)
    with _writable(path), _locked(path):
        pinned = look(path, verifier)
        if isinstance(pinned, NoCheckpoint):
            hint = "the next command that opens the log begins it again, and records that"
            raise LogUnavailable(f"the pinned checkpoint is lost: {pinned.why}", where=str(path), hint=hint)
        if pinned.size > new.size:
            return  # another process is ahead; its own log check is behind it
        if why := contradiction(pinned, new.size, root_at):
            raise LogTampered(why, where=str(path), hint=HINT)
        if pinned.size < new.size:
            with _aside(path, note) as aside:
                aside.replace(path)


@contextmanager
def beginning(path: Path, note: str, verifier: Verifier) -> Iterator[bool]:
    """Put `note` in place once the block has ended well; whether there was still none before it.

    That it can be written is known before the block begins. What is damaged is moved aside, not removed. Raises
    LogUnavailable.
    """
    with _writable(path), _locked(path):
        found = look(path, verifier)
        if not isinstance(found, NoCheckpoint):
            yield False
            return
        with _aside(path, note) as aside:
            yield True
            if found.state in ("damaged", "unreadable"):
                path.replace(path.with_name(f"{path.name}.damaged"))
            aside.replace(path)


def _of_this_log(note: str, verifier: Verifier, path: Path) -> None:
    """Raises LogTampered where a whole note names another log or another key than `verifier`."""
    if (found := claimed(note)) is None:
        return
    checkpoint, signers = found
    if checkpoint.origin != verifier.name:
        what = f"the pinned checkpoint is of another log: {checkpoint.origin}"
        raise LogTampered(what, where=str(path), hint=HINT)
    if (verifier.name, key_id(verifier.name, verifier.public)) not in signers:
        raise LogTampered("the pinned checkpoint is signed by another key", where=str(path), hint=HINT)


def _read(path: Path) -> bytes:
    """At most one note; nothing that could be waited for is read. Raises OSError."""
    with os.fdopen(os.open(path, _LOOK), "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError(errno.EINVAL, "it is no plain file")
        return file.read(MAX_NOTE + 1)


@contextmanager
def _writable(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        hint = "end what holds or protects it, or set another folder with `pinned`"
        what = f"the checkpoint cannot be pinned: {error.strerror}"
        raise LogUnavailable(what, where=str(path), hint=hint) from error


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


@contextmanager
def _aside(path: Path, note: str) -> Iterator[Path]:
    """The note whole and durable beside its place. A power cut may bring the older one back: still right."""
    aside = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(note)
            file.flush()
            os.fsync(file.fileno())
        yield aside
    finally:
        aside.unlink(missing_ok=True)
