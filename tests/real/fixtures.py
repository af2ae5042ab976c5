"""Fixtures of the real control plane: one a test run, one namespace a test."""

import itertools
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.real import assets, existing, modules
from tests.real.cluster import Namespace
from tests.real.controlplane import ControlPlane
from tests.real.monitoring import Prometheus

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def control_plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """The control plane of this run. Only tests marked `real` may ask for it."""
    if existing.wanted():
        plane: ControlPlane = existing.ExistingPlane()
    else:
        plane = ControlPlane(tmp_path_factory.mktemp("real") / "plane", assets.locate()).start()
    try:
        yield plane
    finally:
        plane.stop()


@pytest.fixture(scope="session")
def prometheus(control_plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """A Prometheus of this run, which scrapes kube-state-metrics and what the pods export."""
    binaries = assets.locate(modules.STATE_METRICS) | assets.locate(modules.METRICS_STORE)
    beside = Prometheus(control_plane, tmp_path_factory.mktemp("prometheus") / "beside", binaries)
    try:
        yield beside.launch()
    finally:
        beside.close()


@pytest.fixture
def kube(control_plane: ControlPlane, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Namespace]:
    """A namespace of this test's own."""
    assert request.node.get_closest_marker("real"), "a test that asks for `kube` is marked `real`"
    words = re.sub("[^a-z0-9]+", "-", request.node.name.lower()).strip("-")[:40].strip("-")
    namespace = Namespace(control_plane, f"{words}-{os.getpid()}-{next(_numbers)}", tmp_path)
    yield namespace
    namespace.remove()
