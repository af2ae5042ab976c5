"""What every test runs under.

`real` tests run with `--real` or FLYBALL_REAL=1, and then a skipped one fails the run (unless
USE_EXISTING_CLUSTER=true: a cluster that is not ours cannot be frozen). `slow` tests run with `--all`.
"""

import os
import shutil
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from flyball import place
from tests.kit import effort, worlds, yaml
from tests.real import existing
from tests.real.fixtures import control_plane, kube, prometheus

__all__ = ["control_plane", "kube", "prometheus"]

_REAL = "needs the real control plane: run with --real or FLYBALL_REAL=1"
_SLOW = "takes long: run it with ./dev test --all"
_MEMORY = Path("/dev/shm")
_ROOM = 512 << 20
"""Bytes that must be free there; the quick run takes up 21 MB at most, for what passed is removed at once."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--real", action="store_true", help="build and start a real Kubernetes control plane")
    parser.addoption(
        "--all", action="store_true", help="the slow tests as well, with more examples and rounds"
    )


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--all"):
        os.environ[effort.ALL] = "1"
    effort.load_profile()
    if "PYTEST_DEBUG_TEMPROOT" not in os.environ and _has_room(_MEMORY):
        # Thousands of small databases sync each commit: what a disk takes for that is most of the waiting.
        os.environ["PYTEST_DEBUG_TEMPROOT"] = str(_MEMORY)


@pytest.fixture(scope="session", autouse=True)
def _no_file_of_a_person(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Settings, state, pinned checkpoints and stop files of whoever runs the tests are neither read nor written."""
    for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME"):
        os.environ[name] = str(tmp_path_factory.mktemp(name.lower()))
    place.MEMORY = tmp_path_factory.mktemp("memory")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """The real tests share one control plane: they go to one worker, but for those of a group of their own, and begin
    first, for they take longest."""
    for item in items:
        if item.get_closest_marker("real"):
            if not _wanted(config):
                item.add_marker(pytest.mark.skip(reason=_REAL))
            elif not item.get_closest_marker("xdist_group"):
                item.add_marker(pytest.mark.xdist_group("real"))
        elif item.get_closest_marker("slow") and not effort.everything():
            item.add_marker(pytest.mark.skip(reason=_SLOW))
    items.sort(key=lambda item: item.get_closest_marker("real") is None)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Where the real cluster was asked for, a skip is a failure: CI must never pass by not looking."""
    report = yield
    asked = _wanted(item.config) and not existing.wanted()
    if asked and report.skipped and item.get_closest_marker("real") and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid}: a real test was skipped in a --real run: {report.longrepr}"
    return report


@pytest.fixture(scope="session", autouse=True)
def _made_once() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        yaml.remember(patch)
        worlds.remember(patch)
        yield


def _wanted(config: pytest.Config) -> bool:
    return bool(config.getoption("--real")) or os.environ.get("FLYBALL_REAL", "") not in ("", "0")


def _has_room(folder: Path) -> bool:
    return os.access(folder, os.W_OK | os.X_OK) and shutil.disk_usage(folder).free > _ROOM
