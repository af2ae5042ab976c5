"""The rights that docs/kubernetes.md asks for are enough to read and to scale, and for nothing more."""

import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import pytest
from ruamel.yaml import YAML

from tests.contract.harness import Hand, at_rest
from tests.contract.real import RealUnderTest
from tests.real.cluster import RBAC, Namespace, eventually, rule
from tests.real.test_writing import acting, web
from tools.cluster_types import ClusterIdentity, Patch, Restraints, Workload
from tools.errors import NeverHappened

pytestmark = pytest.mark.real
T = TypeVar("T")
_PAGE = Path(__file__).parents[2] / "docs" / "kubernetes.md"


def test_the_documented_right_to_know_the_cluster_suffices(kube: Namespace) -> None:
    """Without it the hint names it; the manifest gives it, and nothing else in kube-system."""

    async def identity(c: RealUnderTest) -> ClusterIdentity:
        with pytest.raises(NeverHappened):
            await c.reader.list_workloads("kube-system")
        return await c.reader.identity()

    config = kube.user("flyball", rule("get", "deployments"))
    with pytest.raises(NeverHappened) as error:
        acting(kube, identity, config)
    assert 'Role in namespace kube-system with apiGroups: [""], resources: ["namespaces"]' in error.value.hint
    found = list(YAML(typ="safe", pure=True).load_all(_blocks()[1]))
    found[1]["subjects"][0]["namespace"] = kube.name
    paths = [f"{RBAC}/namespaces/kube-system/{one['kind'].lower()}s" for one in found]
    for path, one in zip(paths, found, strict=True):
        kube.api.post(path, one)
    try:
        uid = kube.api.get("/api/v1/namespaces/kube-system")["metadata"]["uid"]
        assert eventually(lambda: _or_none(kube, identity, config), "the right").uid == uid
    finally:
        for path, one in zip(paths, found, strict=True):
            kube.api.delete(f"{path}/{one['metadata']['name']}")


def _or_none(kube: Namespace, use: Callable[[RealUnderTest], Awaitable[T]], config: Path) -> T | None:
    """An authorizer learns of a new binding within moments."""
    try:
        return acting(kube, use, config)
    except NeverHappened:
        return None


def _blocks() -> list[str]:
    return re.findall(r"```yaml\n(.*?)```", _PAGE.read_text(), re.DOTALL)


def test_the_documented_role_suffices(kube: Namespace) -> None:
    role = YAML(typ="safe", pure=True).load(_blocks()[0])
    kube.workload("web")
    kube.settled("web")

    async def use(c: RealUnderTest) -> Workload:
        await c.reader.list_workloads(kube.name)
        await c.reader.root_owner(web(kube))
        await c.usage.usage(web(kube))
        found = await c.reader.restraints_of([await c.reader.read(web(kube))])
        assert found[web(kube).key] == Restraints((), ())
        after = await Hand(c).scale(web(kube), 3, seen=await at_rest(c, web(kube)))
        with pytest.raises(NeverHappened):
            await Hand(c).write(web(kube), Patch("", {"spec": {"paused": True}}))
        return after

    assert acting(kube, use, kube.user("flyball", *role["rules"])).replicas == 3
