"""`act … --wait`: until the cluster has carried it out, with a typed end and its exit code."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from flyball.cli.kit import render, result_json
from flyball.exits import Exit
from flyball.settings import load
from flyball.wiring import open_app
from tests.kit.command_line import Flyball
from tools.path.outcome import Applied
from tools.path.rollout_watcher import Settled

ROOT = Path(__file__).parents[3]


def ended(state: str) -> Settled:
    return Settled(state, 1, 4, "pod web-0: no room", 2_000, 17)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("state", "code"),
    [
        ("applied", Exit.DONE),
        ("deferred", Exit.FAILED),
        ("infeasible", Exit.FAILED),
        ("error", Exit.FAILED),
        ("superseded", Exit.FAILED),
        ("timeout", Exit.FAILED),
    ],
)
def test_whatever_is_not_as_it_was_asked_for_is_no_success(flyball: Flyball, state: str, code: Exit) -> None:
    result = _applied()
    assert result_json.code(result, ended(state)) == code
    assert result_json.code(result) == Exit.DONE, "nobody waited"
    found = result_json.document(result, ended(state))
    assert found["exit_code"] == code
    assert found["settled"]["state"] == state
    assert render.settled_line(ended(state)).startswith(f"  settled: {state}")


def test_what_was_done_in_part_is_no_success(flyball: Flyball) -> None:
    from dataclasses import replace

    half = replace(_applied(), partial="2 pods were not written: conflict")
    assert result_json.code(half) == Exit.FAILED
    assert "  in part  " in render.lines(half)[0]
    assert result_json.document(half)["status"] == "in_part"
    assert "not done: 2 pods" in render.lines(half)[1]


def _applied() -> Applied:
    async def act() -> Applied:
        async with open_app(load({"context": "sandbox"})) as app:
            from tests.kit.installation import proposed

            result = await app.executor.execute(proposed(app, 5))
            assert isinstance(result, Applied)
            return result

    return asyncio.run(act())


def test_a_change_that_is_so_already_is_not_waited_for(flyball: Flyball) -> None:
    done = flyball("act scale deploy/web --replicas 4 --yes --wait -o json")
    assert done.code == Exit.DONE
    assert "settled" not in done.document


def test_waiting_that_ends_in_time_says_applied(flyball: Flyball) -> None:
    """Fewer pods are there at once: nothing has to start."""
    done = flyball("act scale deploy/web --replicas 3 --yes --wait 2s")
    assert done.code == Exit.DONE, done.out + done.err
    assert "settled: applied   3 of 3 ready" in done.out
    assert "undo: flyball undo" in done.out


def test_a_world_that_stands_still_times_out_and_the_change_stays(flyball: Flyball) -> None:
    done = flyball("act scale deploy/web --replicas 6 --yes --wait 1s -o json")
    assert done.code == Exit.FAILED, done.err
    assert done.document["status"] == "applied"
    assert done.document["settled"]["state"] == "timeout"
    assert "settling" in done.err
    assert flyball("get deploy/web -o json").document["replicas"] == 6


def test_a_refused_change_is_not_waited_for(flyball: Flyball) -> None:
    assert flyball("act scale deploy/web --replicas 60 --yes --wait").code == Exit.REFUSED


@pytest.mark.parametrize(
    ("words", "said", "undo"),
    [
        ("act scale deploy/web --replicas 6", "done  scale deployment/web 4 -> 6", True),
        ("act restart deploy/web", "done  restart deployment/web", False),
    ],
)
def test_ctrl_c_ends_the_waiting_and_not_the_change(home: Path, words: str, said: str, undo: bool) -> None:
    """An undo is suggested only where there is one."""
    env = {**os.environ, "PYTHONPATH": str(ROOT), "HOME": str(home)}
    line = [sys.executable, "-m", "flyball", *words.split(), "--yes", "--wait", "10m"]
    with subprocess.Popen(
        line, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        assert any("settling" in text for text in iter(process.stderr.readline, ""))
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert process.returncode == Exit.INTERRUPTED, err
    assert said in out
    assert "the change is applied and stays" in err
    assert "interrupted" not in err, "one word is enough"
    assert ("undo: flyball undo" in err) is undo
    assert "Traceback" not in err


def test_ctrl_c_while_waiting_still_prints_the_one_document(home: Path) -> None:
    """What was done, not that the waiting ended."""
    env = {**os.environ, "PYTHONPATH": str(ROOT), "HOME": str(home)}
    words = ["act", "scale", "deploy/web", "--replicas", "6", "--yes", "--wait", "10m", "-o", "json"]
    with subprocess.Popen(
        [sys.executable, "-m", "flyball", *words],
        env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        try:
            assert process.stderr is not None
            assert any("settling" in text for text in iter(process.stderr.readline, ""))
        finally:
            process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert process.returncode == Exit.INTERRUPTED, err
    assert json.loads(out)["status"] == "applied"


def test_a_terminal_sees_one_line_that_is_written_over(
    flyball: Flyball, monkeypatch: pytest.MonkeyPatch
) -> None:
    from flyball.cli.kit import output
    from tests.kit.command_line import Typist

    screen = Typist()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "30")
    assert output.transient("settling " + "x" * 80)
    assert screen.getvalue().startswith("\r\x1b[K")
    assert len(screen.getvalue().removeprefix("\r\x1b[K")) < 30
    monkeypatch.setenv("TERM", "dumb")
    assert not output.transient("settling")
