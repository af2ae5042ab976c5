"""The cache of built binaries; nothing is built here."""

import fcntl
import multiprocessing
from pathlib import Path

import pytest

from tests.real import assets, modules


def test_a_bundle_that_is_there_waits_for_nobodys_build(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody builds Prometheus for minutes: who needs the control plane alone goes on."""
    monkeypatch.setattr(assets, "cache", lambda: tmp_path)
    there = tmp_path / modules.CONTROL_PLANE.name
    there.mkdir()
    with (tmp_path / ".lock").open("w") as building:
        fcntl.flock(building, fcntl.LOCK_EX)
        asking = multiprocessing.get_context("fork").Process(
            target=assets.build, args=(modules.CONTROL_PLANE,), daemon=True
        )
        asking.start()
        asking.join(10)
        waits = asking.is_alive()
        asking.kill()
        asking.join()
    assert not waits
    assert assets.build(modules.CONTROL_PLANE) == there
