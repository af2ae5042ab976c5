"""The default world is made once in this process; whoever opens a new one gets a copy of it, as another cluster.

To live through its first hours takes five times as long as everything else that opens an installation, and some
thousand tests do. UIDs of objects and names of pods follow from the cluster's UID: a copy keeps those of MADE.
"""

import os
import uuid
from contextlib import suppress
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from sandbox import world as worlds
from sandbox.world import World

NAME = "world.db"
MADE = "5f0c9a54-1f5e-4a3b-9a55-0f6f2e7a41c3"
_really_open = World.open.__func__  # type: ignore[attr-defined]


def remember(patch: pytest.MonkeyPatch) -> None:
    """From now on. A folder that holds a world, or cannot hold a file, is opened as ever."""
    patch.setattr(World, "open", classmethod(_open))


def _open(cls: type[World], folder: Path) -> World:
    if not _copied(folder / NAME):
        return _really_open(cls, folder)  # type: ignore[no-any-return]
    world = cls(folder)
    with world.store.write() as txn:
        txn.set_meta("cluster_uid", str(uuid.uuid4()))
        worlds._adopt_cluster_uid(txn)
    world.begun = True
    return world


def _copied(path: Path) -> bool:
    """Whether the file is a copy that was made just now; whole, or not there at all."""
    if path.exists():
        return False
    part = path.with_name(f".{uuid.uuid4().hex}")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        part.touch(mode=0o600)
        part.write_bytes(_made())
        os.link(part, path)
    except OSError:
        return False
    finally:
        with suppress(OSError):
            part.unlink()
    return True


@cache
def _made() -> bytes:
    with TemporaryDirectory() as folder:
        world = World(Path(folder))
        world.reset(cluster_uid=MADE)
        world.close()
        return (Path(folder) / NAME).read_bytes()
