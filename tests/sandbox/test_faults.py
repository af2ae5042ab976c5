"""Injected faults: what the caller is told, and what happened to the world.

kind            the caller sees       effect
conflict        DefiniteConflict      no
throttled       NeverHappened 429     no
refused         NeverHappened         no, never arrived
error_before    MayHaveHappened 500   no
error_after     MayHaveHappened 500   yes
timeout_before  MayHaveHappened       no, never arrived
timeout_after   MayHaveHappened       yes
delayed         MayHaveHappened       when released, unless fenced
overwritten     MayHaveHappened       yes, and put back by another
"""

from collections.abc import Callable
from pathlib import Path

import pytest

from sandbox.api.faults import Fault, FaultKind, Seeded
from sandbox.cluster import SimulatedCluster
from sandbox.endpoint import ANOTHER_MANAGER
from sandbox.world import World
from tests.sandbox.actors import fence, hand, read, run, scale, shop
from tools.errors import (
    ClusterUnavailable,
    DefiniteConflict,
    MayHaveHappened,
    NeverHappened,
    NotFound,
    ToolError,
)

WEB = shop("web")


def refused_as(world: World, kind: FaultKind, **how: object) -> ToolError:
    world.inject([Fault(kind)])
    with pytest.raises(ToolError) as caught:
        scale(world, WEB, 6, **how)
    return caught.value


@pytest.mark.parametrize(
    ("kind", "error", "http", "replicas", "arrived"),
    [
        (FaultKind.CONFLICT, DefiniteConflict, 409, 4, [(409, False)]),
        (FaultKind.THROTTLED, NeverHappened, 429, 4, [(429, False)]),
        (FaultKind.REFUSED, NeverHappened, None, 4, []),
        (FaultKind.ERROR_BEFORE, MayHaveHappened, 500, 4, [(500, False)]),
        (FaultKind.ERROR_AFTER, MayHaveHappened, 500, 6, [(200, True)]),
        (FaultKind.TIMEOUT_BEFORE, MayHaveHappened, None, 4, []),
        (FaultKind.TIMEOUT_AFTER, MayHaveHappened, None, 6, [(200, True)]),
        (FaultKind.DELAYED, MayHaveHappened, None, 4, []),
    ],
)
def test_a_fault_and_its_effect(
    world: World,
    kind: FaultKind,
    error: type,
    http: int | None,
    replicas: int,
    arrived: list[tuple[int, bool]],
) -> None:
    caught = refused_as(world, kind)
    assert (type(caught), caught.http) == (error, http)
    assert caught.what
    assert read(world, WEB).replicas == replicas
    assert [(a.code, a.changed) for a in world.arrivals()] == arrived
    assert scale(world, WEB, 7).replicas == 7, "the plan is used up"


@pytest.mark.parametrize("kind", FaultKind)
def test_a_dry_run_has_no_effect_under_any_fault(world: World, kind: FaultKind) -> None:
    before = read(world, WEB)
    refused_as(world, kind, mode="dry_run")
    world.release()
    assert read(world, WEB) == before
    assert not any(a.changed for a in world.arrivals())


def test_overwritten_leaves_the_old_spec_and_another_owner(world: World) -> None:
    before = read(world, WEB)
    assert isinstance(refused_as(world, FaultKind.OVERWRITTEN, intent="lost"), MayHaveHappened)
    now = read(world, WEB)
    assert (now.replicas, now.containers) == (4, before.containers)
    assert now.generation == before.generation + 2
    managers = {m.name for m in now.managers}
    assert ANOTHER_MANAGER in managers
    assert "flyball-lost" not in managers


def test_a_delayed_write_arrives_when_it_is_released(world: World) -> None:
    refused_as(world, FaultKind.DELAYED, intent="late")
    assert read(world, WEB).replicas == 4
    (arrival,) = world.release()
    assert (arrival.code, arrival.changed, arrival.audit_id) == (200, True, "late")
    assert read(world, WEB).replicas == 6
    assert world.release() == []


def test_a_delayed_write_that_was_fenced_gets_409(world: World) -> None:
    refused_as(world, FaultKind.DELAYED, intent="late")
    fence(world, WEB, "late")
    assert [(a.code, a.changed) for a in world.release()] == [(409, False)]
    assert read(world, WEB).replicas == 4


def test_a_delayed_write_outlives_its_process(world: World, tmp_path: Path) -> None:
    refused_as(world, FaultKind.DELAYED)
    world.close()
    another = World(tmp_path)
    assert [a.code for a in another.release()] == [200]
    assert read(another, WEB).replicas == 6


