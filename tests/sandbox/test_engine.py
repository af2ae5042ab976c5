"""The world under load: the same in any pieces, HPAs that move, leaks, steps, bursts, recordings, history."""

import json
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox import history
from sandbox.api.errors import SandboxError
from sandbox.api.store import Json, Key
from sandbox.cluster import SimulatedCluster
from sandbox.load import series as recorded
from sandbox.load.manifest import Bursts, Load, Step, parse
from sandbox.manifest_files import read as read_file
from sandbox.metrics import SimulatedMetrics
from sandbox.serving.demand import demand
from sandbox.world import START_MS, World
from tests.kit.effort import examples
from tests.sandbox.actors import read, run, scale, shop
from tests.sandbox.test_world import UID
from tools.metrics.types import Metric, Span

MINUTE = 60_000
WIDTH = len(history.COLUMNS)
KINDS = ("deployment", "statefulset", "horizontalpodautoscaler", "load", "pod", "event", "replicaset")


def everything(world: World) -> str:
    """Objects, counters and history."""
    with world.store.read() as txn:
        names = ("web", "search", "checkout", "payments", "report", "worker")
        kinds = ("deployment", "statefulset")
        last = txn.number("now_ms") // MINUTE
        rows = [
            history.read(txn, Key(kind, "shop", name), metric, last - 600, last).tolist()
            for kind in kinds
            for name in names
            for metric in history.COLUMNS
        ]
        counters = [txn.meta(name) for name in ("now_ms", "resource_version", "uid", "engine", "autoscalers")]
        return json.dumps([[txn.all(kind) for kind in KINDS], rows, counters], sort_keys=True)


def roomy(world: World, **spec: object) -> None:
    """checkout's HPA may go to ten, and what else is said."""
    metadata = {"name": "checkout", "namespace": "shop"}
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "checkout"}
    wanted = {"scaleTargetRef": target, "maxReplicas": 10, **spec}
    world.load([{"kind": "HorizontalPodAutoscaler", "metadata": metadata, "spec": wanted}])


