"""The sentinel on a world: it opens a finding once, resolves it when it is gone, and says nothing on no figures.

| what happens | then |
|---|---|
| `worker` leaks | one finding, whoever looks and however often, with a dry run that changes nothing |
| it is restarted | resolved, after half an hour |
| metrics away, or silent | neither opened nor resolved |
| the workload is gone | resolved, and says so |
| policy names no sentinel, or hides the workload | nothing is looked at |
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from flyball.exits import UsageError
from flyball.sentinel_pass import SENTINEL, look_once, objective_ppm
from flyball.service.watch import WORLD_MS, SentinelDuty
from policies.types import Target
from sandbox.api.store import Key
from sandbox.metrics import SimulatedMetrics
from tests.kit.command_line import Flyball
from tests.kit.installation import (
    LOCAL,
    OPS,
    App,
    allow,
    deny,
    doc,
    installation,
    target,
    within,
    write_policy,
)
from tools.errors import MetricsUnavailable, ReadRefused
from tools.findings.findings import Findings
from tools.metrics.types import Metric, Series, Span

WORKER = "statefulset/worker"
DAY_S = 86_400
READ = allow("read", ["read"], target())
SENTRY = doc("Agent", "sentinel", {"owner": "local", "roles": ["operator"], "autonomy": "recommend"})
PERSON = doc("RoleBinding", "person", {"subjects": ["group:local"], "role": "person", "clusters": ["*"]})
MAY = [LOCAL, OPS, SENTRY, READ, allow("restarts", ["restart"], target())]


def looked(folder: Path, work: Callable[[App], Awaitable[None]], policy: Sequence[Any] = MAY) -> None:
    """On a world in which `worker` has leaked for two days, and has volumes enough."""

    async def run(app: App) -> None:
        assert app.world is not None
        app.world.load([claim(f"spool-worker-{ordinal}", "1Ti") for ordinal in (0, 1)])
        app.world.advance(2 * DAY_S)
        await work(app)

    within(folder, run, write_policy(folder / "policy", policy))


def claim(name: str, storage: str) -> dict[str, Any]:
    spec = {"resources": {"requests": {"storage": storage}}}
    return {"kind": "PersistentVolumeClaim", "metadata": {"name": name, "namespace": "shop"}, "spec": spec}


async def opened(app: App) -> list[tuple[str, str]]:
    return [(o.finding.what, str(o.finding.target)) for o in await Findings(app.context).opened()]


async def count(app: App, kind: Any) -> int:
    return len(await app.log.find(kinds=(kind,)))


def test_a_leak_is_opened_once_with_evidence_and_a_dry_run(tmp_path: Path) -> None:
    async def work(app: App) -> None:
        done = await look_once(app)
        assert (done.workloads, len(done.opened)) == (6, 1)
        assert await opened(app) == [("memory", WORKER)]
        (one,) = await Findings(app.context).opened()
        assert one.finding.figures["limit"] == 512 * 2**20
        assert 0 < one.finding.figures["eta_s"] < 8 * 3600
        assert "512Mi" in one.finding.said
        assert one.finding.command == f"flyball act restart {WORKER} -n shop --dry-run"
        assert one.finding.tried.startswith("would  restart")
        assert await count(app, "action.intent") == 1
        (intent,) = await app.log.find(kinds=("action.intent",))
        assert intent.record.mode == "dry_run"
        assert (await look_once(app)).opened == ()
        assert await count(app, "finding.opened") == 1

    looked(tmp_path, work)


def test_two_at_once_and_a_restart_open_one_finding(tmp_path: Path) -> None:
    async def work(app: App) -> None:
        async with installation(tmp_path, tmp_path / "policy") as other:
            await asyncio.gather(look_once(app), look_once(other))
        async with installation(tmp_path, tmp_path / "policy") as later:
            await look_once(later)
        assert await count(app, "finding.opened") == 1

    looked(tmp_path, work)


@pytest.mark.slow
def test_what_is_gone_is_resolved_after_half_an_hour_and_opens_again_later(tmp_path: Path) -> None:
    async def work(app: App) -> None:
        assert app.world is not None
        await look_once(app)
        from tools.actions import registry
        from tools.path.requests import build

        request = build(
            "restart", registry.parse(registry.action("restart").args, {"workload": WORKER}), id="restart-1",
            principal=app.identity.by_hand(), cluster="sandbox", namespace="shop", mode="live",
        )  # fmt: skip
        await app.executor.execute(request)
        app.world.advance(600)
        await look_once(app)
        assert await opened(app) == [("memory", WORKER)], "no flapping"
        app.world.advance(2400)
        await look_once(app)
        assert await opened(app) == []
        (gone,) = await app.log.find(kinds=("finding.resolved",))
        assert (gone.record.observation or {})["said"] == "it is no longer so"
        for _ in range(16):
            app.world.advance(3 * 3600)
            await look_once(app)
        assert await count(app, "finding.opened") >= 2

    looked(tmp_path, work)


@pytest.mark.parametrize("before", [True, False], ids=["open", "not open"])
def test_metrics_that_are_away_neither_open_nor_resolve(
    before: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(
        self: SimulatedMetrics, metric: Metric, targets: Sequence[Target], span: Span
    ) -> Mapping[Target, Series]:
        raise MetricsUnavailable("away", where="prometheus")

    async def work(app: App) -> None:
        assert app.world is not None
        if before:
            await look_once(app)
        with monkeypatch.context() as patched:
            patched.setattr(SimulatedMetrics, "fleet_history", away, raising=False)
            for _ in range(6):
                app.world.advance(300)
                assert (await look_once(app)).unknown == 19
        assert len(await opened(app)) == before
        assert await count(app, "finding.resolved") == 0
        await look_once(app)
        assert len(await opened(app)) == 1

    looked(tmp_path, work)


def test_samples_that_come_late_neither_open_nor_resolve(tmp_path: Path) -> None:
    async def work(app: App) -> None:
        assert app.world is not None
        await look_once(app)
        app.world.disturb(lag="2h")
        app.world.advance(3600)
        await look_once(app)
        assert await opened(app) == [("memory", WORKER)]
        assert await count(app, "finding.resolved") == 0

    looked(tmp_path, work)


def test_a_workload_that_is_gone_takes_its_finding_with_it(tmp_path: Path) -> None:
    async def work(app: App) -> None:
        assert app.world is not None
        await look_once(app)
        with app.world.store.write() as txn:
            txn.delete(Key("statefulset", "shop", "worker"))
        await look_once(app)
        assert await opened(app) == []
        (gone,) = await app.log.find(kinds=("finding.resolved",))
        assert "gone" in (gone.record.observation or {})["said"]

    looked(tmp_path, work)


@pytest.mark.parametrize("policy", [
    [LOCAL, OPS, SENTRY],
    [*MAY, deny("hidden", ["read"], target(names=["worker"]))],
], ids=["nothing", "worker"])  # fmt: skip
def test_what_policy_hides_is_not_foreseen(policy: list[Any], tmp_path: Path) -> None:
    async def work(app: App) -> None:
        with suppress(ReadRefused):
            await look_once(app)
        assert await opened(app) == []

    looked(tmp_path, work, policy)


def test_an_observing_sentinel_tries_nothing(tmp_path: Path) -> None:
    quiet = doc("Agent", "sentinel", {"owner": "local", "roles": ["operator"], "autonomy": "observe"})

    async def work(app: App) -> None:
        await look_once(app)
        (one,) = await Findings(app.context).opened()
        assert one.finding.tried.startswith("denied")
        assert await count(app, "action.intent") == 0

    looked(tmp_path, work, [LOCAL, OPS, quiet, READ, MAY[-1]])


@pytest.mark.parametrize(
    ("rules", "kept"),
    [
        ([], True),
        ([deny("never", ["restart"], target(names=["worker"]))], True),
        ([allow("by-hand", ["restart"], target(), roles=["person"]), PERSON], False),
    ],
    ids=["no rule", "a deny", "a person may"],
)
def test_what_policy_lets_nobody_do_is_no_advice(rules: list[Any], kept: bool, tmp_path: Path) -> None:
    """The shipped policy restarts only web: the command would be refused, so it is not what a person is told."""

    async def work(app: App) -> None:
        await look_once(app)
        (one,) = await Findings(app.context).opened()
        assert one.finding.tried.startswith("denied")
        assert "a restart gives the memory back" in one.finding.advice
        assert ("policy keeps it: " in one.finding.advice) is kept
        asks = f"flyball policy can-i {WORKER} -n shop"
        assert one.finding.command == (asks if kept else f"flyball act restart {WORKER} -n shop --dry-run")

    looked(tmp_path, work, [LOCAL, OPS, SENTRY, READ, *rules])


def test_without_a_sentinel_in_policy_the_duty_rests(tmp_path: Path) -> None:
    async def work(app: App) -> None:
        now, duty = app.context.now_ms(), SentinelDuty(app)
        await duty.run(now)
        assert duty.due_ms(now) == now + WORLD_MS
        assert not await app.log.find(kinds=("tool.read",))
        with pytest.raises(UsageError, match=SENTINEL):
            await look_once(app)

    looked(tmp_path, work, [LOCAL, OPS, READ])


@pytest.mark.parametrize(("text", "every_s"), [("1m", 60), ("15m", 900), ("6h", 21_600)])
def test_how_often_it_looks_is_a_setting(
    text: str, every_s: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLYBALL_SENTINEL_EVERY", text)

    async def work(app: App) -> None:
        now, duty = app.context.now_ms(), SentinelDuty(app)
        await duty.run(now)
        assert duty.due_ms(now) == now + every_s * 1000

    within(tmp_path, work, write_policy(tmp_path / "policy", [LOCAL, OPS, READ]))


@pytest.mark.parametrize("text", ["59s", "7h", "0s", "often", "-5m", "5", "1e3m"])
def test_what_is_no_time_between_two_looks(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLYBALL_SENTINEL_EVERY", text)

    async def work(app: App) -> None:
        with pytest.raises(UsageError, match="no time between two looks"):
            SentinelDuty(app)

    within(tmp_path, work, write_policy(tmp_path / "policy", [LOCAL, OPS, READ]))


@pytest.mark.parametrize("text", ["1", "0", "-1", "nan", "inf", "x", "", "0.9999999", "1.5", "99.9"])
def test_what_is_no_objective(text: str) -> None:
    with pytest.raises(UsageError):
        objective_ppm(text)


def test_an_objective() -> None:
    assert (objective_ppm("0.999"), objective_ppm("0.99995")) == (999_000, 999_950)


@pytest.mark.slow
def test_the_commands_tell_what_is_foreseen(flyball: Flyball) -> None:
    assert flyball("sentinel status").code == 0
    assert flyball("sandbox advance 2d").code == 0
    done = flyball("sentinel check")
    assert done.code == 0
    assert done.out.splitlines()[0].startswith("WHAT")
    assert f"memory {WORKER}, found " in done.out
    assert " ago: memory of a pod reaches 512Mi in " in done.out
    assert f"disk {WORKER}, found " in done.out
    assert " ago: its fullest volume reaches 10Gi in " in done.out
    items = flyball("sentinel status -o json").document["items"]
    assert sorted((one["what"], one["target"], one["namespace"]) for one in items) == [
        ("disk", WORKER, "shop"), ("memory", WORKER, "shop"),
    ]  # fmt: skip
