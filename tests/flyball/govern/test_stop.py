"""`flyball stop` stops a running process whatever is broken: the pinned checkpoint, the log, the disk, a lock."""

import asyncio
import fcntl
import json
import os
import resource
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from audit.errors import LogTampered
from audit.keys import KeySigner, signed
from audit.note import Checkpoint
from flyball.exits import Exit
from tests.kit.installation import App, ask, replicas, scale, within

Done = subprocess.CompletedProcess[str]
SOON_S = 20.0
"""Far above what every wait of `stop` adds up to, far below for ever."""


@pytest.fixture
def stop(tmp_path: Path) -> Iterator[Callable[..., Done]]:
    """The command in a process of its own, over the installation of `within(tmp_path, …)`."""
    made: list[Path] = []

    def run(*words: str | bytes, before: Callable[[], None] | None = None) -> Done:
        names = {"state": tmp_path / "state", "pinned": tmp_path / "pinned", "context": "sandbox"}
        env = os.environ | {f"FLYBALL_{name.upper()}": str(value) for name, value in names.items()}
        command = [sys.executable, "-m", "flyball", *(words or ("stop", "--reason", "paging storm"))]
        done = subprocess.run(
            command, env=env, preexec_fn=before, capture_output=True, text=True, timeout=60, check=False
        )
        made.extend(Path(line.split()[-1]) for line in done.stdout.splitlines() if "stop file" in line)
        return done

    yield run
    for path in made:
        path.unlink(missing_ok=True)