@pytest.mark.parametrize("piece", [7, 61, 900])
def test_two_hours_in_any_pieces_are_the_same_bytes(tmp_path: Path, piece: int) -> None:
    worlds = [World(tmp_path / name) for name in ("a", "b")]
    for world in worlds:
        world.reset(cluster_uid=UID)
        roomy(world)
        leak: Json = {"target": "statefulset/worker", "memory": "150Mi", "leak": "900Mi", "cpu": "300m"}
        world.load([{"kind": "Load", "metadata": {"name": "worker", "namespace": "shop"}, "spec": leak}])
    span = 7_200 if piece == 900 else 1_800
    worlds[0].advance(span)
    while worlds[1].now_ms() < worlds[0].now_ms():
        worlds[1].advance(min(piece, (worlds[0].now_ms() - worlds[1].now_ms()) // 1000))
    assert everything(worlds[0]) == everything(worlds[1])
    assert read(worlds[0], shop("checkout")).replicas > 4


def test_an_advance_that_is_interrupted_never_was(world: World) -> None:
    before = everything(world)

    def stop(done_ms: int, of_ms: int) -> None:
        if done_ms > of_ms // 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        world.advance(86_400, stop)
    assert everything(world) == before


def test_an_hpa_grows_with_its_load_and_shrinks_five_minutes_after(world: World) -> None:
    roomy(world)
    world.advance(15)
    assert read(world, shop("checkout")).replicas == 8  # twice four at most at once
    world.advance(600)
    assert read(world, shop("checkout")).replicas == 9
    found = run(SimulatedCluster(world).autoscaler(shop("checkout")))
    assert found is not None
    assert (found.current, found.desired, found.limited, found.able, found.active) == (
        9,
        9,
        False,
        True,
        True,
    )
    quiet = {"target": "deployment/checkout", "cpu": "200m", "swing": "0%"}
    world.load([{"kind": "Load", "metadata": {"name": "checkout", "namespace": "shop"}, "spec": quiet}])
    world.advance(285)
    assert read(world, shop("checkout")).replicas == 9
    world.advance(45)
    assert read(world, shop("checkout")).replicas == 2
    told = run(SimulatedCluster(world).events(shop("checkout")))
    assert [e.message for e in told if e.reason == "SuccessfulRescale"][-1] == (
        "New size: 2; reason: All metrics below target"
    )


def test_an_hpa_is_written_as_the_controller_manager(world: World) -> None:
    roomy(world)
    world.advance(15)
    managers = {m.name: m.fields for m in read(world, shop("checkout")).managers if m.subresource == "scale"}
    assert managers == {"kube-controller-manager": ("spec.replicas",)}


def test_an_hpa_without_samples_does_nothing_and_says_so(world: World) -> None:
    spec = {"target": "deployment/checkout", "cpu": "950m", "gaps": "100%"}
    world.load([{"kind": "Load", "metadata": {"name": "checkout", "namespace": "shop"}, "spec": spec}])
    roomy(world)
    world.advance(3600)
    assert read(world, shop("checkout")).replicas == 4
    found = run(SimulatedCluster(world).autoscaler(shop("checkout")))
    assert found is not None
    assert not found.active


def times(hours: float, step_s: int = 60) -> "np.ndarray[tuple[int], np.dtype[np.int64]]":
    return START_MS + np.arange(0, int(hours * 3_600_000), step_s * 1000, dtype=np.int64)


def test_steps_ramps_and_windows() -> None:
    steps = (Step(START_MS + 3_600_000, 3_000_000, 600, START_MS + 7_200_000, False),)
    found = demand(Load(cpu=1000, steps=steps), "s", times(3)).tolist()
    assert (found[59], found[65], found[70], found[119], found[120]) == (1000, 2000, 3000, 3000, 1000)
    later = (Step(3_600_000, 500_000, 0, None, True),)
    found = demand(Load(cpu=1000, steps=later, created_ms=START_MS), "s", times(2)).tolist()
    assert (found[59], found[60]) == (1000, 500)


def test_weekends_are_quieter() -> None:
    found = demand(Load(cpu=1000, weekend=400_000), "s", times(7 * 24, 3600)).tolist()
    # Monday 14:00 to Friday midnight is 106 hours; then two days.
    assert set(found[:106]) == {1000}
    assert set(found[106:154]) == {400}


def test_bursts_come_as_often_as_said_and_their_tail_is_heavy() -> None:
    days, load = 400, Load(cpu=1000, bursts=Bursts(3000, 500_000, 60, 1500))
    found = demand(load, "seed", times(days * 24, 60)) - 1000
    peaks = found[1:-1][(found[1:-1] > found[:-2]) & (found[1:-1] >= found[2:]) & (found[1:-1] > 150)]
    assert 2.2 * days < len(peaks) < 3.3 * days
    # Pareto with exponent 1.5: a tenth of the bursts is 4.6 times the least or more.
    assert 3.0 < np.quantile(peaks, 0.9) / np.quantile(peaks, 0.05) < 9.0


@examples(30, 300)
@given(
    cut=st.integers(1, 239),
    seed=st.integers(0, 50),
    noise=st.integers(0, 300_000),
    daily=st.sampled_from([None, 500, 20_000]),
)
def test_demand_is_the_same_in_any_pieces(cut: int, seed: int, noise: int, daily: int | None) -> None:
    load = Load(
        cpu=900, swing=300_000, noise=noise, bursts=Bursts(daily, 400_000, 900, 1300) if daily else None
    )
    whole, at = demand(load, str(seed), times(1, 15)), times(1, 15)
    parts = [demand(load, str(seed), at[:cut]), demand(load, str(seed), at[cut:])]
    assert whole.tolist() == np.concatenate(parts).tolist()
    assert (whole >= 0).all()


def test_a_recording_is_copied_into_the_world(world: World, tmp_path: Path) -> None:
    rows = "\n".join(f"{START_MS // 1000 - 7 * 86_400 + 60 * i},{1 + i % 2}" for i in range(120))
    csv = tmp_path / "calls.csv"
    csv.write_text(f"ts,value\n{rows}\n")
    manifest = {
        "kind": "Load", "metadata": {"name": "search", "namespace": "shop"},
        "spec": {"target": "deployment/search", "series": {"file": "calls.csv", "unit": "1"}},
    }  # fmt: skip
    path = tmp_path / "load.json"
    path.write_text(json.dumps(manifest))
    world.delete(Key("load", "shop", "search"))
    world.load(read_file(path))
    csv.unlink()
    seen = set()
    for _ in range(4):
        seen.add(sum(s.containers["app"][0] for s in run(SimulatedCluster(world).usage(shop("search")))))
        world.advance(60)
    assert {v // 60 for v in seen} == {16, 33}  # 1 and 2 cores over six pods


@pytest.mark.parametrize("at", ["2026-03-02T14:00:00Z", "2026-03-02 14:00:00", "2026-03-02T09:00:00-05:00"])
def test_a_steps_time_is_the_same_on_every_host(at: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    try:
        spec = {"target": "deployment/web", "steps": [{"at": at, "to": "200%"}]}
        found = parse({"kind": "Load", "metadata": {"name": "x"}, "spec": spec})
    finally:
        monkeypatch.undo()
        time.tzset()
    assert found.steps[0].at_ms == START_MS


def test_a_recordings_times_may_be_of_any_form(tmp_path: Path) -> None:
    forms = ("ts,value\n0,1\n60.4,2\n", "Time,value\n1970-01-01T00:00:00Z,1\n1970-01-01T01:01:00+01:00,2\n")
    found = []
    for text in forms:
        (tmp_path / "calls.csv").write_text(text)
        found.append(recorded.unpack(recorded.read(tmp_path / "calls.csv")))
    assert found == [([0, 60], [1, 2])] * 2


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "one column `ts` is needed"),
        ("a,b\n1,2\n", "one column `ts` is needed"),
        ("ts,value\n", "no sample"),
        ("ts,value\nsoon,1\n", "not a time"),
        ("ts,value\n1,x\n", "not a number"),
        ("ts,value\n1,\n", "not a number"),
        ("ts,value\n1,inf\n", "not a measurement"),
        ("ts,value\n1,-1\n", "negative value"),
        ("ts,value\n5,1\n5,2\n", "must rise"),
        ("ts,value\n5,1\n5.4,2\n", "must rise"),
    ],
)
def test_a_bad_recording_is_named(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "bad.csv").write_text(text)
    path = tmp_path / "load.json"
    spec = {"target": "deployment/web", "series": {"file": "bad.csv"}}
    path.write_text(json.dumps({"kind": "Load", "metadata": {"name": "x"}, "spec": spec}))
    with pytest.raises(SandboxError) as refused:
        read_file(path)
    assert says in refused.value.what


@pytest.mark.parametrize(
    "spec",
    [
        {"bursts": {"daily": 0}},
        {"bursts": {"daily": 3, "tail": 1}},
        {"bursts": 3},
        {"steps": [{"to": "10%"}]},
        {"steps": [{"at": "tomorrow", "to": "10%"}]},
        {"series": {"data": "x"}},
        {"series": {"file": "x.csv"}},
        {"service": "0ms"},
        {"service": "20"},
        {"service": "2_0ms"},
        {"metrics": [{"gaps": "200%"}]},
        {"metrics": [{"metric": "love"}]},
        {"swing": "nan%"},
    ],
)
def test_what_a_load_cannot_mean_is_refused(world: World, spec: Json) -> None:
    manifest = {"kind": "Load", "metadata": {"name": "x"}, "spec": {"target": "deployment/web", **spec}}
    with pytest.raises(SandboxError):
        world.load([manifest])


def test_history_is_what_was_measured_at_the_time(world: World) -> None:
    metrics, target = SimulatedMetrics(world), shop("web")
    world.advance(3600)
    latest = {}
    for _ in range(5):
        world.advance(60)
        latest[world.now_ms()] = run(metrics.latest(Metric.CPU_USAGE, target, world.now_ms())).v
    first = min(latest)
    series = run(metrics.history(Metric.CPU_USAGE, target, Span(first, max(latest), 60)))
    assert list(series.values) == list(latest.values())
    replicas = run(metrics.history(Metric.REPLICAS, target, Span(first, max(latest), 60)))
    assert set(replicas.values) == {4}
    scale(world, target, 8)
    world.advance(120)
    now = world.now_ms()
    replicas = run(metrics.history(Metric.REPLICAS, target, Span(now - 180_000, now, 60)))
    assert replicas.values == (4, 4, 8, 8)


@examples(30, 300)
@given(
    columns=st.lists(
        st.lists(st.just(-1) | st.integers(0, 2**45), min_size=WIDTH, max_size=WIDTH),
        min_size=1,
        max_size=300,
    ),
    split=st.integers(1, 299),
    first=st.integers(0, 2000),
)
def test_what_is_stored_is_read_again(
    tmp_path_factory: pytest.TempPathFactory, columns: list[list[int]], split: int, first: int
) -> None:
    world = World(tmp_path_factory.mktemp("history"))
    rows, key = np.array(columns, dtype=np.int64), Key("deployment", "shop", "web")
    with world.store.write() as txn:
        for part, at in ((rows[:split], first), (rows[split:], first + split)):
            if len(part):
                history.append(txn, key, at, part)
        for i, metric in enumerate(history.COLUMNS):
            assert (
                history.read(txn, key, metric, first, first + len(rows) - 1).tolist() == rows[:, i].tolist()
            )
    world.close()


@pytest.mark.parametrize("minutes", [5, 290], ids=["of-their-own", "packed"])
def test_a_metric_that_an_earlier_version_did_not_know_is_missing(
    world: World, monkeypatch: pytest.MonkeyPatch, minutes: int
) -> None:
    key, known = Key("deployment", "shop", "older"), history.COLUMNS
    rows = np.arange(minutes * 2 * WIDTH, dtype=np.int64).reshape(-1, WIDTH)
    with world.store.write() as txn:
        with monkeypatch.context() as earlier:
            earlier.setattr(history, "COLUMNS", known[:-2])
            history.append(txn, key, 1000, rows[:minutes, :-2])
        history.append(txn, key, 1000 + minutes, rows[minutes:])
        for i, metric in enumerate(known):
            found = history.read(txn, key, metric, 1000, 999 + 2 * minutes).tolist()
            older = rows[:minutes, i].tolist() if i < WIDTH - 2 else [history.MISSING] * minutes
            assert found == older + rows[minutes:, i].tolist()
