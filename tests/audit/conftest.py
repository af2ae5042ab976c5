from pathlib import Path

import pytest

from audit.log import Log
from tests.kit.logs import act, fill, with_log


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a log may be made."""
    return tmp_path / "state" / "audit.db"


@pytest.fixture
def log_path(path: Path) -> Path:
    """A short log: four records and one action. Files that want another make their own."""

    async def work(log: Log) -> None:
        await fill(log, 4)
        await act(log)

    with_log(path, work)
    return path
