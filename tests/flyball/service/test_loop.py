"""The fast loop as a duty, in a world: it moves what is leased, records one pass, stands where it must, puts back.

the envelope                 the pass
is in force                  moves inside of it, under it, as the agent
is over, ended, orphaned     puts its floor back once, also after a restart, and for an agent that is retired
is of another object         leaves it alone
the agent is stopped         asks for nothing
the metrics are gone         moves nothing
"""

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agents.tuner.loop import Step
from base.instants import utc_text
from flyball.service.loop import LoopDuty
from policies.claim_keys import ENVELOPE
from tests.kit.envelopes import LEASES, OTHER, annotate, lease, pass_time
from tests.kit.installation import LOCAL, OPS, App, allow, doc, installation, replicas, write_policy
from tools.actions import registry
from tools.events.declare import Declarations
from tools.events.types import Event
from tools.metrics.types import Metric, Missing
from tools.path.journal import parent_of
from tools.path.kill_switch import throw
from tools.path.outcome import Applied
from tools.path.promotion import retire
from tools.path.requests import build
from tools.path.tuning_pause import turn

MOVES = [
    allow("scales", ["scale"], limits={"replicas": {"min": 1, "max": 10}}, cooldown="30m"),
    allow("floors", ["set_autoscaler_bounds"], limits={
        "minReplicas": {"min": 1, "max": 20}, "maxReplicas": {"min": 1, "max": 40},
        "targetPercent": {"min": 1, "max": 100}}),
]  # fmt: skip
POLICY = [LOCAL, OPS, OTHER, LEASES, *MOVES, allow("reads", ["read"])]
Work = Callable[[App, LoopDuty], Awaitable[None]]


def within(folder: Path, work: Work, policy: list[dict[str, Any]] = POLICY) -> None:
    policies = write_policy(folder / "policies", policy)

    async def run() -> None:
        async with installation(folder, policies) as app:
            assert app.world is not None
            with app.world.driven():
                await work(app, LoopDuty(app))

    asyncio.run(run())


async def leased(app: App, name: str = "web", low: int = 2, high: int = 8, **more: Any) -> Applied:
    until = utc_text(app.context.now_ms() + more.pop("seconds", 3600) * 1000)
    args = {"workload": f"deployment/{name}", "min_replicas": low, "max_replicas": high, "until": until}
    parsed = registry.parse(
        registry.action("set_envelope").args, {**args, "floor": 4, "agent": "agent:ops", **more}
    )
    request = build(
        "set_envelope", parsed, id=uuid.uuid4().hex, principal=app.agent("agent:ops"), cluster="sandbox",
        namespace="shop", mode="live",
    )  # fmt: skip
    done = await app.executor.execute(request)
    assert isinstance(done, Applied), done
    return done


async def passes(app: App, duty: LoopDuty, count: int = 1, every_s: int = 60) -> list[dict[str, Any]]:
    for _ in range(count):
        pass_time(app, every_s)
        await duty.run(app.context.now_ms())
    found = await app.log.find(kinds=("loop.pass",))
    return [entry.record.args or {} for entry in found]


def code(args: dict[str, Any], name: str = "web") -> str:
    return next((row[1] for row in args["rows"] if row[0].endswith(f"/{name}")), "fits")


async def stands(app: App, name: str = "web") -> int:
    key = ENVELOPE.of(f"sandbox/shop/deployment/{name}")
    return (await app.log.values((key,)))[key]


def test_it_moves_inside_the_range_under_the_envelope_and_records_one_pass(tmp_path: Path) -> None:
    async def work(app: App, duty: LoopDuty) -> None:
        under = await leased(app)
        (told,) = await passes(app, duty)
        assert code(told) in ("above", "below")
        assert (told["workloads"], sum(told["codes"].values())) == (1, 1)
        (row,) = told["rows"]
        intent = (await app.log.entry(row[5])).record
        assert parent_of(intent, "under") == under.intent
        assert (intent.actor.id, intent.run_id) == ("agent:ops", f"loop-{app.context.now_ms() // 60_000}")
        assert row[2] == 4
        assert 2 <= await replicas(app) <= 8
        assert len(await passes(app, duty, 5)) == 6

    within(tmp_path, work)


