"""Each case of the contract runs on the simulated cluster and, marked `real`, on a real kube-apiserver."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.harness import Harness
from tests.contract.simulated import SimulatedHarness


@pytest.fixture(params=["simulated", pytest.param("real", marks=pytest.mark.real)])
def harness(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Harness]:
    """The cluster under test; `kube` (tests/conftest.py) is asked for only where it is wanted."""
    if request.param == "simulated":
        yield SimulatedHarness(tmp_path)
        return
    from tests.contract.real import RealHarness

    yield RealHarness(request.getfixturevalue("kube"))
