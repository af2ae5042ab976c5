"""The copy that tests are given in place of a new world is that world, as another cluster."""

import sqlite3
from pathlib import Path

import pytest

from sandbox.world import World
from tests.kit import worlds


def told(world: World) -> list[str]:
    """All that its file holds, without what tells a cluster from another."""
    with sqlite3.connect(world.store.path) as db:
        return [line.replace(world.cluster_uid(), "UID") for line in db.iterdump()]


def test_a_copy_is_the_world_that_would_have_been_made(tmp_path: Path) -> None:
    copy, other, made = (
        World.open(tmp_path / "copy"),
        World.open(tmp_path / "other"),
        World(tmp_path / "made"),
    )
    made.reset(cluster_uid=worlds.MADE)
    assert told(copy) == told(other) == told(made)
    assert copy.begun
    assert len({copy.cluster_uid(), other.cluster_uid(), made.cluster_uid()}) == 3


def test_what_is_there_is_opened_as_it_is(tmp_path: Path) -> None:
    first = World.open(tmp_path)
    first.advance(600)
    again = World.open(tmp_path)
    assert (again.now_ms(), again.cluster_uid()) == (first.now_ms(), first.cluster_uid())
    assert not again.begun


@pytest.mark.parametrize("name", ["file", "no/folder"])
def test_where_no_file_can_be_it_fails_as_ever(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "no").write_text("")
    with pytest.raises(Exception, match="cannot be opened"):
        World.open(tmp_path / name)
