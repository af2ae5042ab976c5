"""The folders of the log: private to this user, and refused where another user could replace them.

The owner of the folder could put another log, another key or a lifted kill switch in its place.
"""

import os
import stat
from pathlib import Path

from flyball.exits import UsageError


def private(state: Path, folder: Path) -> None:
    """Make the state folder and the folder of one log in it (0700 both), or check the ones that are there.

    Rights of others on the log's own folder are taken away; a state folder that was there before is only
    looked at, for it may be shared (`--state /tmp`). Raises UsageError where another user owns one of them,
    or the link that leads to it, or may write to the state folder.
    """
    mode = _made(state)
    if mode & 0o022 and not mode & stat.S_ISVTX:
        raise UsageError(
            "others may write to the folder",
            where=str(state),
            hint=f"chmod go-w {state}, or give another --state",
        )
    if _made(folder) & 0o077:
        _close(folder)


def _close(folder: Path) -> None:
    try:
        os.chmod(folder, 0o700)
    except OSError as e:
        what = f"others have rights on the folder, and they cannot be taken away: {e.strerror}"
        raise UsageError(what, where=str(folder), hint=f"chmod 700 {folder}, or give another --state") from e


def _made(folder: Path) -> int:
    """The folder's mode bits, once it is there and ours."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        link, found = os.lstat(folder), os.stat(folder)
    except OSError as e:
        raise UsageError(
            f"cannot be used as a folder: {e.strerror}", where=str(folder), hint="give another --state DIR"
        ) from e
    shared = bool(found.st_mode & stat.S_ISVTX) and found.st_uid == 0
    if not shared and {link.st_uid, found.st_uid} != {os.geteuid()}:
        raise UsageError(
            "the folder belongs to another user", where=str(folder), hint="give a --state DIR of your own"
        )
    return stat.S_IMODE(found.st_mode)
