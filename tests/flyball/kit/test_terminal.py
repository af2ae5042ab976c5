"""What a terminal, a pipe and an interpreter see: imports, colour, width, encoding, closed pipes, interrupts."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from flyball.cli.app import COMMANDS
from flyball.cli.kit import output
from flyball.exits import Exit
from tests.kit.command_line import Flyball, Typist

ROOT = Path(__file__).parents[3]
HEAVY = (
    "langgraph",
    "langchain_core",
    "openai",
    "kubernetes",
    "alembic",
    "sqlmodel",
    "sqlalchemy",
    "pydantic",
    "casbin",
    "aiohttp",
)


def _run(home: Path, *words: str, **environment: str) -> "subprocess.CompletedProcess[bytes]":
    env = {**os.environ, "PYTHONPATH": str(ROOT), "HOME": str(home), **environment}
    return subprocess.run(
        [sys.executable, "-m", "flyball", *words], env=env, capture_output=True, check=False
    )


def test_help_imports_nothing_heavy(home: Path) -> None:
    code = (
        "import sys; from flyball.cli.main import main; main(sys.argv[1:]); "
        f"print('LOADED', [m for m in {HEAVY!r} if m in sys.modules])"
    )
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", code, "--help"], env=env, capture_output=True, text=True, check=False
    )
    assert "LOADED []" in done.stdout, done.stdout + done.stderr


@pytest.mark.parametrize("columns", ["60", "20", "200"])
def test_every_command_helps_at_any_width(
    flyball: Flyball, monkeypatch: pytest.MonkeyPatch, columns: str
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    for name in COMMANDS:
        done = flyball(f"{name} --help")
        assert done.code == Exit.DONE, done.err
        assert "Usage: flyball" in done.out, name


def test_the_first_word_of_an_answer_stands_within_60_columns(flyball: Flyball) -> None:
    for line, word in (
        ("act scale deploy/web --replicas 60 --yes", "denied"),
        ("act scale deploy/web --replicas 15 --yes", "needs approval"),
        ("act scale deploy/web --replicas 5 --yes", "done"),
        ("act scale deploy/web --replicas 6 --dry-run", "would"),
    ):
        first = flyball(line).out.splitlines()[0]
        assert first.startswith("sandbox/shop  ")
        assert word in first[:60]


@pytest.mark.parametrize(("name", "value"), [("NO_COLOR", "1"), ("NO_COLOR", ""), ("TERM", "dumb")])
def test_colour_is_left_out_where_it_is_not_wanted(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    screen = Typist()
    assert output.tone("denied", "bad", screen) == "\x1b[31mdenied\x1b[0m"
    monkeypatch.setenv(name, value)
    assert output.tone("denied", "bad", screen) == "denied"


def test_a_terminal_without_utf8_loses_nothing(home: Path) -> None:
    done = _run(home, "act", "scale", "deploy/web", "--replicas", "15", "--yes", PYTHONIOENCODING="ascii")
    assert done.returncode == Exit.WAITING, done.stderr
    assert done.stdout.isascii()
    assert b"flyball deny" in done.stdout


def test_words_that_are_no_text_are_a_mistake_of_the_caller(flyball: Flyball) -> None:
    bad = os.fsdecode(b"\xff\xfe")
    for words in (["--reason", bad], ["-n", bad], ["--request-id", bad]):
        done = flyball(["act", "scale", "deploy/web", "--replicas", "5", "--yes", *words])
        assert done.code == Exit.USAGE, done.err
        assert "fault in flyball" not in done.err


def test_a_closed_pipe_is_no_error(home: Path) -> None:
    env = {**os.environ, "PYTHONPATH": str(ROOT), "HOME": str(home)}
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [sys.executable, "-m", "flyball", "status"],
        env=env,
        stdout=write,
        stderr=subprocess.PIPE,
        check=False,
    )
    os.close(write)
    assert (done.returncode, done.stderr) == (Exit.DONE, b"")


WAITING = ("act", "scale", "deploy/web", "--replicas", "15", "--yes", "--wait", "10m")


@pytest.mark.parametrize(
    ("sent", "code"), [(signal.SIGINT, Exit.INTERRUPTED), (signal.SIGTERM, Exit.TERMINATED)]
)
def test_an_interrupt_with_nothing_in_flight(home: Path, sent: signal.Signals, code: Exit) -> None:
    env = {**os.environ, "PYTHONPATH": str(ROOT), "HOME": str(home)}
    with subprocess.Popen(
        [sys.executable, "-m", "flyball", *WAITING], env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stderr is not None
        assert b"waiting for an approval" in process.stderr.readline()
        process.send_signal(sent)
        _, err = process.communicate(timeout=30)
    assert process.returncode == code, err
    assert b"Traceback" not in err
    assert b"error" not in err


def test_an_interrupt_while_something_is_in_doubt_says_so(
    flyball: Flyball, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second Ctrl-C tears down the write that the first one waited for: the code must not be 130."""
    from audit.record import Actor
    from policies.types import Claim
    from tools.path.executor import Executor

    async def torn(self: Executor, *_: object, **__: object) -> None:
        log = self._c.log
        record = log.draft("annotation", actor=Actor(type="system", id="test"))
        await log.commit((record,), (Claim("once", "busy/sandbox/shop/deployment/web"),))
        raise KeyboardInterrupt

    monkeypatch.setattr(Executor, "execute", torn)
    done = flyball("act scale deploy/web --replicas 5 --yes -o json")
    assert done.code == Exit.IN_DOUBT
    assert "do not repeat" in done.err
    assert done.document["exit_code"] == Exit.IN_DOUBT


HOSTILE = "a\x1b[31mb\x07\r\nc\u202ed\u200be\u2066f\x9bg\x00h\ud800i\u2028j\ufeffk"


def test_what_is_shown_holds_no_character_that_moves_or_hides() -> None:
    shown = output.safe(HOSTILE)
    assert shown.isprintable()
    assert [c for c in shown if not c.isascii()] == []
    assert shown.replace("\\", "").startswith("ax1b[31mb")
    for line in output.table(("A", "B"), [(HOSTILE, None)]):
        assert line.isprintable()
