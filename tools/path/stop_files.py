"""Stop files: the kill switch for when the log cannot take it. Every executor looks for them before each write.

A scope is stopped while its file is in one of the places, whatever is in the file: `touch` is enough. `flyball stop`
puts it into each place that takes it, so that no full or read-only disk and no broken or locked log holds a stop up.
"""

import errno
import json
import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from tools.errors import ToolError

MOST_BYTES = 32_768
"""So much of a stop file is read; a reason has 4,096 characters at most."""
_MAKE = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_LOOK = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class StopFileStays(ToolError):
    """A stop file cannot be removed: its scope stays stopped."""


@dataclass(frozen=True, slots=True)
class StopFile:
    """A stop file that is there. `told` is what `flyball stop` wrote into it; empty where somebody else made it."""

    scope: str
    path: Path
    told: dict[str, Any]


@dataclass(frozen=True, slots=True)
class StopFiles:
    """The places of one installation: the file that stops everything, in each of its folders.

    The first is in the log's own folder: where that cannot be looked at, it counts as a stop. In the others, which
    may be away while the log goes on, only a file that can be seen and is ours (or root's) counts.
    """

    places: tuple[Path, ...]

    def stops(self, scope: str) -> bool:
        """Whether the scope (`all`, `cluster/<name>`, `agent:<name>`) is stopped by a file."""
        return any(True for _ in self._there(scope))

    def put(self, scope: str, told: dict[str, Any]) -> tuple[Path, ...]:
        """Stop the scope, and give the files that do so now: none where no place takes one. Never raises OSError."""
        text = json.dumps(told).encode()
        for path in self._paths(scope):
            with suppress(OSError):
                _make_private(path.parent)
                handle = os.open(path, _MAKE, 0o600)
                with os.fdopen(handle, "wb") as file:  # on a full disk it stays empty, and stops all the same
                    file.write(text)
                    file.flush()
                    os.fsync(file.fileno())
        return tuple(self._there(scope))

    def clear(self, scope: str) -> None:
        """Remove the scope's files. Raises StopFileStays."""
        for path in self._paths(scope):
            with suppress(OSError):  # what is left is said below
                path.unlink()
        for path in self._there(scope):
            hint = "remove it by hand: until then every process looks at it and does not write"
            raise StopFileStays(f"{scope} is still stopped by its stop file", where=str(path), hint=hint)

    def found(self) -> list[StopFile]:
        """Every stop file that counts, one a scope."""
        scopes = {"all"}
        for place in self.places:
            with suppress(OSError):
                scopes |= {unquote(found.name[len(place.name) + 1 :]) for found in _siblings(place)}
        first = {scope: next(self._there(scope), None) for scope in sorted(scopes)}
        return [StopFile(scope, path, _told(path)) for scope, path in first.items() if path]

    def _paths(self, scope: str) -> Iterator[Path]:
        for place in self.places:
            yield place if scope == "all" else place.with_name(f"{place.name}-{quote(scope, safe='')}")

    def _there(self, scope: str) -> Iterator[Path]:
        for number, path in enumerate(self._paths(scope)):
            if _counts(path, own=number == 0):
                yield path


def _counts(path: Path, *, own: bool) -> bool:
    try:
        owner = os.lstat(path).st_uid
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return own
    return own or owner in (os.geteuid(), 0)


def _make_private(folder: Path) -> None:
    """The folder, and what is missing above it (0700). Raises OSError where others could take a file away again."""
    if not folder.parent.exists():
        _make_private(folder.parent)
    with suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    found = os.lstat(folder)
    if found.st_uid != os.geteuid() or stat.S_IMODE(found.st_mode) & 0o022 or not stat.S_ISDIR(found.st_mode):
        raise PermissionError(errno.EPERM, "not a folder of this user alone", str(folder))


def _siblings(place: Path) -> Iterator[Path]:
    return (path for path in place.parent.iterdir() if path.name.startswith(f"{place.name}-"))


def _told(path: Path) -> dict[str, Any]:
    try:
        with os.fdopen(os.open(path, _LOOK), "rb") as file:
            found = json.loads(file.read(MOST_BYTES))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