def test_a_fence_holds_with_scale_rights_only(world: World) -> None:
    """Without patch rights on the object the replicas are applied as they are: same spec, next version."""
    refused_as(world, FaultKind.DELAYED, intent="late")
    before = read(world, WEB)
    world.deny("patch deployments")
    after = fence(world, WEB, "late")
    assert (after.replicas, after.generation) == (before.replicas, before.generation)
    assert after.resource_version != before.resource_version
    assert "flyball-fence-late" in {m.name for m in after.managers}
    assert [a.code for a in world.release()] == [409]


def test_a_missing_right_is_403_with_its_hint(world: World) -> None:
    seen = read(world, WEB)
    world.deny("patch deployments", "patch deployments/scale", "get deployments")
    attempts: tuple[Callable[[], object], ...] = (
        lambda: scale(world, WEB, 6, seen=seen),
        lambda: read(world, WEB),
        lambda: fence(world, WEB, "x"),
    )
    for attempt in attempts:
        with pytest.raises(NeverHappened) as refused:
            attempt()
        assert refused.value.http == 403
        assert "kubectl auth can-i" in refused.value.hint
    world.deny()
    assert read(world, WEB).replicas == 4


def test_the_fence_can_fail_too(world: World) -> None:
    world.inject([Fault(FaultKind.TIMEOUT_AFTER, on="fence"), Fault(FaultKind.REFUSED, on="fence")])
    with pytest.raises(MayHaveHappened):
        fence(world, WEB, "x")
    with pytest.raises(NeverHappened):
        fence(world, WEB, "x")
    assert fence(world, WEB, "x").annotations["flyball.io/fence"] == "x"


@pytest.mark.parametrize("kind", [FaultKind.REFUSED, FaultKind.TIMEOUT_BEFORE, FaultKind.ERROR_BEFORE])
def test_reads_and_metrics_go_away(world: World, cluster: SimulatedCluster, kind: FaultKind) -> None:
    world.inject([Fault(kind, on="read"), Fault(kind, on="usage")])
    with pytest.raises(ClusterUnavailable):
        read(world, WEB)
    assert read(world, WEB).replicas == 4
    with pytest.raises(ClusterUnavailable):
        run(cluster.usage(WEB))
    assert len(run(cluster.usage(WEB))) == 4


def test_a_fault_waits_for_its_object_and_its_turn(world: World) -> None:
    world.inject([Fault(FaultKind.CONFLICT, target="deployment/web", skip=1, times=2)])
    scale(world, shop("search"), 5)
    scale(world, WEB, 5)
    for _ in range(2):
        with pytest.raises(DefiniteConflict):
            scale(world, WEB, 6)
    assert scale(world, WEB, 6).replicas == 6


def test_a_seeded_plan_is_the_same_in_every_process(tmp_path: Path) -> None:
    kinds = (FaultKind.CONFLICT, FaultKind.TIMEOUT_AFTER, FaultKind.REFUSED)
    told: list[list[str]] = []
    for name in ("a", "b"):
        world = World.open(tmp_path / name)
        world.inject([Seeded(seed=5, rate_ppm=400_000, kinds=kinds)])
        told.append([])
        for i in range(30):
            world.close()  # as another process would find it
            try:
                scale(world, WEB, 4 + i % 2)
                told[-1].append("ok")
            except ToolError as e:
                told[-1].append(type(e).__name__)
    assert told[0] == told[1]
    assert {"ok", "DefiniteConflict", "MayHaveHappened", "NeverHappened"} == set(told[0])


def test_healed_is_healed(world: World) -> None:
    world.inject([Fault(FaultKind.REFUSED, times=1000), Seeded(1, 1_000_000, (FaultKind.CONFLICT,))])
    world.heal()
    assert scale(world, WEB, 6).replicas == 6


def test_the_servers_log_names_each_write(world: World) -> None:
    scale(world, WEB, 6, intent="one")
    scale(world, WEB, 7, intent="two", mode="dry_run")
    with pytest.raises(NeverHappened):
        scale(world, WEB, -1, intent="three")
    lines = [(a.audit_id, a.manager, a.dry_run, a.code, a.changed) for a in world.arrivals()]
    assert lines == [
        ("one", "flyball-one", False, 200, True),
        ("two", "flyball-two", True, 200, False),
        ("three", "flyball-three", False, 422, False),
    ]


def test_unknown_kinds_are_not_written(world: World) -> None:
    node = WEB.model_copy(update={"kind": "node"})
    with pytest.raises(NotFound):
        read(world, node)
    with pytest.raises(NeverHappened):
        run(hand(world).scale(node, 2, seen=read(world, WEB)))