def test_where_an_hpa_keeps_the_replicas_its_floor_is_moved_and_put_back(tmp_path: Path) -> None:
    async def work(app: App, duty: LoopDuty) -> None:
        await leased(app, "checkout", 2, 4, floor=2)
        told = await passes(app, duty, 2)
        assert {code(one, "checkout") for one in told} & {"above", "below"}
        web = next(w for w in await app.context.reader.list_workloads("shop") if w.target.name == "checkout")
        floor = await app.context.reader.autoscaler(web.target)
        assert floor is not None
        assert floor.minimum == 4
        pass_time(app, 3600)
        assert code((await passes(app, duty))[-1], "checkout") == "put-back"
        floor = await app.context.reader.autoscaler(web.target)
        assert floor is not None
        assert floor.minimum == 2
        assert await stands(app, "checkout") == 0

    within(tmp_path, work)


def test_while_nothing_is_leased_nothing_is_recorded(tmp_path: Path) -> None:
    async def work(app: App, duty: LoopDuty) -> None:
        assert await passes(app, duty, 3) == []
        assert duty.due_ms(0) % 60_000 == 0

    within(tmp_path, work)


@pytest.mark.parametrize("how", ["time", "end", "annotation", "retired"])
def test_what_is_over_is_put_back_once_also_by_another_process(tmp_path: Path, how: str) -> None:
    async def work(app: App, duty: LoopDuty) -> None:
        await leased(app, low=2, high=3)
        await passes(app, duty, 2)
        assert await replicas(app) == 3
        if how == "time":
            pass_time(app, 3600)
        elif how == "end":
            assert isinstance(await app.executor.execute(lease(app, None, None)), Applied)
        elif how == "annotation":
            annotate(app, None)
        else:
            await retire(app.context, "agent:ops", app.identity.by_hand(), "")
            pass_time(app, 3600)
        again = LoopDuty(app)
        assert code((await passes(app, again))[-1]) == "put-back"
        assert (await replicas(app), await stands(app)) == (4, 0)
        count = len(await passes(app, again))
        assert len(await passes(app, again)) == count

    within(tmp_path, work)


AWAY = {
    "agent out of policy": [LOCAL, LEASES, *MOVES],
    "agent that only observes": [
        LOCAL,
        doc("Agent", "ops", {**OPS["spec"], "autonomy": "observe"}),
        LEASES,
        *MOVES,
    ],
    "nobody has rights": [OPS, OTHER, LEASES, *MOVES],
    "no rule for its moves": [LOCAL, OPS, OTHER],
    "its lease is not policy's any more": [LOCAL, OPS, OTHER, *MOVES],
}


@pytest.mark.parametrize("how", [*AWAY, "retired"])
def test_where_policy_has_become_silent_the_floor_is_put_back_at_once(tmp_path: Path, how: str) -> None:
    """By the right of the lease, as whom it was leased to, long before its time is over, and by the next process."""

    async def work(app: App, duty: LoopDuty) -> None:
        under = await leased(app, "web", 2, 6, floor=5)
        if how == "retired":
            await retire(app.context, "agent:ops", app.identity.by_hand(), "")
        else:
            write_policy(tmp_path / "policies", [*AWAY[how], allow("reads", ["read"])])
        told = await passes(app, LoopDuty(app))
        assert code(told[-1]) == "put-back", told
        assert (await replicas(app), await stands(app)) == (5, 0)
        intent = (await app.log.find(kinds=("action.intent",), newest_first=True, limit=1))[0].record
        assert (intent.actor.id, parent_of(intent, "under")) == ("agent:ops", under.intent)

    within(tmp_path, work)


