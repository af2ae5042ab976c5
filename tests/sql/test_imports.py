"""No command that works on the log imports SQLModel, SQLAlchemy or alembic: they cost more than its work."""

import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HEAVY = ("alembic", "sqlalchemy", "sqlmodel")
HOT = (
    "status",
    "act scale deploy/web --replicas 5 --yes",
    "act scale deploy/web --replicas 15 --yes",
    "pending",
    "undo 3 --yes",
    "audit tail",
    "audit show 3",
    "audit verify",
    "policy can-i scale deploy/web --as agent:tuner",
    "get deploy",
    "describe deploy/web",
)
DRIVER = f"""
import json, sys
from flyball.cli.main import main
def run(line):
    code = main([*line.split(), '--context', 'sandbox', '--state', sys.argv[1]])
    return code, [name for name in {HEAVY!r} if name in sys.modules]
told = {{line: run(line) for line in json.loads(sys.argv[2])}}
print('TOLD ' + json.dumps(told))
"""


def _told(state: Path, *lines: str) -> dict[str, tuple[int, list[str]]]:
    """Exit code of each command, run one after the other in one interpreter, and what was imported by then."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "FLYBALL_PINNED": str(state.parent / "pinned")}
    command = [sys.executable, "-c", DRIVER, str(state), json.dumps(lines)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert "\nTOLD " in done.stdout, done.stdout + done.stderr
    return {
        line: (code, names) for line, (code, names) in json.loads(done.stdout.split("\nTOLD ")[1]).items()
    }


def test_the_hot_commands_import_none_of_them(tmp_path: Path) -> None:
    told = _told(tmp_path / "state", *HOT)
    assert {line: names for line, (_, names) in told.items() if names} == {}
    assert {line: code for line, (code, _) in told.items() if code not in (0, 3, 4)} == {}


@pytest.mark.slow
def test_only_an_older_log_needs_alembic(tmp_path: Path) -> None:
    with tarfile.open(ROOT / "tests/audit/data/state-0.1.tar.gz") as archive:
        archive.extractall(tmp_path / "state", filter="data")
    (tmp_path / "state" / "sandbox" / "audit.key").chmod(0o600)
    told = _told(tmp_path / "state", "sandbox advance 1m")  # opens the log: what is due runs meanwhile
    assert list(told.values()) == [(0, ["alembic", "sqlalchemy"])]
    told = _told(tmp_path / "state", "act scale deploy/web --replicas 16 --yes")
    assert [names for _, names in told.values()] == [[]]
