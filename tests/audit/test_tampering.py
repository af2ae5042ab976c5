"""Every way of changing what was recorded, and the check that finds it.

| attack | found by |
|---|---|
| edit a body, a leaf hash, a column | leaves, columns, tiles, roots |
| edit body and leaf hash together | tiles and roots |
| swap two rows, delete a middle row | contiguity, tiles, roots |
| cut rows off, leave checkpoints | contiguity |
| rebuild everything without the key | signature |
| flip a stored integer (kill switch, spent approval) | claims |
| drop a trigger, add one | schema |
| forge a checkpoint, a tile, a note | roots, tiles, signature |
| rewrite with the key; restore an old backup; fork from one | pinned checkpoint only |
"""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from audit.errors import LogTampered
from audit.keys import KeySigner, from_file, signed
from audit.log import Log
from audit.note import Checkpoint
from audit.timeline import AHEAD_MS
from audit.tree import leaf_hash
from tests.kit.logs import (
    START_MS,
    ToldClock,
    act,
    attacker,
    checked,
    checks,
    fill,
    rebuild,
    verifier_of,
    with_log,
)

COUNT = 301  # log.opened, 297 reads and one action: a full tile and a rest


@pytest.fixture
def log_path(path: Path) -> Path:
    async def work(log: Log) -> None:
        await fill(log, 297, a_commit=27)
        await act(log)

    with_log(path, work, pinned=path.parent / "kept.note")
    return path


def test_an_untouched_log_is_whole(log_path: Path) -> None:
    report = checked(log_path, full=True, pinned_path=log_path.parent / "kept.note")
    assert (report.whole, report.records, report.pinned_records) == (True, COUNT, COUNT)
    assert report.signatures == report.checkpoints == 14
    assert report.notes == []


def edit(path: Path, sql: str, *values: object) -> None:
    with attacker(path) as connection:
        assert connection.execute(sql, values).rowcount


@pytest.mark.parametrize("seq", [0, 7, 255, 256, COUNT - 1])
def test_an_edited_body(log_path: Path, seq: int) -> None:
    edit(
        log_path,
        "UPDATE audit_entry SET body = replace(body, 'agent:ops', 'agent:0ps') || ' ' WHERE seq = ?",
        seq,
    )
    report = checked(log_path)
    assert ("leaves", seq) in {(f.check, f.seq) for f in report.findings}


@pytest.mark.parametrize("seq", [0, 7, 255, 256, COUNT - 1])
def test_an_edited_leaf_hash(log_path: Path, seq: int) -> None:
    edit(log_path, "UPDATE audit_entry SET leaf_hash = zeroblob(32) WHERE seq = ?", seq)
    report = checked(log_path)
    assert ("leaves", seq) in {(f.check, f.seq) for f in report.findings}


@pytest.mark.parametrize("seq", [7, 255, 256, COUNT - 1])
def test_a_body_and_its_leaf_hash_edited_together(log_path: Path, seq: int) -> None:
    with attacker(log_path) as connection:
        (body,) = connection.execute("SELECT body FROM audit_entry WHERE seq = ?", (seq,)).fetchone()
        forged = body.replace(b"human:anna", b"human:emil")
        row = (forged, leaf_hash(forged), seq)
        connection.execute("UPDATE audit_entry SET body = ?, leaf_hash = ? WHERE seq = ?", row)
    report = checked(log_path)
    assert "roots" in checks(report)
    if seq < 256:
        assert ("tiles", seq) in {(f.check, f.seq) for f in report.findings}


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("record_id", "x"),
        ("ts_ns", 1),
        ("kind", "annotation"),
        ("run_id", "x"),
        ("actor_id", "agent:other"),
        ("request_id", "x"),
        ("request_digest", "x"),
        ("resource_key", None),
        ("verdict", "deny"),
    ],
)
def test_an_edited_column(log_path: Path, column: str, value: object) -> None:
    edit(log_path, f"UPDATE audit_entry SET {column} = ? WHERE seq = ?", value, 299)
    finding = checked(log_path).findings[0]
    assert (finding.check, finding.seq) == ("columns", 299)
    assert column in finding.what


@pytest.mark.parametrize(
    "sql", ["body = 'text'", "body = 7", "leaf_hash = 'text'", "kind = x'ff'", "ts_ns = 'x'"]
)
def test_columns_of_another_type(log_path: Path, sql: str) -> None:
    edit(log_path, f"UPDATE audit_entry SET {sql} WHERE seq = 9")
    assert checked(log_path).findings[0].seq == 9


def test_text_that_is_none_is_tampering_and_no_failure_to_verify(log_path: Path) -> None:
    edit(log_path, "UPDATE audit_entry SET actor_id = CAST(x'ff' AS TEXT) WHERE seq = 9")
    assert checks(checked(log_path)) == {"storage"}


