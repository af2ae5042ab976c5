"""The `real` tests: they run with `--real` or FLYBALL_REAL=1, and then a skipped one fails the run
(unless USE_EXISTING_CLUSTER=true: a cluster that is not ours cannot be frozen)."""

import os
from collections.abc import Generator

import pytest

from tests.real import existing
from tests.real.fixtures import control_plane, kube, prometheus

__all__ = ["control_plane", "kube", "prometheus"]

_REASON = "needs the real control plane: run with --real or FLYBALL_REAL=1"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--real", action="store_true", help="build and start a real Kubernetes control plane")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not _wanted(config):
        for item in items:
            if item.get_closest_marker("real"):
                item.add_marker(pytest.mark.skip(reason=_REASON))


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


def _wanted(config: pytest.Config) -> bool:
    return bool(config.getoption("--real")) or os.environ.get("FLYBALL_REAL", "") not in ("", "0")
