"""Threats 3, 11, 24, 26 on in-place resize: a permit's part opens one pod of one workload, once, in its mode."""

import asyncio
import copy
import dataclasses
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from policies.permit import Permit
from sandbox.api.apiserver import Write
from sandbox.api.store import Key
from sandbox.writer import SimulatedWriter
from tests.kit.installation import App, ask, installation
from tools.actions import registry
from tools.cluster.writer import KubernetesWriter
from tools.cluster_types import Patch, Pod, Precondition, Workload
from tools.errors import DefiniteConflict, NeverHappened
from tools.path.requests import build

MORE = {"requests": {"cpu": "600m"}}
WEB = {"workload": "deployment/web"}


def resize(pod: str, resources: Any = None) -> Patch:
    return Patch("resize", {"spec": {"containers": [{"name": "app", "resources": resources or MORE}]}}, pod)


@dataclasses.dataclass
class Scene:
    """A permit of the gate for an in-place resize of web, the workload and its pods as they are."""

    app: App
    permit: Permit
    web: Workload
    pods: list[Pod]
    writer: Any

    async def send(self, permit: Permit, pod: Pod, **other: Any) -> Pod:
        target, patch = other.get("target", self.web.target), other.get("patch", resize(pod.name))
        guard = Precondition(other.get("uid", pod.uid), pod.resource_version)
        return await self.writer.resize(permit, "intent-1", target, patch, guard)  # type: ignore[no-any-return]

    async def requests(self) -> set[int | None]:
        found = await self.app.context.reader.pods(self.web.target)
        return {one.resources.cpu_request for pod in found for one in pod.containers}


def on_web(folder: Path, work: Callable[[Scene], Awaitable[None]], mode: Any = "live") -> None:
    async def run() -> None:
        async with installation(folder) as app:
            assert app.world is not None
            spec = registry.action("set_resources")
            args = registry.parse(spec.args, {**WEB, "cpu_request": "600m", "in_place": True})
            request = build(
                "set_resources", args, id="resize-web-1", principal=app.identity.by_hand(), cluster="sandbox",
                namespace="shop", mode=mode,
            )  # fmt: skip
            decision, _ = await app.executor.preview(request)
            assert decision.permit is not None, decision.detail
            web = await app.context.reader.read(request.target)
            pods = await app.context.reader.pods(request.target)
            await work(Scene(app, decision.permit, web, pods, SimulatedWriter(app.world)))

    asyncio.run(run())


async def refused(work: Awaitable[Any], code: str) -> None:
    with pytest.raises(NeverHappened) as no:
        await work
    assert no.value.code == code


def test_24_a_part_opens_its_own_pod_once(tmp_path: Path) -> None:
    async def work(scene: Scene) -> None:
        first, second = scene.pods[:2]
        part = scene.permit.part(first.name)
        await refused(scene.send(part, second), "PermitForeign")
        after = await scene.send(part, first)
        assert after.containers[0].resources.cpu_request == 600
        for again in (part, copy.copy(part), copy.deepcopy(part), scene.permit.part(first.name)):
            await refused(scene.send(again, after), "PermitSpent")

    on_web(tmp_path, work)


def test_24_the_whole_permit_opens_no_pod_and_a_part_not_the_workload(tmp_path: Path) -> None:
    async def work(scene: Scene) -> None:
        pod, web = scene.pods[0], scene.web
        await refused(scene.send(scene.permit, pod), "PermitForeign")
        await refused(scene.send(scene.permit.part(""), pod), "PermitForeign")
        guard = Precondition(web.uid, web.resource_version)
        patch = Patch("scale", {"spec": {"replicas": 5}})
        part = scene.permit.part(pod.name)
        await refused(scene.writer.apply(part, "intent-1", web.target, patch, guard), "PermitForeign")
        assert await scene.requests() == {500}

    on_web(tmp_path, work)


def test_24_a_part_is_for_no_other_workload(tmp_path: Path) -> None:
    async def work(scene: Scene) -> None:
        pod = scene.pods[0]
        for change in ({"name": "search"}, {"namespace": "billing"}, {"kind": "statefulset"}):
            other = scene.web.target.model_copy(update=change)
            await refused(scene.send(scene.permit.part(pod.name), pod, target=other), "PermitForeign")
        kubernetes = KubernetesWriter(None, scene.app.context.clock)  # type: ignore[arg-type]
        scene.writer = kubernetes
        await refused(scene.send(scene.permit.part(pod.name), scene.pods[1]), "PermitForeign")
        await refused(scene.send(scene.permit, pod), "PermitForeign")

    on_web(tmp_path, work)


def test_24_no_field_of_a_part_can_be_replaced(tmp_path: Path) -> None:
    async def work(scene: Scene) -> None:
        first, second = scene.pods[:2]
        part = scene.permit.part(first.name)
        for changes in ({"pod": second.name}, {"pod": ""}, {"nonce": "fresh"}, {"mode": "dry_run"}):
            with pytest.raises(TypeError, match="minted by the gate"):
                dataclasses.replace(part, **changes)  # type: ignore[arg-type]
        object.__setattr__(part, "pod", second.name)
        await refused(scene.send(part, second), "PermitInvalid")

    on_web(tmp_path, work)


