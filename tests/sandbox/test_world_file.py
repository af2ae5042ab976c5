"""The world's file damaged, emptied, unwritable or on a full disk: said with a hint, and never a dead end."""

import json
import sqlite3
import stat
from pathlib import Path

import pytest

from flyball.exits import Exit
from sandbox.api.errors import WorldDamaged, WorldUnavailable
from sandbox.api.store import Store
from tests.sandbox.test_cli import flyball


def world_of(state: Path) -> Path:
    return state / "sandbox" / "world.db"


def gathered(path: Path) -> None:
    """All of it is in the one file, as after a copy."""
    db = sqlite3.connect(path)
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.close()
    for beside in ("-wal", "-shm"):
        path.with_name(path.name + beside).unlink(missing_ok=True)


@pytest.mark.parametrize("middle", [False, True])
def test_a_damaged_file_is_said_and_reset_moves_it_aside(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], middle: bool
) -> None:
    assert flyball(tmp_path, "reset") == 0
    path = world_of(tmp_path)
    gathered(path)
    whole = path.read_bytes()
    path.write_bytes(whole[:4096] + b"\xff" * (len(whole) - 4096) if middle else b"no database " * 1_000)
    capsys.readouterr()
    assert flyball(tmp_path, "status") == Exit.UNAVAILABLE
    said = capsys.readouterr().err
    assert "damaged" in said
    assert str(path) in said
    assert f"flyball --state {tmp_path} sandbox reset" in said
    assert flyball(tmp_path, "reset") == 0
    aside = path.with_name("world.db.damaged-1")
    assert str(aside) in capsys.readouterr().err
    assert aside.exists()
    assert flyball(tmp_path, "status") == 0


def test_a_file_without_its_tables_and_one_with_a_broken_object_are_damaged(tmp_path: Path) -> None:
    store = Store(tmp_path / "world.db")
    with store.write() as txn:
        txn.push("requests", {"a": 1})
    db = sqlite3.connect(tmp_path / "world.db")
    db.execute("UPDATE requests SET body = 'torn{'")
    db.commit()
    with pytest.raises(WorldDamaged), store.read() as txn:
        txn.queue("requests")
    db.execute("DROP TABLE meta")
    db.commit()
    with pytest.raises(WorldDamaged, match="no such table"), store.read() as txn:
        txn.meta("seed")


def test_a_full_disk_is_said_and_changes_nothing(tmp_path: Path) -> None:
    """SQLite's own limit of pages stands for the disk's: both end in SQLITE_FULL."""
    store = Store(tmp_path / "world.db")
    with store.write() as txn:
        txn.set_meta("seed", 7)
    with store.write() as txn:
        txn.db.execute("PRAGMA max_page_count = 1")  # never less than there are now

    def fill() -> None:
        with store.write() as txn:
            txn.set_meta("seed", 8)
            txn.push("requests", {"long": "x" * 200_000})

    with pytest.raises(WorldUnavailable, match="disk is full") as caught:
        fill()
    assert "free space" in caught.value.hint
    with store.read() as txn:
        assert txn.number("seed") == 7


def test_an_emptied_world_beside_its_log_is_said_to_begin_anew(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from flyball.cli.main import main

    words = ["status", "--context", "sandbox", "--state", str(tmp_path)]
    assert main(words) == 0
    assert "a new one begins" not in capsys.readouterr().err, "there was no log either"
    path = world_of(tmp_path)
    gathered(path)
    path.write_bytes(b"")
    main(words)
    assert "a new one begins" in capsys.readouterr().err


def test_the_file_is_its_users_alone(tmp_path: Path) -> None:
    assert flyball(tmp_path, "reset") == 0
    path = world_of(tmp_path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.chmod(0o644)
    assert flyball(tmp_path, "status") == 0
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_folder_in_its_place_is_no_crash(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    world_of(tmp_path).mkdir(parents=True)
    assert flyball(tmp_path, "status", "-o", "json") == Exit.UNAVAILABLE
    assert "cannot be used" in json.loads(capsys.readouterr().out)["problems"][0]["what"]
