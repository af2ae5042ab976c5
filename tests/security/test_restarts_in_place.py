"""A resize that restarts containers (resizePolicy) does not pass as one that does not, nor in many pods at once."""

import uuid
from pathlib import Path
from typing import Any

import pytest

from policies.types import Mode, Request
from tests.kit.installation import LOCAL, OPS, App, allow, within, write_policy
from tests.kit.manifests import APP, workload
from tools.actions import registry
from tools.path.outcome import Applied, Failed, Refused, Simulated
from tools.path.requests import build

SPEC = registry.action("set_resources")
BOUNDS = {
    name: {"min": 1, "max": "4Gi"} for name in ("memoryRequest", "memoryLimit", "cpuRequest", "cpuLimit")
}


def policies(folder: Path, *actions: str, **more: Any) -> Path:
    return write_policy(folder / "policies", [LOCAL, OPS, allow("jvm", actions, limits=BOUNDS, **more)])


def asked(app: App, limit: str = "1Gi", *, mode: Mode = "live", **more: Any) -> Request:
    given = {"workload": "deployment/jvm", "memory_limit": limit, "in_place": True, **more}
    args = registry.parse(SPEC.args, given)
    return build(
        "set_resources", args, id=uuid.uuid4().hex, principal=app.identity.by_hand(), cluster="sandbox",
        namespace="shop", mode=mode,
    )  # fmt: skip


def with_jvm(app: App) -> None:
    """Two ready pods whose memory does not change without a restart."""
    assert app.world is not None
    on = [{"resourceName": "memory", "restartPolicy": "RestartContainer"}]
    block = {"requests": {"memory": "256Mi"}, "limits": {"memory": "512Mi"}}
    container = {**APP, "resources": block, "resizePolicy": on}
    app.world.load([workload("jvm", namespace="shop", containers=(container,))])
    app.world.advance(120)


async def restarts(app: App) -> list[int]:
    return sorted(pod.restarts for pod in await app.context.reader.pods(asked(app).target))


@pytest.mark.parametrize("also", [{}, {"lower_memory_limit": True}], ids=["plain", "lower"])
def test_the_right_to_set_resources_restarts_nothing(tmp_path: Path, also: dict[str, Any]) -> None:
    async def work(app: App) -> None:
        with_jvm(app)
        result = await app.executor.execute(asked(app, "300Mi", **also))
        assert isinstance(result, Failed)
        assert "restarts container app in 2 pods" in result.what
        assert isinstance(await app.executor.execute(asked(app, restart_containers=True)), Refused)
        assert app.world is not None
        app.world.advance(120)
        assert await restarts(app) == [0, 0]

    within(tmp_path, work, policies(tmp_path, "set_resources", "lower_memory_limit"))


def test_the_flag_cannot_be_hidden_behind_another_action(tmp_path: Path) -> None:
    async def work(app: App) -> None:
        with_jvm(app)
        honest = asked(app, restart_containers=True)
        hidden = honest.model_copy(update={"action": "set_resources"})
        result = await app.executor.execute(hidden)
        assert isinstance(result, Refused)
        assert result.stage == "arguments"

    within(tmp_path, work, policies(tmp_path, "set_resources"))


def test_one_pod_restarts_and_the_next_when_that_is_ready_again(tmp_path: Path) -> None:
    async def work(app: App) -> None:
        with_jvm(app)
        assert app.world is not None
        dry = await app.executor.execute(asked(app, restart_containers=True, mode="dry_run"))
        assert isinstance(dry, Simulated)
        assert "in 1 of 2 pods: restarts container app (resizePolicy)" in dry.diff
        assert isinstance(await app.executor.execute(asked(app, restart_containers=True)), Applied)
        for _ in range(8):  # not looked at by the node, then restarting: the other pod stays as it is
            result = await app.executor.execute(asked(app, restart_containers=True))
            assert isinstance(result, Failed)
            assert "one pod at a time" in result.what
            app.world.advance(2)
        assert await restarts(app) == [0, 1]
        app.world.advance(60)
        assert isinstance(await app.executor.execute(asked(app, restart_containers=True)), Applied)
        app.world.advance(60)
        assert await restarts(app) == [1, 1]
        done = await app.executor.execute(asked(app, restart_containers=True))
        assert isinstance(done, Applied)
        assert done.unchanged
        app.world.advance(60)
        assert await restarts(app) == [1, 1]

    within(tmp_path, work, policies(tmp_path, "resize_with_restart"))


def test_the_restart_that_was_asked_for_is_not_undone(tmp_path: Path) -> None:
    """`verify` counts what ended in the pods since, and this change ends a container of its own."""

    async def work(app: App) -> None:
        with_jvm(app)
        assert app.world is not None
        assert isinstance(await app.executor.execute(asked(app, restart_containers=True)), Applied)
        app.world.advance(120)
        (verified,) = [one async for one in app.verifier.sweep()]
        assert verified.verdict.word == "verified", verified.verdict.why
        assert "1 restarted (0 before)" in verified.verdict.why
        assert await restarts(app) == [0, 1]

    within(tmp_path, work, policies(tmp_path, "resize_with_restart", require=[{"verify": "2m"}]))