@pytest.mark.parametrize(("one", "two"), [(5, 6), (5, 270), (298, 299)])
def test_swapped_rows(log_path: Path, one: int, two: int) -> None:
    with attacker(log_path) as connection:
        for old, new in ((one, 9999), (two, one), (9999, two)):
            connection.execute("UPDATE audit_entry SET seq = ? WHERE seq = ?", (new, old))
    assert "roots" in checks(checked(log_path))


@pytest.mark.parametrize("seq", [0, 7, 256, 299])
def test_a_deleted_middle_row(log_path: Path, seq: int) -> None:
    edit(log_path, "DELETE FROM audit_entry WHERE seq = ?", seq)
    assert ("contiguity", seq) in {(f.check, f.seq) for f in checked(log_path).findings}


@pytest.mark.parametrize("seq", [0, 7, 256, 298, 299])
def test_a_missing_row_is_one_finding_and_blames_no_other(log_path: Path, seq: int) -> None:
    """299 is the intent: its claims are gone with it, and the outcome's parent."""
    edit(log_path, "DELETE FROM audit_entry WHERE seq = ?", seq)
    report = checked(log_path, full=True)
    assert [(f.check, f.seq, f.what) for f in report.findings] == [
        ("contiguity", seq, f"record {seq} is missing")
    ]
    assert report.records <= seq
    assert "were not checked to the end" in report.notes[-1].what


def test_several_gaps_are_told_each(log_path: Path) -> None:
    edit(log_path, "DELETE FROM audit_entry WHERE seq IN (5, 6, 7, 280)")
    assert [f.what for f in checked(log_path).findings] == [
        "records 5 to 7 are missing",
        "record 280 is missing",
    ]


def test_no_range_runs_backwards(log_path: Path) -> None:
    with attacker(log_path) as connection:
        connection.execute("UPDATE audit_entry SET seq = -5 WHERE seq = 9")
        connection.execute(
            "INSERT INTO audit_checkpoint VALUES (-3, zeroblob(32), ''), (0, zeroblob(32), '')"
        )
    told = {f.what for f in checked(log_path).findings if f.check in ("contiguity", "roots")}
    assert told == {
        "it stands before the first record",
        "record 9 is missing",
        "a checkpoint of size -3 is stored",
        "a checkpoint of size 0 is stored",
    }


def test_a_deleted_middle_row_with_the_rest_moved_up(log_path: Path) -> None:
    with attacker(log_path) as connection:
        connection.execute("DELETE FROM audit_entry WHERE seq = 7")
        for seq in range(8, COUNT):
            connection.execute("UPDATE audit_entry SET seq = ? WHERE seq = ?", (seq - 1, seq))
    assert {"tiles", "roots", "contiguity"} <= checks(checked(log_path))


def test_rows_cut_off_with_their_checkpoints_left(log_path: Path) -> None:
    edit(log_path, "DELETE FROM audit_entry WHERE seq >= 280")
    assert ("contiguity", 280) in {(f.check, f.seq) for f in checked(log_path).findings}
    with pytest.raises(LogTampered, match="280 records are stored, 301 are signed"):
        with_log(log_path, lambda log: fill(log, 1))


def test_everything_rebuilt_without_the_key(log_path: Path) -> None:
    real = verifier_of(log_path)
    impostor = KeySigner(real.name, bytes(32))
    with attacker(log_path) as connection:
        connection.execute("DELETE FROM audit_entry WHERE seq >= 280")
        rebuild(connection, impostor)
    assert "signature" in checks(checked(log_path))
    with pytest.raises(LogTampered, match="not signed by the log's key"):
        with_log(log_path, lambda log: fill(log, 1))


def test_rows_added_without_the_key(log_path: Path) -> None:
    with closing(sqlite3.connect(log_path, isolation_level=None)) as connection:
        connection.execute(
            "INSERT INTO audit_entry SELECT 301, 'new', ts_ns, kind, run_id, actor_id, request_id, request_digest,"
            " resource_key, verdict, leaf_hash, body FROM audit_entry WHERE seq = 5"
        )
    assert {"roots", "columns"} <= checks(checked(log_path))
    with pytest.raises(LogTampered, match="302 records are stored, 301 are signed"):
        with_log(log_path, lambda log: fill(log, 1))


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE audit_claim SET value = 1 WHERE key = 'busy/web'",
        "DELETE FROM audit_claim WHERE key = 'attempt/r0/0'",
        "INSERT INTO audit_claim VALUES ('stop/all', 2)",
    ],
)
def test_a_stored_integer_changed_behind_the_logs_back(log_path: Path, sql: str) -> None:
    with closing(sqlite3.connect(log_path, isolation_level=None)) as connection:
        assert connection.execute(sql).rowcount
    assert checks(checked(log_path)) == {"claims"}