NO = {
    "deny": doc("ActionPolicy", "never", {"roles": ["everyone"], "actions": ["scale"], "effect": "deny",
            "target": {"clusters": ["*"], "namespaces": ["*"], "names": ["*"]}}),
    "ceiling": doc("Ceiling", "low", {"target": {"clusters": ["*"], "namespaces": ["*"], "names": ["*"]},
               "limits": {"replicas": {"max": 4}}}),
    "freeze": doc("Freeze", "now", {"scope": {"clusters": ["*"]}, "windows": [
              {"from": "2020-01-01T00:00:00Z", "until": "2099-01-01T00:00:00Z"}], "override": "group:nobody"}),
}  # fmt: skip


@pytest.mark.parametrize("how", [*NO, "stopped", "above the range"])
def test_what_says_no_holds_for_the_floor_too(tmp_path: Path, how: str) -> None:
    async def work(app: App, duty: LoopDuty) -> None:
        await leased(app, "web", 2, 6, floor=7 if how == "above the range" else 5)
        if how == "stopped":
            await throw(app.context, "agent:ops", app.identity.by_hand(), "")
        no = [NO[how]] if how in NO else []
        write_policy(tmp_path / "policies", [LOCAL, LEASES, *no, allow("reads", ["read"])])
        told = await passes(app, LoopDuty(app))
        expected = {"deny": "denied-names", "stopped": "stopped", "above the range": "denied-rules"}
        assert code(told[-1]) == expected.get(how, f"denied-{how}"), told
        assert await replicas(app) == 4
        assert await stands(app)

    within(tmp_path, work)


def test_a_stop_ends_the_moves_within_one_pass_and_asks_for_nothing(tmp_path: Path) -> None:
    async def work(app: App, duty: LoopDuty) -> None:
        await leased(app)
        await throw(app.context, "agent:ops", app.identity.by_hand(), "")
        before = len(await app.log.find(kinds=("policy.decision",)))
        assert code((await passes(app, duty))[-1]) == "stopped"
        assert len(await app.log.find(kinds=("policy.decision",))) == before
        assert await replicas(app) == 4

    within(tmp_path, work)


def test_a_pause_goes_back_to_the_floor_and_stands_until_it_is_lifted(tmp_path: Path) -> None:
    async def work(app: App, duty: LoopDuty) -> None:
        me = app.identity.by_hand()
        await leased(app, low=2, high=6, floor=5)
        await turn(app.context, "agent:ops", me, pause=True)
        told = await passes(app, duty, 3)
        assert {code(one) for one in told} == {"paused", "cooldown"} or {code(one) for one in told} == {
            "paused"
        }
        assert await replicas(app) == 5
        await turn(app.context, "agent:ops", me, pause=False)
        assert "above" in {code(one) for one in await passes(app, duty, 3)}

    within(tmp_path, work)


def test_mode_off_and_a_workload_made_anew_are_left_alone(tmp_path: Path) -> None:
    async def work(app: App, duty: LoopDuty) -> None:
        from sandbox.api.apiserver import Write
        from sandbox.api.store import Key

        await leased(app)
        assert app.world is not None
        key = Key("deployment", "shop", "web")
        body = {"metadata": {"annotations": {"flyball.io/mode": "off"}}}
        app.world.send(Write("patch", key, "", body, "kubectl", "by-hand"))
        assert code((await passes(app, duty))[-1]) == "mode-off"
        app.world.delete(key)
        assert code((await passes(app, duty))[-1]) == "gone"
        assert await stands(app) == 0
        (closed,) = await app.log.find(kinds=("annotation",))
        assert "there is no floor to put back" in (closed.record.reason or "")
        count = len(await passes(app, duty))
        assert len(await passes(app, duty)) == count

    within(tmp_path, work)


@pytest.mark.parametrize("how", ["gone", "stale"])
def test_without_metrics_nothing_moves(tmp_path: Path, how: str) -> None:
    async def work(app: App, duty: LoopDuty) -> None:
        await leased(app)
        assert app.world is not None
        if how == "gone":
            app.context.metrics = None
        else:
            app.world.disturb(None, lag="10m")
        told = await passes(app, LoopDuty(app), 3)
        assert {code(one) for one in told} <= {"no-metrics", "stale-metrics", "missing-metrics"}, told
        assert await replicas(app) == 4

    within(tmp_path, work)


