"""The run of everything: what fails fails it, a failed build at once, and no process is left."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.ci import main

GOOD, BAD = ("sh", "-c", "echo fine"), ("sh", "-c", "echo broken; exit 3")
TESTS = ("sh", "-c", "echo '1 passed in 0.1s'", "test")


def test_it_closes_with_what_the_tests_said(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(GOOD, [GOOD, TESTS], [TESTS]) == 0
    assert capfd.readouterr().out.splitlines()[-1] == "1 passed in 0.1s"


@pytest.mark.parametrize(("beside", "real"), [([BAD, GOOD], [GOOD]), ([GOOD], [BAD])])
def test_a_part_that_fails_fails_it_and_the_others_run(
    beside: list[tuple[str, ...]], real: list[tuple[str, ...]], capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(GOOD, beside, real) == 1
    said = capfd.readouterr().out
    assert said.count("\nfine\n") == len(beside + real) - 1
    assert "failed: sh -c echo broken; exit 3 (exit code 3)" in said


def test_a_failed_build_ends_it_at_once_with_its_log(capfd: pytest.CaptureFixture[str]) -> None:
    begun = time.monotonic()
    assert main(BAD, [("sleep", "300")], [GOOD]) == 1
    assert time.monotonic() - begun < 60
    said = capfd.readouterr().out
    assert "broken" in said
    assert "fine" not in said


def test_what_a_part_left_behind_is_ended(tmp_path: Path) -> None:
    left = tmp_path / "left"
    command = ("sh", "-c", f"sleep 300 & echo $! > {left}")
    assert main(GOOD, [command], []) == 0
    found = subprocess.run(
        ["ps", "-o", "stat=", "-p", left.read_text()], capture_output=True, text=True, check=False
    )
    assert found.stdout.strip() in ("", "Z", "Z+")


def test_an_end_from_outside_leaves_nothing(tmp_path: Path) -> None:
    left = tmp_path / "left"
    code = (
        "from tests.ci import end_in_order, main; end_in_order();"
        f"main(['sleep', '301'], [['sh', '-c', 'echo $$ > {left}; exec sleep 302']], [])"
    )
    running = subprocess.Popen([sys.executable, "-c", code], cwd=Path(__file__).parents[1])
    while not (left.exists() and left.read_text().strip()):
        time.sleep(0.05)
    running.terminate()
    assert running.wait() == 143
    found = subprocess.run(["ps", "-p", left.read_text()], capture_output=True, check=False)
    assert found.returncode == 1
