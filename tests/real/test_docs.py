"""The rights that docs/kubernetes.md asks for are enough to read and to scale, and for nothing more."""

import re
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from tests.contract.harness import Hand, at_rest
from tests.contract.real import RealUnderTest
from tests.real.cluster import Namespace
from tests.real.test_writing import acting, web
from tools.cluster_types import Patch, Restraints, Workload
from tools.errors import NeverHappened

pytestmark = pytest.mark.real
_PAGE = Path(__file__).parents[2] / "docs" / "kubernetes.md"


def test_the_documented_role_suffices(kube: Namespace) -> None:
    block = re.search(r"```yaml\n(.*?)```", _PAGE.read_text(), re.DOTALL)
    assert block is not None
    role = YAML(typ="safe", pure=True).load(block[1])
    kube.workload("web")
    kube.settled("web")

    async def use(c: RealUnderTest) -> Workload:
        await c.reader.list_workloads(kube.name)
        await c.reader.root_owner(web(kube))
        await c.usage.usage(web(kube))
        assert await c.reader.restraints(web(kube)) == Restraints((), ())
        after = await Hand(c).scale(web(kube), 3, seen=await at_rest(c, web(kube)))
        with pytest.raises(NeverHappened):
            await Hand(c).write(web(kube), Patch("", {"spec": {"paused": True}}))
        return after

    assert acting(kube, use, kube.user("flyball", *role["rules"])).replicas == 3