def test_a_trigger_dropped_or_added(log_path: Path) -> None:
    with closing(sqlite3.connect(log_path, isolation_level=None)) as connection:
        connection.execute("DROP TRIGGER audit_entry_no_delete")
        connection.execute("CREATE TRIGGER t AFTER INSERT ON audit_entry BEGIN SELECT 1; END")
    report = checked(log_path)
    assert [f.check for f in report.findings] == ["schema", "schema"]


def test_a_forged_tile(log_path: Path) -> None:
    edit(log_path, "UPDATE audit_tile SET data = zeroblob(8192)")
    assert checks(checked(log_path)) == {"tiles"}
    edit(log_path, "UPDATE audit_tile SET root = zeroblob(32)")
    with pytest.raises(LogTampered):
        with_log(log_path, lambda log: fill(log, 1))


@pytest.mark.parametrize(
    "sql", ["DELETE FROM audit_tile", "INSERT INTO audit_tile VALUES (3, 0, x'00', x'00')"]
)
def test_a_missing_or_surplus_tile(log_path: Path, sql: str) -> None:
    edit(log_path, sql)
    assert checks(checked(log_path)) == {"tiles"}


def test_a_checkpoint_of_another_root(log_path: Path) -> None:
    edit(log_path, "UPDATE audit_checkpoint SET root = zeroblob(32) WHERE size = 28")
    assert {"roots", "signature"} <= checks(checked(log_path))


def test_an_old_signature_spoilt_is_found_by_a_full_verification(log_path: Path) -> None:
    spoilt = "substr(note, 1, length(note) - 8) || 'AAAAAA=' || char(10)"
    edit(log_path, f"UPDATE audit_checkpoint SET note = {spoilt} WHERE size = 28")
    assert checked(log_path).whole
    assert checks(checked(log_path, full=True)) == {"signature"}


def test_the_newest_checkpoint_removed(log_path: Path) -> None:
    edit(log_path, f"DELETE FROM audit_checkpoint WHERE size = {COUNT}")
    assert checks(checked(log_path)) == {"roots"}


def test_a_broken_file_is_a_finding(log_path: Path) -> None:
    data = bytearray(log_path.read_bytes())
    data[4096 * 12 : 4096 * 30] = b"\x00" * (4096 * 18)
    log_path.write_bytes(bytes(data))
    assert not checked(log_path).whole


@pytest.mark.parametrize("kept", [100, 4096, 50_000])
def test_a_part_of_the_file_is_a_finding(log_path: Path, kept: int) -> None:
    log_path.write_bytes(log_path.read_bytes()[:kept])
    for suffix in ("-wal", "-shm"):
        log_path.with_name(f"audit.db{suffix}").unlink(missing_ok=True)
    assert checks(checked(log_path)) == {"storage"}


@pytest.mark.parametrize("mark", [0, 7])
def test_a_changed_application_id_is_a_finding(log_path: Path, mark: int) -> None:
    edit_mark = sqlite3.connect(log_path)
    edit_mark.execute(f"PRAGMA application_id = {mark}")
    edit_mark.close()
    assert checks(checked(log_path)) == {"storage"}


def test_a_time_that_has_not_come_is_a_finding(log_path: Path) -> None:
    report = checked(log_path, now_ms=START_MS - AHEAD_MS - 1)
    assert [(f.check, f.seq) for f in report.findings] == [("clock", 0)]
    assert "has not come yet" in report.findings[0].what
    assert checked(log_path, now_ms=START_MS - AHEAD_MS).whole


def test_a_clock_that_was_ahead_and_is_told_of_is_a_note(path: Path) -> None:
    clock = ToldClock()
    with_log(path, lambda log: fill(log, 2), clock=clock)
    clock.wall -= 10 * AHEAD_MS
    with_log(path, lambda log: fill(log, 2), clock=clock)
    report = checked(path, now_ms=clock.wall)
    assert report.whole
    assert "record 3 tells of that clock" in " ".join(note.what for note in report.notes)


def test_findings_are_listed_up_to_a_bound(log_path: Path) -> None:
    edit(log_path, "UPDATE audit_entry SET actor_id = 'x'")
    report = checked(log_path)
    assert (len(report.findings), report.unlisted) == (100, COUNT - 100)


# Seen only with the pinned checkpoint.


def kept_of(path: Path) -> Path:
    return path.parent / "kept.note"


