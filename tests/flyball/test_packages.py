"""A stray PYTHONPATH must not put another `tools` before ours."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def test_a_package_from_elsewhere_is_refused(tmp_path: Path) -> None:
    (tmp_path / "tools").mkdir()
    (tmp_path / "tools" / "__init__.py").write_text("")
    environ = {**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}", "HOME": str(tmp_path)}
    ran = subprocess.run(
        [sys.executable, "-m", "flyball", "config", "show"],
        env=environ,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 2, ran
    assert f"`tools` would come from {tmp_path}" in ran.stderr


@pytest.mark.parametrize("module", ["typer", "flyball"])
def test_28_nothing_of_the_folder_one_stands_in_is_run(tmp_path: Path, module: str) -> None:
    """A cloned repository may hold a module of any name."""
    (tmp_path / f"{module}.py").write_text("raise SystemExit('run from the working folder')\n")
    ran = subprocess.run(
        [ROOT / "dev", "run", "--help"],
        env={**os.environ, "HOME": str(tmp_path)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 0, ran
    assert "Usage: flyball" in ran.stdout
