"""A write on the real apiserver whose answer is lost: applied, never arrived, and written over by somebody else."""

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from flyball.settings import load
from flyball.wiring import App, open_app
from tests.e2e.policy import write
from tests.real.cluster import Namespace
from tools.actions import registry
from tools.errors import MayHaveHappened
from tools.path.outcome import Applied, Failed, Unknown
from tools.path.requests import build

pytestmark = pytest.mark.real


class Lossy:
    """The real writer, whose answers (or whose writes) never arrive."""

    def __init__(self, inner: Any, *, arrives: bool) -> None:
        self._inner, self._arrives = inner, arrives

    async def apply(self, *given: Any) -> Any:
        if self._arrives:
            await self._inner.apply(*given)
        raise MayHaveHappened("no answer", where="test")


def doubted(
    kube: Namespace, folder: Path, arrives: bool, then: Callable[[App, Unknown], Awaitable[None]]
) -> None:
    """Scale web to 4, lose the answer, go on."""
    policies = write(folder / "policies", "real", kube.name)
    flags = {
        "context": "real",
        "kubeconfig": str(kube.plane.kubeconfig),
        "namespace": kube.name,
        "state": str(folder / "state"),
        "pinned": str(folder / "pinned"),
        "policies": str(policies),
    }

    async def work() -> None:
        async with AsyncExitStack() as stack:
            app = await stack.enter_async_context(open_app(load(flags)))
            attempts = app.executor._runner
            real, attempts._writer = attempts._writer, Lossy(attempts._writer, arrives=arrives)
            result = await app.executor.execute(_request(app))
            attempts._writer = real
            assert isinstance(result, Unknown)
            await then(app, result)

    kube.workload("web", 2)
    kube.settled("web")
    asyncio.run(work())


def _request(app: App) -> Any:
    args = registry.parse(registry.action("scale").args, {"workload": "deployment/web", "replicas": 4})
    return build(
        "scale", args, id=str(uuid.uuid4()), principal=app.identity.by_hand(), cluster="real",
        namespace=app.place.namespace, mode="live",
    )  # fmt: skip


def test_what_arrived_is_found_applied(kube: Namespace, tmp_path: Path) -> None:
    async def then(app: App, unknown: Unknown) -> None:
        (result,) = await app.executor.resolver.sweep()
        assert isinstance(result, Applied)
        assert result.record == unknown.record

    doubted(kube, tmp_path, True, then)
    assert kube.get("web")["spec"]["replicas"] == 4


def test_what_never_arrived_is_fenced_and_found_not_applied(kube: Namespace, tmp_path: Path) -> None:
    async def then(app: App, _: Unknown) -> None:
        (result,) = await app.executor.resolver.sweep()
        assert isinstance(result, Failed)

    doubted(kube, tmp_path, False, then)
    found = kube.get("web")
    assert found["spec"]["replicas"] == 2
    assert "flyball.io/fence" in found["metadata"]["annotations"]


def test_what_another_manager_wrote_over_is_for_a_person(kube: Namespace, tmp_path: Path) -> None:
    async def then(app: App, unknown: Unknown) -> None:
        kube.scale("web", 7)
        (result,) = await app.executor.resolver.sweep()
        assert isinstance(result, Unknown)
        assert "changed it since" in result.why
        assert [e.seq for e in await app.executor.resolver.open_intents()] == [unknown.record]

    doubted(kube, tmp_path, True, then)
    assert kube.get("web")["spec"]["replicas"] == 7
