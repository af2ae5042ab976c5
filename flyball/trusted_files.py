"""The settings files that the user has trusted: by place and by digest, so that any change asks again.

Kept in the user's config folder, private to this user (flyball.private_file): a copy that another user could have
written trusts nothing.
"""

import hashlib
import json
from pathlib import Path

import platformdirs

from flyball.exits import UsageError
from flyball.private_file import PrivateFile

FORMAT = 1
"""Version rule: moves on when the same bytes would be read differently; another one trusts nothing."""


def trusts(path: Path, raw: bytes) -> bool:
    """Whether the user has trusted exactly these bytes at this place."""
    return _load().get(str(path.resolve())) == _digest(raw)


def trust(path: Path, raw: bytes) -> None:
    """Trust these bytes at this place, instead of what was trusted there before. Raises UsageError."""
    _save({**_load(), str(path.resolve()): _digest(raw)})


def distrust(path: Path) -> bool:
    """Trust nothing at this place; whether something was trusted there. Raises UsageError."""
    known = _load()
    if known.pop(str(path.resolve()), None) is None:
        return False
    _save(known)
    return True


def _file() -> PrivateFile:
    return PrivateFile(platformdirs.user_config_path("flyball") / "trusted.json")


def _digest(raw: bytes) -> str:
    return hashlib.sha256(raw).hexdigest()


def _load() -> dict[str, str]:
    try:
        kept = json.loads(_file().load() or b"{}")
        files = kept["files"] if kept.get("format") == FORMAT else {}
        return {str(path): str(digest) for path, digest in files.items()}
    except (ValueError, KeyError, AttributeError, RecursionError):
        return {}


def _save(known: dict[str, str]) -> None:
    file = _file()
    data = json.dumps({"format": FORMAT, "files": known}, indent=2, sort_keys=True).encode("ascii")
    file.save(data)
    if file.load() != data:
        raise UsageError(
            "cannot be kept privately",
            where=str(file.path),
            hint="the folder must be yours, and nobody else may write to it",
        )
