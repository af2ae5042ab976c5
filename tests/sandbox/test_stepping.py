"""A world that is stepped stays open: what it remembers is what a fresh look at the file would say."""

import json
import random
from collections.abc import Callable
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import Any

import pytest

from forecasting.hpa.controller import Decision
from sandbox.api.apiserver import ApiServer, Write
from sandbox.api.errors import ApiError, SandboxError
from sandbox.api.store import Json, Key, Store
from sandbox.cluster import SimulatedCluster
from sandbox.controllers.workloads import settle
from sandbox.engine.autoscaling import Scene, Watch
from sandbox.metrics import SimulatedMetrics
from sandbox.serving import pods
from sandbox.world import World
from tests.kit.effort import rounds
from tests.sandbox.actors import run, shop
from tests.sandbox.test_engine import everything, roomy
from tests.sandbox.test_world import UID
from tools.cluster import objects
from tools.metrics.types import Metric

WEB = Key("deployment", "shop", "web")
CHECKOUT = Key("deployment", "shop", "checkout")
Deed = Callable[[World], None]


def stored(store: Store) -> dict[str, str]:
    """Every object as the file has it, seen by a connection of its own."""
    other = Store(store.path)
    with other.read() as txn:
        rows = txn.db.execute("SELECT kind, namespace, name, body FROM objects").fetchall()
    other.close()
    return {f"{kind}/{at}/{name}": body for kind, at, name, body in rows}


def remembered(store: Store) -> dict[str, str]:
    """The same, as the open store gives it out."""
    with store.read() as txn:
        kinds = [kind for (kind,) in txn.db.execute("SELECT DISTINCT kind FROM objects")]
        return {
            f"{kind}/{one['metadata'].get('namespace', '')}/{one['metadata']['name']}": json.dumps(
                one, sort_keys=True, separators=(",", ":")
            )
            for kind in kinds
            for one in txn.all(kind)
        }


def scaled(key: Key, replicas: object, *, dry_run: bool = False) -> Deed:
    body = {"spec": {"replicas": replicas}}
    return lambda world: void(world.send(Write("patch", key, "scale", body, "somebody", dry_run=dry_run)))


def patched(key: Key, body: Json, *, dry_run: bool = False) -> Deed:
    return lambda world: void(world.send(Write("patch", key, "", body, "somebody", dry_run=dry_run)))


def void(_: object) -> None:
    """For a lambda that returns nothing."""


def requests(cpu: str) -> Json:
    block = {"name": "app", "resources": {"requests": {"cpu": cpu}}}
    return {"spec": {"template": {"spec": {"containers": [block]}}}}


def torn(world: World) -> None:
    """A change that is interrupted before it is whole."""
    with suppress(KeyboardInterrupt), world.store.write() as txn:
        api = ApiServer(txn, txn.number("now_ms"))
        api.write(Write("patch", WEB, "scale", {"spec": {"replicas": 11}}, "somebody"))
        settle(api, WEB)
        raise KeyboardInterrupt


DEEDS: tuple[Deed, ...] = (
    scaled(WEB, 6),
    scaled(WEB, 3),
    scaled(WEB, 9, dry_run=True),
    scaled(WEB, -1),
    scaled(CHECKOUT, 9),
    patched(WEB, requests("300m")),
    patched(WEB, requests("900m"), dry_run=True),
    patched(WEB, requests("much")),
    patched(WEB, {"metadata": {"resourceVersion": "1"}}),
    lambda world: roomy(world, minReplicas=3),
    lambda world: roomy(world, maxReplicas=6),
    lambda world: world.load([{"kind": "Load", "metadata": {"name": "web", "namespace": "shop"},
                               "spec": {"target": "deployment/web", "cpu": "1500m"}}]) and None,
    lambda world: world.delete(Key("horizontalpodautoscaler", "shop", "checkout")),
    lambda world: world.delete(Key("pod", "shop", "worker-0")),
    torn,
)  # fmt: skip


def plan(seed: int, steps: int) -> list[tuple[int, Deed | None]]:
    """Seconds to let pass, and what somebody does then."""
    chance = random.Random(seed)
    return [
        (chance.choice((15, 60, 60, 61, 300)), chance.choice(DEEDS) if chance.random() < 0.4 else None)
        for _ in range(steps)
    ]


def lived(world: World, steps: list[tuple[int, Deed | None]], other: World | None, *, again: bool) -> World:
    """That life: by one open world, by one that is opened again for each step, or with the deeds of another."""
    for seconds, deed in steps:
        if again:
            world.close()
            world = World(world.folder)
        world.advance(seconds)
        if deed is not None:
            with suppress(ApiError, SandboxError):
                deed(other or world)
    return world


