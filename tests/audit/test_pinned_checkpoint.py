"""The pinned checkpoint: forward only, atomically, by whichever process is ahead, and never over a contradiction."""

import errno
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from audit import pinned_checkpoint as kept
from audit.errors import LogTampered, LogUnavailable
from audit.keys import KeySigner, signed
from audit.log import Log
from audit.note import Checkpoint, opened
from audit.pinned_checkpoint import contradiction, keep, read
from audit.tree import Tree, leaf_hash
from tests.kit.logs import checked, fill, with_log

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


def kept_size(path: Path) -> int:
    return opened(read(path) or "", SIGNER.verifier).size


def test_it_moves_forward_and_never_back(tmp_path: Path) -> None:
    path = tmp_path / "second" / "kept.note"
    for size, after in ((3, 3), (7, 7), (5, 7), (7, 7), (9, 9)):
        keep(path, note(size), SIGNER.verifier, ROOTS.__getitem__)
        assert kept_size(path) == after
    assert sorted(p.name for p in path.parent.iterdir()) == ["kept.note", "kept.note.lock"]
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_head_that_contradicts_it_is_refused_and_it_stays(tmp_path: Path) -> None:
    path, other = tmp_path / "kept.note", roots(50, "forged")
    keep(path, note(7), SIGNER.verifier, ROOTS.__getitem__)
    for size in (7, 8, 50):
        with pytest.raises(LogTampered, match="history was rewritten"):
            keep(path, note(size, other[size]), SIGNER.verifier, other.__getitem__)
    assert kept_size(path) == 7


def test_a_note_that_is_not_the_logs_is_refused(tmp_path: Path) -> None:
    stranger = KeySigner.generate()
    foreign = signed(Checkpoint(stranger.verifier.name, 7, ROOTS[7]), stranger)
    with pytest.raises(LogTampered):
        keep(tmp_path / "kept.note", foreign, SIGNER.verifier, ROOTS.__getitem__)
    (tmp_path / "kept.note").write_text(foreign)
    with pytest.raises(LogTampered):
        keep(tmp_path / "kept.note", note(8), SIGNER.verifier, ROOTS.__getitem__)


def test_many_at_once_leave_the_newest(tmp_path: Path) -> None:
    path = tmp_path / "kept.note"
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: keep(path, note(n), SIGNER.verifier, ROOTS.__getitem__), range(1, 50)))
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
    assert checked(path, pinned_path=kept).pinned_records == 6
    with_log(path, lambda log: fill(log, 1), pinned=kept)
    assert checked(path, pinned_path=kept).pinned_records == 307


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(LogUnavailable):
        keep(tmp_path / "kept.note", note(1), SIGNER.verifier, ROOTS.__getitem__)


def test_a_second_place_that_fails_is_said_and_holds_nothing_up(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    async def work(log: Log) -> Log:
        await fill(log, 3)
        return log

    monkeypatch.setattr(kept, "_replace", full)
    log = with_log(path, work, pinned=tmp_path / "kept.note")
    assert "cannot be pinned: No space left" in (log.pinned_error or "")
    assert checked(path).records == 4
    monkeypatch.undo()
    log = with_log(path, work, pinned=tmp_path / "kept.note")
    assert log.pinned_error is None
    assert checked(path, pinned_path=tmp_path / "kept.note").pinned_records == 7


def test_a_second_place_that_cannot_be_read_is_refused_at_once(path: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(LogUnavailable, match="cannot be read"):
        with_log(path, lambda log: fill(log, 1), pinned=tmp_path / "file" / "kept.note")