def test_what_is_refused_is_not_asked_for_each_minute(tmp_path: Path) -> None:
    async def work(app: App, duty: LoopDuty) -> None:
        await leased(app)
        told = await passes(app, duty, 5)
        assert [code(one) for one in told].count("denied-rules") == 1
        assert code(told[-1]) == "waits-to-ask-again"

    within(tmp_path, work, [*POLICY[:4], *MOVES[1:], POLICY[-1]])


def test_a_clock_that_is_set_back_makes_no_wait_longer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def work(app: App, duty: LoopDuty) -> None:
        await leased(app)
        assert isinstance(await app.executor.execute(lease(app, None, None, floor=9)), Applied)
        told = await passes(app, duty, 2)
        assert [code(one) for one in told] == ["denied-rules", "waits-to-ask-again"]
        now_ms = app.context.now_ms
        monkeypatch.setattr(app.context, "now_ms", lambda: now_ms() - 7_200_000)
        assert code((await passes(app, duty))[-1]) == "denied-clock"

    within(tmp_path, work, [*POLICY[:4], *MOVES[1:], POLICY[-1]])


def test_the_same_pass_again_does_nothing_twice(tmp_path: Path) -> None:
    """As after a death in the middle of a pass: the same minute gives the same requests."""

    async def work(app: App, duty: LoopDuty) -> None:
        await leased(app)
        await passes(app, duty)
        intents = len(await app.log.find(kinds=("action.intent",)))
        await LoopDuty(app).run(app.context.now_ms())
        assert len(await app.log.find(kinds=("action.intent",))) == intents

    within(tmp_path, work)


EVENTS = [allow("events", ["declare_event"], {
    "clusters": ["sandbox"], "namespaces": ["shop"], "kinds": ["event"], "names": ["*"]})]  # fmt: skip
GUARDS = allow("guards", ["set_guarded_envelope"], envelope=LEASES["spec"]["envelope"], limits={
    **LEASES["spec"]["limits"], "targetPercent": {"min": 60, "max": 80}})  # fmt: skip
NIGHT_S = 11 * 3600
"""From its beginning to when its HPA has room: by day checkout stands at its maximum."""
GUARD = {"floor": 2, "guard_percent": 80, "target_percent": 70}


async def stands_at(app: App, name: str = "checkout") -> tuple[int, int | None]:
    """The floor and the CPU target of its HPA."""
    found = await app.context.reader.list_workloads("shop")
    hpa = await app.context.reader.autoscaler(next(w.target for w in found if w.target.name == name))
    assert hpa is not None
    return hpa.minimum, hpa.target_percent


def alerts_become(app: App, monkeypatch: pytest.MonkeyPatch, known: int | None) -> None:
    """So many alerts fire on each workload from now on; None: nobody knows."""
    metrics = app.context.metrics
    assert metrics is not None
    ask = metrics.fleet_latest

    async def alarmed(metric: Metric, targets: Any, now_ms: int) -> Any:
        found = await ask(metric, targets, now_ms)
        if metric is not Metric.ALERTS:
            return found
        missing: Missing = "" if known else "no_data"
        return {target: replace(number, v=known, missing=missing) for target, number in found.items()}

    monkeypatch.setattr(metrics, "fleet_latest", alarmed)