@pytest.mark.parametrize("seed", range(rounds(3, 20)))
def test_a_world_that_stays_open_is_the_one_that_is_opened_again_each_time(tmp_path: Path, seed: int) -> None:
    steps = plan(seed, rounds(40, 120))
    worlds = {}
    for name in ("open", "again", "shared"):
        world = World(tmp_path / name)
        world.reset(cluster_uid=UID, seed=seed)
        roomy(world)
        other = World(world.folder) if name == "shared" else None
        worlds[name] = lived(world, steps, other, again=name == "again")
        assert remembered(worlds[name].store) == stored(worlds[name].store), name
    assert everything(worlds["open"]) == everything(worlds["again"])
    assert everything(worlds["shared"]) == everything(worlds["again"])


def test_a_world_that_was_driven_is_the_one_that_was_advanced(tmp_path: Path) -> None:
    """Figures that nobody looked at meanwhile are there in the end."""
    worlds = {}
    for name in ("advanced", "driven"):
        worlds[name] = world = World(tmp_path / name)
        world.reset(cluster_uid=UID, seed=3)
        roomy(world)
        with world.driven() if name == "driven" else nullcontext():
            lived(world, plan(3, rounds(40, 120)), None, again=False)
        assert remembered(world.store) == stored(world.store), name
    assert everything(worlds["driven"]) == everything(worlds["advanced"])


def test_in_a_driven_world_no_figure_is_worked_out_that_nobody_reads(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    ask = Watch.ask

    def counted(watch: Watch, scene: Scene, at: int) -> Decision:
        asked.append(watch.key.name)
        return ask(watch, scene, at)

    world.advance(3600)
    monkeypatch.setattr(Watch, "ask", counted)
    with world.driven():
        for _ in range(8):
            world.advance(15)
        assert not asked, "nothing was to be decided"
    assert asked == ["checkout"]


def test_the_time_is_that_of_whoever_moved_it(world: World) -> None:
    """Asked without a transaction, as long as nobody else has committed."""
    other, begun = World(world.folder), world.now_ms()
    assert other.now_ms() == begun
    other.advance(60)
    assert world.now_ms() == begun + 60_000
    with suppress(KeyboardInterrupt), world.store.write() as txn:
        txn.set_meta("now_ms", 5)
        raise KeyboardInterrupt
    assert world.now_ms() == begun + 60_000
    other.close()


def test_what_an_error_left_in_memory_is_forgotten(world: World) -> None:
    torn(world)
    with world.store.read() as txn:
        assert (txn.get(WEB) or {})["spec"]["replicas"] == 4


def test_what_another_process_committed_is_seen_at_once(world: World) -> None:
    world.advance(60)
    other = World(world.folder)
    scaled(WEB, 7)(other)
    other.close()
    with world.store.read() as txn:
        assert (txn.get(WEB) or {})["spec"]["replicas"] == 7
        assert len(txn.pods_of(WEB)) == 7
    world.advance(60)
    assert remembered(world.store) == stored(world.store)


def test_a_step_reads_nothing_that_nobody_touched(world: World) -> None:
    """The second step of an open world parses no object."""
    world.advance(60)
    world.advance(60)
    asked: list[str] = []
    with world.store.read() as txn:
        txn.db.set_trace_callback(asked.append)
    world.advance(60)
    assert asked, "the trace sees the step"
    assert not [one for one in asked if "FROM objects" in one]


def test_what_was_read_before_is_parsed_again_only_where_it_was_written(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    parsed: list[str] = []
    workload, pod = objects.workload, objects.pod

    def counted(of: Callable[..., Any]) -> Callable[..., Any]:
        def parse(*given: Any) -> Any:
            parsed.append(next(one for one in given if isinstance(one, dict))["metadata"]["name"])
            return of(*given)

        return parse

    monkeypatch.setattr(objects, "workload", counted(workload))
    monkeypatch.setattr(objects, "pod", counted(pod))
    cluster = SimulatedCluster(world)

    def looked() -> set[str]:
        parsed.clear()
        found = run(cluster.list_workloads(None))
        run(cluster.pods_of([one.target for one in found]))
        return set(parsed)

    assert "web" in looked()
    assert not looked(), "nothing was written"
    scaled(WEB, 5)(world)
    (new,) = looked() - {"web"}
    assert new.startswith("web-"), "one pod more"
    roomy(world, minReplicas=3)
    assert looked() == {"checkout"}, "who keeps its replicas may be another"
    with suppress(ApiError):
        scaled(WEB, -1)(world)
    assert (run(cluster.read(shop("web"))).replicas, run(cluster.read(shop("web"))).owner) == (5, None)


def test_a_fleets_figures_read_again_only_pods_that_were_written(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    state_of = pods.state_of

    def counted(pod: Json) -> pods.PodState:
        read.append(pod["metadata"]["name"])
        return state_of(pod)

    monkeypatch.setattr(pods, "state_of", counted)
    metrics = SimulatedMetrics(world)

    def asked() -> set[str]:
        read.clear()
        targets = [shop("web"), shop("search")]
        run(metrics.fleet_latest(Metric.CPU_USAGE, targets, world.now_ms()))
        return set(read)

    assert len(asked()) > 4
    assert not asked()
    scaled(WEB, 5)(world)
    (new,) = asked()
    assert new.startswith("web-")