def test_24_a_part_of_a_rehearsal_writes_nothing(tmp_path: Path) -> None:
    async def dry(scene: Scene) -> None:
        pod = scene.pods[0]
        await scene.send(scene.permit.part(pod.name), pod)
        assert await scene.requests() == {500}

    async def live(scene: Scene) -> None:
        pod = scene.pods[0]
        await scene.send(scene.permit.rehearsal().part(pod.name), pod)
        assert await scene.requests() == {500}
        with pytest.raises(TypeError, match="minted by the gate"):
            dataclasses.replace(scene.permit.rehearsal().part(pod.name), mode="live")

    on_web(tmp_path / "dry", dry, "dry_run")
    on_web(tmp_path / "live", live)


def test_3_a_pod_that_was_replaced_is_not_written(tmp_path: Path) -> None:
    """By UID: a pod of a StatefulSet comes back under the same name."""

    async def work(scene: Scene) -> None:
        pod = scene.pods[0]
        part = scene.permit.part(pod.name)
        with pytest.raises((NeverHappened, DefiniteConflict)):
            await scene.send(part, pod, uid="00000000-0000-0000-0000-000000000000")
        assert await scene.requests() == {500}

    on_web(tmp_path, work)


def test_3_a_pod_of_somebody_else_is_not_the_workloads(tmp_path: Path) -> None:
    """Pods of search under a permit for web, and one that wears web's labels without being web's."""

    async def work(scene: Scene) -> None:
        search = scene.web.target.model_copy(update={"name": "search"})
        foreign = (await scene.app.context.reader.pods(search))[0]
        with pytest.raises((NeverHappened, DefiniteConflict)):
            await scene.send(scene.permit.part(foreign.name), foreign, patch=resize(foreign.name))
        now = {pod.name: pod for pod in await scene.app.context.reader.pods(search)}
        assert now[foreign.name].containers == foreign.containers

    on_web(tmp_path, work)


def test_3_labels_make_no_pod_the_workloads(tmp_path: Path) -> None:
    """A pod of search that wears web's labels: it is web's by no reader, and no writer takes it for web's."""

    async def work(scene: Scene) -> None:
        reader, world = scene.app.context.reader, scene.app.world
        assert world is not None
        search = scene.web.target.model_copy(update={"name": "search"})
        forged = (await reader.pods(search))[0]
        labels = {"app": "web", "pod-template-hash": scene.pods[0].template_hash or "x"}
        world.send(
            Write("patch", Key("pod", "shop", forged.name), "", {"metadata": {"labels": labels}}, "anybody")
        )
        assert forged.name not in {pod.name for pod in await reader.pods(scene.web.target)}
        with pytest.raises((NeverHappened, DefiniteConflict)):
            await scene.send(scene.permit.part(forged.name), forged, patch=resize(forged.name))

    on_web(tmp_path, work)


# 11: quantities, on the pods as on the template


QUANTITIES = {
    "half-a-byte": {"memory_limit": "512m"},
    "nano-bytes": {"memory_request": "1n"},
    "nothing": {"memory_limit": "0"},
    "negative": {"cpu_request": "-1"},
    "beyond-any-node": {"cpu_request": "1e400"},
    "underscore": {"memory_limit": "1_0Gi"},
    "arabic": {"memory_limit": "٥Gi"},
    "space": {"memory_limit": "1 Gi"},
    "nan": {"cpu_limit": "NaN"},
    "lower-case": {"memory_limit": "1gi"},
}


CLAMPED = ("half-a-byte", "nano-bytes", "beyond-any-node")
"""What the API itself rounds up to a byte, or cuts to its largest number: if not before, the limits refuse it."""


@pytest.mark.parametrize("in_place", [None, True])
def test_11_a_quantity_has_one_exact_reading(tmp_path: Path, in_place: bool | None) -> None:
    async def run() -> None:
        async with installation(tmp_path) as app:
            for name, values in QUANTITIES.items():
                card = await ask(app, "set_resources", {**WEB, **values, "in_place": in_place})
                judged = ("invalid", "refused", "failed") if name in CLAMPED else ("invalid",)
                assert card.status in judged, name
            assert "action.intent" not in {one.record.kind for one in await app.log.find()}

    asyncio.run(run())


@pytest.mark.parametrize(
    ("limit", "status"), [("1Gi", "applied"), ("1025Mi", "refused"), ("1073741825", "refused")]
)
def test_11_a_ratio_is_exact_to_the_byte(tmp_path: Path, limit: str, status: str) -> None:
    """web has 512Mi; its rule lets at most double it."""

    async def run() -> None:
        async with installation(tmp_path) as app:
            card = await ask(app, "set_resources", {**WEB, "memory_limit": limit, "in_place": True})
            assert card.status == status, card.text
            if status == "refused":
                assert "limits.memoryLimit.maxRatio" in json.loads(card.text)["why"]

    asyncio.run(run())


def test_a_lower_memory_limit_does_not_pass_as_set_resources(tmp_path: Path) -> None:
    async def run() -> None:
        async with installation(tmp_path) as app:
            less = {**WEB, "memory_limit": "400Mi", "in_place": True}
            assert (await ask(app, "set_resources", less)).status in ("invalid", "failed")
            declared = {**less, "lower_memory_limit": True}
            assert (await ask(app, "set_resources", declared)).status == "pending"
            spec = registry.action("set_resources")
            plain = registry.plain(registry.parse(spec.args, declared))
            hidden = build(
                "set_resources", registry.parse(spec.args, less), id="hidden-one", principal=app.agent("agent:ops"),
                cluster="sandbox", namespace="shop", mode="live",
            ).model_copy(update={"args": plain})  # fmt: skip
            result = await app.executor.execute(hidden)
            assert getattr(result, "stage", "") == "arguments"

    asyncio.run(run())
