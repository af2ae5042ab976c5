"""The pinned checkpoint: forward only, atomically, by whichever process is ahead, and never over a contradiction."""

import errno
import fcntl
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from audit import pinned_file
from audit.errors import LogTampered, LogUnavailable
from audit.keys import KeySigner, signed
from audit.log import Log
from audit.note import Checkpoint, opened
from audit.pinned_file import NoCheckpoint, advance, beginning, contradiction, look
from audit.pinned_gap import LAG_MS
from audit.tree import Tree, leaf_hash
from tests.kit.logs import ToldClock, checked, fill, read_record, verifier_of, with_log

SIGNER = KeySigner.generate()


def roots(count: int, word: str = "record") -> list[bytes]:
    tree, found = Tree(), []
    for n in range(count + 1):
        found.append(tree.root())
        tree.append(leaf_hash(f"{word} {n}".encode()))
    return found


ROOTS = roots(50)


def note(size: int, root: bytes | None = None) -> str:
    return signed(Checkpoint(SIGNER.verifier.name, size, root or ROOTS[size]), SIGNER)


def begun(path: Path, size: int = 1) -> Path:
    with beginning(path, note(size), SIGNER.verifier) as lost:
        assert lost
    return path


def keep(path: Path, size: int) -> None:
    advance(path, note(size), SIGNER.verifier, ROOTS.__getitem__)


def kept_size(path: Path) -> int:
    return opened(path.read_text(), SIGNER.verifier).size


def test_it_moves_forward_and_never_back(tmp_path: Path) -> None:
    path = begun(tmp_path / "second" / "kept.note")
    for size, after in ((3, 3), (7, 7), (5, 7), (7, 7), (9, 9)):
        keep(path, size)
        assert kept_size(path) == after
    assert sorted(p.name for p in path.parent.iterdir()) == ["kept.note", "kept.note.lock"]
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_head_that_contradicts_it_is_refused_and_it_stays(tmp_path: Path) -> None:
    path, other = begun(tmp_path / "kept.note", 7), roots(50, "forged")
    for size in (7, 8, 50):
        with pytest.raises(LogTampered, match="history was rewritten"):
            advance(path, note(size, other[size]), SIGNER.verifier, other.__getitem__)
    assert kept_size(path) == 7


def test_a_note_that_is_not_the_logs_is_refused(tmp_path: Path) -> None:
    stranger = KeySigner.generate()
    foreign = signed(Checkpoint(stranger.verifier.name, 7, ROOTS[7]), stranger)
    with pytest.raises(LogTampered):
        advance(begun(tmp_path / "kept.note"), foreign, SIGNER.verifier, ROOTS.__getitem__)
    (tmp_path / "kept.note").write_text(foreign)
    with pytest.raises(LogTampered, match="of another log"):
        keep(tmp_path / "kept.note", 8)
    with (
        pytest.raises(LogTampered, match="of another log"),
        beginning(tmp_path / "kept.note", note(8), SIGNER.verifier),
    ):
        pass


def test_many_at_once_leave_the_newest(tmp_path: Path) -> None:
    path = begun(tmp_path / "kept.note")
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: keep(path, n), range(1, 50)))
    assert kept_size(path) == 49


def test_what_contradicts() -> None:
    kept = Checkpoint("o", 7, ROOTS[7])
    assert contradiction(kept, 7, ROOTS.__getitem__) is None
    assert contradiction(kept, 50, ROOTS.__getitem__) is None
    assert "cut short" in (contradiction(kept, 6, ROOTS.__getitem__) or "")
    assert "rewritten" in (contradiction(kept, 9, roots(50, "x").__getitem__) or "")


def test_the_log_keeps_its_newest_head(path: Path, tmp_path: Path) -> None:
    kept = tmp_path / "other disk" / "kept.note"
    with_log(path, lambda log: fill(log, 20), pinned=kept)
    report = checked(path, pinned_path=kept)
    assert (report.whole, report.pinned_records) == (True, 21)


def test_an_older_pinned_checkpoint_is_caught_up_with(path: Path, tmp_path: Path) -> None:
    kept = tmp_path / "kept.note"
    with_log(path, lambda log: fill(log, 5), pinned=kept)
    with_log(path, lambda log: fill(log, 300))
    report = checked(path, pinned_path=kept)
    assert (report.pinned_records, report.notes) == (
        6,
        [],
    )  # within what a process that is killed leaves behind
    with_log(path, lambda log: fill(log, 1), pinned=kept)
    assert checked(path, pinned_path=kept).pinned_records == 307


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(LogUnavailable):
        begun(tmp_path / "kept.note")


def test_it_is_begun_once_and_never_by_advancing(tmp_path: Path) -> None:
    path = tmp_path / "kept.note"
    with pytest.raises(LogUnavailable, match="is lost"):
        keep(path, 7)
    assert not path.exists()
    begun(path, 7)
    with beginning(path, note(3), SIGNER.verifier) as lost:
        assert not lost
    assert kept_size(path) == 7


def test_a_block_that_fails_begins_nothing(tmp_path: Path) -> None:
    path = tmp_path / "kept.note"
    with pytest.raises(LogUnavailable, match="disk"), beginning(path, note(3), SIGNER.verifier):
        raise LogUnavailable("the disk is full")
    assert [p.name for p in tmp_path.iterdir()] == ["kept.note.lock"]


def test_a_lock_of_a_frozen_process_is_not_waited_for_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pinned_file, "LOCK_S", 0.05)
    path = begun(tmp_path / "kept.note")
    with path.with_name("kept.note.lock").open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(LogUnavailable, match="has held its lock"):
            keep(path, 7)
    keep(path, 7)


