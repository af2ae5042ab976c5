"""Fixtures of a governed installation on a simulated world."""

import shutil
from pathlib import Path

import pytest

from tests.kit.crash_rig import new_world


@pytest.fixture(scope="session")
def made_world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Made once a run; each test works on a copy."""
    folder = tmp_path_factory.mktemp("made") / "state"
    new_world(folder)
    return folder


@pytest.fixture
def folder(made_world: Path, tmp_path: Path) -> Path:
    """The state folder of an installation of this test's own."""
    return Path(shutil.copytree(made_world, tmp_path / "state"))