def _no_room() -> None:
    """Every write to a file fails, as on a full disk; an empty file can be made."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


def _pinned(folder: Path) -> Path:
    (found,) = (p for p in (folder / "pinned").glob("sandbox-*") if not p.suffix)
    return found


async def _goes_on(app: App, number: int = 5) -> None:
    assert (await ask(app, "scale", scale(number))).status == "applied"


async def _is_stopped(app: App) -> None:
    before = await replicas(app)
    assert (await ask(app, "scale", scale(before + 1))).status == "refused"
    assert await replicas(app) == before


def test_on_a_full_disk(tmp_path: Path, stop: Callable[..., Done]) -> None:
    async def run(app: App) -> None:
        await _goes_on(app)
        done = await asyncio.to_thread(stop, before=_no_room)
        assert (done.returncode, "not recorded" in done.stdout) == (Exit.DONE, True), done.stderr
        assert "the log did not take it" in done.stderr
        await _is_stopped(app)

    within(tmp_path, run)


def test_while_another_process_holds_the_log(tmp_path: Path, stop: Callable[..., Done]) -> None:
    async def run(app: App) -> None:
        await _goes_on(app)
        with sqlite3.connect(app.place.log, isolation_level=None) as held:
            held.execute("BEGIN IMMEDIATE")
            done = await asyncio.to_thread(stop)
            held.execute("ROLLBACK")
        held.close()
        assert (done.returncode, "database is locked" in done.stderr) == (Exit.DONE, True), done.stderr
        await _is_stopped(app)

    within(tmp_path, run)


def test_where_the_state_folder_cannot_be_used(tmp_path: Path, stop: Callable[..., Done]) -> None:
    """It was moved away under a running process, and something else is in its place."""

    async def run(app: App) -> None:
        await _goes_on(app)
        app.place.folder.parent.rename(tmp_path / "moved")
        (tmp_path / "state").touch()
        done = await asyncio.to_thread(stop)
        (tmp_path / "state").unlink()
        (tmp_path / "moved").rename(tmp_path / "state")
        assert (done.returncode, "not recorded" in done.stdout) == (Exit.DONE, True), done.stderr
        await _is_stopped(app)

    within(tmp_path, run)


@pytest.mark.parametrize("text", [b"", b"garbage", b"\xff\xfe", None])
def test_a_pinned_checkpoint_that_is_lost_or_garbled(
    tmp_path: Path, stop: Callable[..., Done], text: bytes | None
) -> None:
    async def run(app: App) -> None:
        await _goes_on(app)
        if text is None:
            _pinned(tmp_path).unlink()
        else:
            _pinned(tmp_path).write_bytes(text)
        done = await asyncio.to_thread(stop)
        assert (done.returncode, "record" in done.stdout) == (Exit.DONE, True), done.stderr
        assert "no pinned checkpoint proves" in done.stderr
        await _is_stopped(app)

    within(tmp_path, run)


def test_a_pinned_checkpoint_that_contradicts_the_log(tmp_path: Path, stop: Callable[..., Done]) -> None:
    """No new process acts on such a log; one that runs is stopped all the same."""

    async def run(app: App) -> None:
        await _goes_on(app)
        stranger = KeySigner.generate()
        other = signed(Checkpoint(stranger.verifier.name, 7, b"\x07" * 32), stranger)
        _pinned(tmp_path).write_text(other)
        done = await asyncio.to_thread(stop)
        assert (done.returncode, "of another log" in done.stderr) == (Exit.DONE, True), done.stderr
        await _is_stopped(app)
        refused = await asyncio.to_thread(stop, "resume")
        assert (refused.returncode, "of another log" in refused.stderr) == (Exit.TAMPERED, True)
        await _is_stopped(app)

    with suppress(LogTampered):
        within(tmp_path, run)


@pytest.mark.parametrize("gone", [Path.unlink, lambda log: log.write_bytes(b"")])
def test_a_log_that_is_gone(
    tmp_path: Path, stop: Callable[..., Done], gone: Callable[[Path], object]
) -> None:
    within(tmp_path, _goes_on)
    gone(tmp_path / "state" / "sandbox" / "audit.db")
    done = stop()
    assert (done.returncode, "not recorded" in done.stdout) == (Exit.DONE, True), done.stderr
    assert "its pinned checkpoint proves" in done.stderr
    assert stop("status").returncode == Exit.TAMPERED


@pytest.mark.slow
def test_a_lock_on_the_pinned_checkpoint_holds_nothing_up(tmp_path: Path, stop: Callable[..., Done]) -> None:
    within(tmp_path, _goes_on)
    lock = _pinned(tmp_path).with_name(f"{_pinned(tmp_path).name}.lock")
    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        began = time.monotonic()
        stopped = stop()
        assert (stopped.returncode, "record" in stopped.stdout) == (Exit.DONE, True), stopped.stderr
        assert "held its lock" in stopped.stderr
        assert stop("resume").returncode == Exit.DONE
        acted = stop("act", "scale", "deploy/web", "--replicas", "6", "--yes")
        assert (acted.returncode, "held its lock" in acted.stderr) == (Exit.DONE, True)
        assert time.monotonic() - began < SOON_S


@pytest.mark.parametrize("reason", ["a" * 5000, b"storm \xff\xfe"])
def test_whatever_the_reason_is(stop: Callable[..., Done], reason: str | bytes) -> None:
    done = stop("stop", "--reason", reason)
    assert (done.returncode, "record" in done.stdout) == (Exit.DONE, True), done.stderr
    again = stop("stop", "--reason", "and more", "-o", "json")
    found: dict[str, Any] = json.loads(again.stdout)
    assert (found["state"], found["changed"]) == ("stopped", False)
    assert found["record"] is not None


@pytest.mark.parametrize("text", ["", "not JSON", '{"at": "0001-01-01T00:00:00+14:00", "by": 7}'])
def test_a_stop_file_by_hand_is_shown_whatever_is_in_it(
    tmp_path: Path, stop: Callable[..., Done], text: str
) -> None:
    assert stop("status").returncode == Exit.DONE
    (tmp_path / "state" / "sandbox" / "stop").write_text(text)
    shown = stop("status")
    assert (shown.returncode, "at an unknown time" in shown.stdout) == (Exit.DONE, True), shown.stderr


def test_the_name_of_a_stop_file_commands_no_terminal(tmp_path: Path, stop: Callable[..., Done]) -> None:
    assert stop("status").returncode == Exit.DONE
    (tmp_path / "state" / "sandbox" / "stop-agent%3A%1B%5B2J").touch()
    for shown in (stop("status"), stop("stop")):
        assert ("agent:" in shown.stdout, "\x1b" in shown.stdout) == (True, False), shown.stdout


def test_a_stop_by_file_is_shown_and_lifted(tmp_path: Path, stop: Callable[..., Done]) -> None:
    within(tmp_path, _goes_on)
    stop("stop", "--reason", "disk", before=_no_room)
    state = tmp_path / "state" / "sandbox" / "stop"
    assert state.exists()
    shown = stop("status")
    assert (f"stop file {state}" in shown.stdout, "stopped: all" in shown.stdout) == (True, True)
    assert stop("resume").returncode == Exit.DONE
    assert not state.exists()
    within(tmp_path, lambda app: _goes_on(app, 6))


def test_where_nothing_takes_it_the_exit_code_says_so(
    tmp_path: Path, stop: Callable[..., Done], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("state", "pinned"):
        (tmp_path / name).touch()
    code = "from pathlib import Path; from flyball import place; place.MEMORY = Path({!r}); " + (
        "from flyball.cli.main import main; raise SystemExit(main(['stop']))"
    )
    (tmp_path / f"flyball-{os.geteuid()}").touch()
    env = os.environ | {f"FLYBALL_{n.upper()}": str(tmp_path / n) for n in ("state", "pinned")}
    command = [sys.executable, "-c", code.format(str(tmp_path))]
    done = subprocess.run(
        command, env=env | {"FLYBALL_CONTEXT": "sandbox"}, capture_output=True, text=True, check=False
    )
    assert (done.returncode, "NOT stopped" in done.stderr) == (Exit.UNAVAILABLE, True)
