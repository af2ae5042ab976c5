"""What `--real` and `--all` and their absence do to a run; on a small suite of its own."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.kit.forked import forked

ROOT = Path(__file__).parents[2]
SUITE = """
import pytest

@pytest.mark.real
def test_real():
    {body}

@pytest.mark.slow
def test_slow():
    pass

def test_other():
    pytest.skip("not today")
"""
CONFTEST = """
from tests.conftest import (
    pytest_addoption, pytest_collection_modifyitems, pytest_configure, pytest_runtest_makereport
)
"""


@pytest.mark.parametrize(
    ("options", "environ", "body", "exit_code", "said"),
    [
        ([], {}, "assert False", 0, "needs the real control plane|run it with ./dev test --all"),
        (["--all"], {}, "assert False", 0, "1 passed, 2 skipped"),
        (["--real"], {}, "pass", 0, "1 passed, 2 skipped"),
        (
            ["--real", "-n2", "--dist=loadgroup"],
            {},
            "pytest.skip('no cluster')",
            1,
            "a real test was skipped",
        ),
        (["--real"], {}, "pytest.skip('no cluster')", 1, "a real test was skipped"),
        ([], {"FLYBALL_REAL": "1"}, "pytest.skip('no cluster')", 1, "a real test was skipped"),
        ([], {"FLYBALL_REAL": "0"}, "assert False", 0, "needs the real control plane"),
        (["--real"], {"USE_EXISTING_CLUSTER": "true"}, "pytest.skip('not ours')", 0, "3 skipped"),
    ],
)
def test_a_run(
    options: list[str], environ: dict[str, str], body: str, exit_code: int, said: str, tmp_path: Path
) -> None:
    (tmp_path / "conftest.py").write_text(CONFTEST)
    (tmp_path / "test_suite.py").write_text(SUITE.format(body=body))
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers = real\n  slow\n")
    clean = {
        name: value
        for name, value in os.environ.items()
        if name not in ("FLYBALL_REAL", "FLYBALL_TEST_ALL", "USE_EXISTING_CLUSTER")
    }
    words = ["-rs", "-p", "no:cacheprovider", *options, str(tmp_path)]
    environ = clean | environ | {"PYTHONPATH": str(ROOT)}
    run = _new(words, environ, tmp_path) if "-n2" in options else forked(_pytest(words), environ, tmp_path)
    assert run.returncode == exit_code, run.stdout
    assert all(part in run.stdout for part in said.split("|")), run.stdout


def _pytest(words: list[str]) -> Callable[[], int]:
    """A run in a child of this process: it begins with a root folder and plugins of its own."""
    return lambda: int(pytest.main([*words, "--rootdir", words[-1]]))


def _new(words: list[str], environ: dict[str, str], cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", *words]
    return subprocess.run(command, env=environ, cwd=cwd, capture_output=True, text=True)