def refused(path: Path, why: str) -> None:
    """Both verification and the log itself refuse."""
    found = [f for f in checked(path, pinned_path=kept_of(path)).findings if f.check == "pinned"]
    assert len(found) == 1
    assert why in found[0].what
    before = kept_of(path).read_text()
    with pytest.raises(LogTampered, match=why):
        with_log(path, lambda log: fill(log, 1), pinned=kept_of(path))
    assert kept_of(path).read_text() == before, "what is kept is never overwritten by what contradicts it"


def forge(connection: sqlite3.Connection) -> None:
    """Another name in every record, with the leaf hashes to it."""
    for seq, body in connection.execute("SELECT seq, body FROM audit_entry WHERE seq > 0").fetchall():
        forged = body.replace(b"human:anna", b"human:emil")
        row = (forged, leaf_hash(forged), seq)
        connection.execute("UPDATE audit_entry SET body = ?, leaf_hash = ? WHERE seq = ?", row)


def test_everything_rewritten_with_the_key(log_path: Path) -> None:
    with attacker(log_path) as connection:
        forge(connection)
        rebuild(connection, from_file(log_path.with_suffix(".key")))
    assert checked(log_path, full=True).whole, "nothing in the file itself tells"
    refused(log_path, "history was rewritten")


def test_the_end_cut_off_with_the_key(log_path: Path) -> None:
    with attacker(log_path) as connection:
        connection.execute("DELETE FROM audit_entry WHERE seq >= 290")
        connection.execute("DELETE FROM audit_claim")
        connection.execute("INSERT INTO audit_claim VALUES ('log/opened', 1)")
        rebuild(connection, from_file(log_path.with_suffix(".key")))
    assert checked(log_path, full=True).whole
    refused(log_path, "cut short")


def test_an_old_backup_restored(log_path: Path, tmp_path: Path) -> None:
    shutil.copy(log_path, tmp_path / "backup")
    with_log(log_path, lambda log: fill(log, 5), pinned=kept_of(log_path))
    shutil.copy(tmp_path / "backup", log_path)
    assert checked(log_path, full=True).whole
    refused(log_path, "cut short")


def test_a_fork_from_an_old_backup(log_path: Path, tmp_path: Path) -> None:
    shutil.copy(log_path, tmp_path / "backup")
    with_log(log_path, lambda log: fill(log, 5), pinned=kept_of(log_path))
    shutil.copy(tmp_path / "backup", log_path)
    with_log(log_path, lambda log: fill(log, 9))
    assert checked(log_path, full=True).whole
    refused(log_path, "history was rewritten")


def test_a_new_log_and_key_in_the_old_ones_place(log_path: Path) -> None:
    for file in (log_path, log_path.with_suffix(".key")):
        file.unlink()
    with_log(log_path, lambda log: fill(log, 400))
    assert checked(log_path).whole
    refused(log_path, "of another log")


def test_a_new_key_of_the_old_ones_name(log_path: Path) -> None:
    old = verifier_of(log_path)
    for file in (log_path, log_path.with_suffix(".key")):
        file.unlink()
    signer = KeySigner(old.name, b"\x07" * 32)
    with_log(log_path, lambda log: fill(log, 400), signer=signer)
    log_path.with_suffix(".key").write_text(signer.text)
    log_path.with_suffix(".key").chmod(0o600)
    refused(log_path, "signed by another key")


def test_the_pinned_checkpoint_of_a_stranger(log_path: Path) -> None:
    stranger = KeySigner.generate()
    kept_of(log_path).write_text(signed(Checkpoint(stranger.verifier.name, 7, b"\x07" * 32), stranger))
    refused(log_path, "of another log")


def test_the_pinned_checkpoint_removed_is_worth_a_note(log_path: Path) -> None:
    kept_of(log_path).unlink()
    report = checked(log_path, pinned_path=kept_of(log_path))
    assert (report.whole, [n.check for n in report.notes]) == (True, ["pinned"])


def test_a_log_rolled_back_under_a_running_process(log_path: Path, tmp_path: Path) -> None:
    """An open log goes on from the tree that it has seen, never from less."""

    async def work(log: Log) -> None:
        await fill(log, 3)
        with attacker(log_path) as connection:
            connection.execute("DELETE FROM audit_entry WHERE seq >= 290")
            rebuild(connection, from_file(log_path.with_suffix(".key")))
        with pytest.raises(LogTampered, match="290 records are stored where 304 were before"):
            await fill(log, 1)

    with_log(log_path, work)


def test_a_log_of_the_same_length_swapped_in_under_a_running_process(log_path: Path) -> None:
    async def work(log: Log) -> None:
        await fill(log, 3)
        with attacker(log_path) as connection:
            forge(connection)
            rebuild(connection, from_file(log_path.with_suffix(".key")))
        with pytest.raises(LogTampered, match="the signed root of 304 records does not match"):
            await fill(log, 1)

    with_log(log_path, work)