@pytest.mark.parametrize("how", ["time", "metrics", "pause", "policy", "death", "stop", "alert", "alerts?"])
def test_the_hpa_is_a_guard_while_the_forecast_lasts_and_then_as_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    async def work(app: App, duty: LoopDuty) -> None:
        pass_time(app, NIGHT_S)
        await leased(app, "checkout", 2, 4, **GUARD)
        await passes(app, duty, 2)
        assert (await stands_at(app))[1] == 80
        again = duty
        if how == "time":
            pass_time(app, 3600)
        elif how == "metrics":
            app.context.metrics = None
            again = LoopDuty(app)
        elif how == "pause":
            await turn(app.context, "agent:ops", app.identity.by_hand(), pause=True)
        elif how == "policy":
            write_policy(tmp_path / "policies", [*POLICY, *EVENTS])
        elif how == "death":
            again = LoopDuty(app)
            again._forecasts._metrics = None
        elif how.startswith("alert"):
            alerts_become(app, monkeypatch, 1 if how == "alert" else None)
        if how == "stop":
            await duty.rest(app.context.now_ms())
        else:
            await passes(app, again, 2)
        assert (await stands_at(app))[1] == 70
        if how == "time":
            assert await stands_at(app) == (2, 70)

    within(tmp_path, work, [*POLICY, GUARDS, *EVENTS])


def test_its_own_target_does_not_wait_for_what_was_refused(tmp_path: Path) -> None:
    """More is wanted than the range holds, and the floor may not be moved now: the HPA is no guard all the same."""

    async def work(app: App, duty: LoopDuty) -> None:
        pass_time(app, NIGHT_S)
        await leased(app, "checkout", 2, 4, **GUARD)
        await passes(app, duty, 2)
        assert (await stands_at(app))[1] == 80
        (one,) = await duty._envelopes.standing()
        (workload,) = [w for w in await app.context.reader.list_workloads("shop") if w.target == one.target]
        now = (await duty._moves.bounds(workload)).now
        much = Step(100, "above", 70)  # its HPA has no such maximum
        told = [(await duty._moves.to(one, workload, now, much, f"loop-{n}")).code for n in range(2)]
        assert told == ["failed", "above"]
        assert (await stands_at(app))[1] == 70

    within(tmp_path, work, [*POLICY, GUARDS])


def test_a_target_that_somebody_else_has_set_stays(tmp_path: Path) -> None:
    async def work(app: App, duty: LoopDuty) -> None:
        from sandbox.api.apiserver import Write
        from sandbox.api.store import Key

        assert app.world is not None
        pass_time(app, NIGHT_S)
        await leased(app, "checkout", 2, 4, seconds=300, **GUARD)
        metric = {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 55}}
        body = {"spec": {"metrics": [{"type": "Resource", "resource": metric}]}}
        key = Key("horizontalpodautoscaler", "shop", "checkout")
        app.world.send(Write("patch", key, "", body, "kubectl", "by-hand"))
        await passes(app, duty, 8)
        assert (await stands_at(app))[1] == 55
        assert await stands(app, "checkout") == 0

    within(tmp_path, work, [*POLICY, GUARDS])


@pytest.mark.parametrize("known", [1, None])
def test_while_an_alert_fires_or_nobody_knows_nothing_is_taken_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, known: int | None
) -> None:
    async def work(app: App, duty: LoopDuty) -> None:
        alerts_become(app, monkeypatch, known)
        pass_time(app, NIGHT_S)
        await leased(app, "checkout", 2, 4, **GUARD)
        await passes(app, duty, 3)
        assert (await stands_at(app))[1] == 70

    within(tmp_path, work, [*POLICY, GUARDS])


def test_a_live_event_raises_the_floor_and_lowers_nothing(tmp_path: Path) -> None:
    def wanted(told: list[dict[str, Any]]) -> int:
        return max(row[3] or 0 for one in told for row in one["rows"])

    async def work(app: App, duty: LoopDuty) -> None:
        await leased(app, low=2, high=8)
        plain = wanted(await passes(app, duty, 2))
        now_ms = app.context.now_ms()
        event = Event(
            name="sale", title="sale", namespace="shop", from_ms=now_ms, to_ms=now_ms + 3_600_000,
            at_least_ppm=5_000_000, source="test",
        )  # fmt: skip
        await Declarations(app.context).declare(event, app.identity.by_hand())
        assert wanted(await passes(app, duty, 2)) >= 3 * plain

    within(tmp_path, work, [*POLICY, *EVENTS])