GAPS: dict[str, Callable[[Path], object]] = {
    "missing": Path.unlink,
    "empty": lambda kept: kept.write_bytes(b""),
    "damaged": lambda kept: kept.write_bytes(b"\xff garbage"),
    "truncated": lambda kept: kept.write_text(kept.read_text()[:-9]),
    "bit flipped": lambda kept: kept.write_text(kept.read_text().replace("\n20\n", "\n21\n")),
    "a folder": lambda kept: (kept.unlink(), kept.mkdir()),
    "a pipe": lambda kept: (kept.unlink(), os.mkfifo(kept)),
}


@pytest.mark.parametrize("how", GAPS)
def test_a_gap_is_a_warning_and_a_record_and_then_it_begins_again(
    path: Path, tmp_path: Path, how: str
) -> None:
    kept = tmp_path / "second" / "kept.note"
    with_log(path, lambda log: fill(log, 19), pinned=kept)
    GAPS[how](kept)
    before = checked(path, pinned_path=kept)
    assert (before.whole, before.pinned_records, [n.check for n in before.notes]) == (True, None, ["pinned"])

    async def work(log: Log) -> tuple[str | None, str | None]:
        await fill(log, 2)
        return log.pinned_warning, log.pinned_error

    warning, error = with_log(path, work, pinned=kept)
    assert "no pinned checkpoint proves the first 20 records" in (warning or "")
    assert error is None
    after = checked(path, pinned_path=kept)
    assert (after.whole, after.pinned_records) == (True, 23)
    assert [(n.check, n.seq) for n in after.notes] == [("pinned", 20)]
    assert with_log(path, work, pinned=kept) == (None, None)


def test_an_older_one_put_back_is_a_warning_and_a_record(path: Path, tmp_path: Path) -> None:
    kept, clock = tmp_path / "kept.note", ToldClock()
    with_log(path, lambda log: fill(log, 5), pinned=kept, clock=clock)
    older = kept.read_text()
    clock.advance(LAG_MS + 1)
    with_log(path, lambda log: fill(log, 5), pinned=kept, clock=clock)
    clock.advance(LAG_MS + 1)
    with_log(path, lambda log: fill(log, 5), pinned=kept, clock=clock)
    kept.write_text(older)
    report = checked(path, pinned_path=kept)
    assert [(n.check, n.seq, "10 records before" in n.what) for n in report.notes] == [("pinned", 6, True)]

    async def warned(log: Log) -> str | None:
        return log.pinned_warning

    assert "10 records behind" in (with_log(path, warned, pinned=kept, clock=clock) or "")
    report = checked(path, pinned_path=kept)
    assert (report.whole, report.pinned_records) == (True, 17)
    assert [n.seq for n in report.notes] == [16]


def test_one_that_is_taken_away_from_a_running_process_is_not_made_anew_in_silence(
    path: Path, tmp_path: Path
) -> None:
    kept = tmp_path / "kept.note"

    async def work(log: Log) -> Log:
        await fill(log, 3)
        kept.unlink()
        await fill(log, 3)
        return log

    log = with_log(path, work, pinned=kept, pinned_write="sync")
    assert "is lost" in (log.pinned_error or "")
    assert not kept.exists()


def test_a_second_place_that_fails_is_said_and_holds_nothing_up(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    @contextmanager
    def full(*_: object) -> Iterator[Path]:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        yield tmp_path

    async def work(log: Log) -> Log:
        await fill(log, 3)
        return log

    monkeypatch.setattr(pinned_file, "_aside", full)
    log = with_log(path, work, pinned=tmp_path / "kept.note")
    assert log.pinned_error
    assert checked(path).records == 4, "no record of a beginning that was none"
    monkeypatch.undo()
    log = with_log(path, work, pinned=tmp_path / "kept.note")
    assert log.pinned_error is None
    assert checked(path, pinned_path=tmp_path / "kept.note").pinned_records == 8


def test_a_second_place_that_is_no_folder_is_a_warning(path: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")

    async def work(log: Log) -> tuple[str | None, str | None]:
        await fill(log, 1)
        return log.pinned_warning, log.pinned_error

    warning, error = with_log(path, work, pinned=tmp_path / "file" / "kept.note")
    assert "cannot be read" in (warning or "")
    assert "cannot be pinned" in (error or "") or "is lost" in (error or "")
    assert checked(path).records == 2


@pytest.mark.parametrize("gone", [Path.unlink, lambda log: log.write_bytes(b"")])
@pytest.mark.parametrize("key", [True, False])
def test_a_log_that_is_gone_is_not_begun_again(
    path: Path, tmp_path: Path, gone: Callable[[Path], object], key: bool
) -> None:
    kept = tmp_path / "kept.note"
    with_log(path, lambda log: fill(log, 19), pinned=kept)
    verifier = verifier_of(path)
    gone(path)
    if not key:
        path.with_suffix(".key").unlink()
    there = sorted(path.parent.iterdir())
    with pytest.raises(LogTampered, match="proves 20 records"):
        with_log(path, lambda log: fill(log, 1), pinned=kept)
    assert sorted(path.parent.iterdir()) == there
    report = checked(path, pinned_path=kept, verifier=verifier)
    assert [f.check for f in report.findings] == ["pinned"]


def test_pinned_before_the_acknowledgement_nothing_lags(path: Path, tmp_path: Path) -> None:
    """What was acknowledged is pinned, so that a write-ahead log that is taken away after a kill is found out."""
    kept = tmp_path / "kept.note"

    async def work(log: Log) -> None:
        for n in range(20):
            (entry,) = await log.commit([read_record(log, n)])
            pinned = look(kept, log.verifier)
            assert not isinstance(pinned, NoCheckpoint)
            assert pinned.size == entry.seq + 1

    with_log(path, work, pinned=kept, pinned_write="sync")
