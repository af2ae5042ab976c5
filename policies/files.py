"""The policy files below the paths that the operator names, and their bytes.

What lies there and cannot be read is an error, never passed over: with a file that is left out in silence its deny
is left out too. So a name that ends as a policy's does (in any case) must lead to a plain file, links followed (a
mounted ConfigMap is links to links), and a folder inside that holds such names is refused, for it is not read.
"""

import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

from policies.errors import PolicyError, PolicyInvalid
from policies.manifest import MANIFEST

MAX_FILES = 1_000
MAX_FILE_BYTES = 1 << 20
MAX_SET_BYTES = 4 << 20
"""Parsing costs seconds a megabyte, and an attacker's file or a mistake must not cost minutes."""

_ENDINGS = (".yaml", ".yml")
_EMACS_LOCK = ".#"
"""A link to nowhere that Emacs puts beside a file with unsaved changes: no policy file was ever there."""


def files_of(paths: Sequence[Path]) -> list[Path]:
    """The policy files below `paths` (files, or folders) and their manifests, in a stable order. Raises
    PolicyInvalid where there are none, and for a folder that cannot be listed or hides some in a folder inside."""
    found = [file for path in paths for file in (_listed(path) if path.is_dir() else [path])]
    if not any(file.name != MANIFEST for file in found) or len(found) > MAX_FILES:
        what = f"more than {MAX_FILES} policy files" if len(found) > MAX_FILES else "no policy file"
        raise _invalid(what, ", ".join(map(str, paths)), "name a folder with *.yaml files")
    return found


def _listed(folder: Path) -> list[Path]:
    # Looked at for every action: half the cost of pathlib's own listing.
    try:
        with os.scandir(folder) as inside:
            return [folder / name for name in sorted(_names(folder, inside))]
    except OSError as error:
        raise _invalid(f"cannot be listed: {error.strerror}", str(folder)) from error


def _names(folder: Path, inside: Iterator["os.DirEntry[str]"]) -> Iterator[str]:
    for entry in inside:
        name = entry.name
        if _counts(name):
            if not (name.startswith(_EMACS_LOCK) and entry.is_symlink() and not os.path.exists(entry.path)):
                yield name
        elif not name.startswith(".") and entry.is_dir() and any(map(_counts, os.listdir(entry.path))):
            what = "policy files in a folder inside are not read"
            raise _invalid(what, str(folder / name), "move them up, or take them out")


def _counts(name: str) -> bool:
    return name.lower().endswith(_ENDINGS) or name == MANIFEST


def read(paths: Sequence[Path]) -> dict[str, bytes]:
    """The bytes of the policy files and manifests by path. Raises PolicyInvalid where one cannot be read, is no plain
    file, or they are too large; sizes are looked at before anything is parsed."""
    out: dict[str, bytes] = {}
    left = MAX_SET_BYTES
    for path in files_of(paths):
        out[str(path)] = raw = _bytes(path)
        left -= len(raw)
        if left < 0:
            where = ", ".join(map(str, paths))
            raise _invalid(f"the policy files are larger than {_mib(MAX_SET_BYTES)} together", where, "")
    return out


def state_of(path: Path) -> tuple[str, int, int, int, int]:
    """What changes when the file is written, replaced or linked elsewhere. Raises PolicyInvalid where it is not there
    or no plain file."""
    try:
        found = os.stat(path)
    except OSError as error:
        raise _unreadable(path, error) from error
    _plain(path, found)
    return (str(path), found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


def _bytes(path: Path) -> bytes:
    """Opened without waiting: a pipe would keep the gate waiting for whoever writes into it."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(handle, "rb") as file:
            found = os.fstat(handle)
            _plain(path, found)
            raw = file.read(MAX_FILE_BYTES + 1) if found.st_size <= MAX_FILE_BYTES else None
    except OSError as error:
        raise _unreadable(path, error) from error
    if raw is None or len(raw) > MAX_FILE_BYTES:
        raise _invalid(f"the file is larger than {_mib(MAX_FILE_BYTES)}", str(path), "split it")
    return raw


def _plain(path: Path, found: os.stat_result) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise _invalid("is no plain file", str(path), "replace it by one, or take it out of the folder")


def _unreadable(path: Path, error: OSError) -> PolicyInvalid:
    hint = "repair it, or take it out of the folder"
    return _invalid(f"cannot be read: {error.strerror}", str(path), hint)


def _invalid(what: str, where: str, hint: str = "") -> PolicyInvalid:
    return PolicyInvalid((PolicyError(what, where=where, hint=hint),))


def _mib(size: int) -> str:
    return f"{size >> 20} MiB"
