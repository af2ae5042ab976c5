"""Evidence is read where nothing can be written, with the verifier key and nothing else.

| where it lies                              | left by      | it is read                   |
|--------------------------------------------|--------------|------------------------------|
| a folder and files that may not be written | a clean end  | as it is                     |
| the same                                   | kill -9      | with its write-ahead log     |
| the same, without the `-shm`               | kill -9      | with its write-ahead log     |
| a disk without room                        | either       | the same                     |
"""

import os
import resource
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from audit.errors import LogUnavailable
from audit.store import scan
from audit.store.read import Reader
from audit.verify import verify
from tests.audit.test_processes import drained, forked
from tests.audit.writing import counted
from tests.kit.log_attacks import execute
from tests.kit.logs import checked, verifier_of

NOBODY = 65_534
COUNT = 40


@pytest.fixture
def left(path: Path) -> Path:
    """A log of 41 records, of a process that ended well."""
    written(path, killed=False)
    return path


@pytest.fixture
def killed(path: Path) -> Path:
    """The same, of a process that was killed: its records are in the write-ahead log."""
    written(path, killed=True)
    assert path.with_name("audit.db-wal").stat().st_size > 0
    return path


def written(path: Path, *, killed: bool) -> None:
    import asyncio

    from audit.clock import SystemClock
    from audit.log import Log
    from tests.kit.logs import fill

    async def work() -> None:
        log = await Log.open(path, clock=SystemClock())
        await fill(log, COUNT)
        os.kill(os.getpid(), signal.SIGKILL)

    target = (
        (lambda _: asyncio.run(work())) if killed else (lambda _: asyncio.run(counted(path, None, COUNT)))
    )
    child, out = forked(target)
    drained(out)
    os.waitpid(child, 0)


@pytest.fixture
def nowhere(tmp_path: Path) -> Iterator[Path]:
    """A folder that its reader may not write; others may read what is in it."""
    folder = tmp_path / "evidence"
    folder.mkdir()
    yield folder
    folder.chmod(0o700)


def laid(log: Path, folder: Path, *suffixes: str) -> Path:
    """Copies of the log's files, read-only for everybody."""
    for suffix in ("", *suffixes):
        shutil.copy(log.with_name(f"audit.db{suffix}"), folder)
    for file in folder.iterdir():
        file.chmod(0o444)
    folder.chmod(0o555)
    return folder / "audit.db"


def as_somebody_else(path: Path, vkey: object) -> str:
    """What a process without a right to write here finds."""

    def work(into: int) -> None:
        if os.getuid() == 0:
            for parent in list(path.parents)[:-2]:
                os.chmod(parent, os.stat(parent).st_mode | 0o011)
            os.setgid(NOBODY)
            os.setuid(NOBODY)
        report = verify(path, vkey)  # type: ignore[arg-type]
        with Reader(path) as reader:
            found = reader.find(newest_first=True, limit=1)[0].seq
        os.write(into, f"{report.findings} {report.records} {found}".encode())

    child, out = forked(work)
    said = drained(out)
    assert os.waitpid(child, 0)[1] == 0
    return said


def test_a_log_that_was_closed(left: Path, nowhere: Path) -> None:
    assert as_somebody_else(laid(left, nowhere), verifier_of(left)) == "[] 41 40"


@pytest.mark.parametrize("suffixes", [("-wal",), ("-wal", "-shm")])
def test_a_log_of_a_killed_process(killed: Path, nowhere: Path, suffixes: tuple[str, ...]) -> None:
    assert as_somebody_else(laid(killed, nowhere, *suffixes), verifier_of(killed)) == "[] 41 40"
    assert not list(Path(os.environ.get("TMPDIR", "/tmp")).glob("flyball-evidence-*"))


def test_a_disk_without_room(left: Path) -> None:
    vkey = verifier_of(left)

    def work(into: int) -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
        said = [f"{report.findings} {report.records}" for report in (verify(left, vkey), verify(left, vkey))]
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
        os.write(into, " ".join(said).encode())

    child, out = forked(work)
    assert drained(out) == "[] 41 [] 41"
    assert os.waitpid(child, 0)[1] == 0


def test_temporary_files_without_room(killed: Path, nowhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The copy that the write-ahead log needs goes into memory then."""
    monkeypatch.setattr(tempfile, "tempdir", str(nowhere / "full"))
    assert as_somebody_else(laid(killed, nowhere, "-wal"), verifier_of(killed)) == "[] 41 40"


def test_what_is_read_unlocked_and_changes_meanwhile_is_no_evidence(
    left: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from audit.store import reading

    at = f"{left.as_uri()}?mode=ro&immutable=1"
    monkeypatch.setattr(reading, "_opened", lambda _: reading._touched(at, reading.Unlocked))
    assert checked(left).whole
    with pytest.raises(LogUnavailable, match="changed while it was read"), scan.snapshot(left):
        execute(left, "PRAGMA application_id = 7")


def test_where_nothing_may_be_read_it_says_so(left: Path) -> None:
    if os.getuid() == 0:
        pytest.skip("root reads everything")
    left.chmod(0)
    with pytest.raises(LogUnavailable) as caught:
        checked(left)
    assert "belong to you" in caught.value.hint
