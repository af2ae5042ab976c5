"""An envelope is worth stealing: room without a question. What is in force is the log's word, and nobody else's."""

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from audit.errors import LogTampered
from base.instants import utc_text
from policies.claim_keys import ENVELOPE
from policies.decision import Decision
from policies.types import Claim
from tests.kit.envelopes import (
    LEASES,
    POLICY,
    SCALES,
    annotate,
    lease,
    leased,
    move,
    moved,
    pass_time,
    undone,
)
from tests.kit.installation import App, allow, doc, installation, replicas, write_policy
from tests.kit.log_attacks import execute
from tools.actions import registry
from tools.arguments import AutoscalerBoundsArgs, SetEnvelopeArgs
from tools.path.attempts import AttemptRunner
from tools.path.journal import actor_of, parent_of
from tools.path.kill_switch import throw
from tools.path.outcome import Applied, Pending, Refused, Result
from tools.path.requests import build

KEY = ENVELOPE.of("sandbox/shop/deployment/web")
Work = Callable[[App], Awaitable[None]]


def within(folder: Path, work: Work, policy: list[dict[str, Any]] = POLICY) -> None:
    policies = write_policy(folder / "policies", policy)

    async def run() -> None:
        async with installation(folder, policies) as app:
            await work(app)

    asyncio.run(run())


def denied(result: Result, says: str, stage: str = "envelope") -> None:
    assert isinstance(result, Refused), result
    assert (result.stage, says in result.detail) == (stage, True), (result.stage, result.detail)


async def integer(app: App) -> int:
    return (await app.log.values((KEY,)))[KEY]


def test_inside_the_range_its_own_cooldown_holds_in_place_of_the_rules(tmp_path: Path) -> None:
    async def work(app: App) -> None:
        under = (await leased(app)).intent
        first = await moved(app, 6, under)
        assert isinstance(first, Applied)
        assert parent_of((await app.log.entry(first.record)).record, "under") == under
        denied(await moved(app, 5, under), "wait", "cooldown")
        pass_time(app, 60)
        assert isinstance(await moved(app, 5, under), Applied)
        pass_time(app, 60)
        denied(await moved(app, 6, None), "wait", "cooldown")
        assert await replicas(app) == 5

    within(tmp_path, work)


@pytest.mark.parametrize("count", [2, 8])
def test_outside_of_the_range_is_no_move(tmp_path: Path, count: int) -> None:
    async def work(app: App) -> None:
        under = (await leased(app, 3, 7)).intent
        pass_time(app, 1800)
        denied(await moved(app, count, under), "outside of the envelope, 3 to 7")

    terms = {"longest": "8h", "moves": "30/h"}
    wide = allow("leases", ["set_envelope"], limits=LEASES["spec"]["limits"], envelope=terms)
    within(tmp_path, work, [*POLICY[:3], wide, *POLICY[4:]])


def test_the_largest_step_is_the_envelopes(tmp_path: Path) -> None:
    async def work(app: App) -> None:
        under = (await leased(app, 3, 8)).intent
        denied(await moved(app, 8, under), "envelope.maxStep = 3, not 4 to 8")
        assert isinstance(await moved(app, 7, under), Applied)

    within(tmp_path, work)


@pytest.mark.parametrize(("text", "says"), [
    ("1..10 until 2099-01-01T00:00:00Z, then at least 9, for agent:ops", ""),
    ("3..5 until 2099-01-01T00:00:00Z, then at least 4, for agent:ops", "outside of the envelope, 3 to 5"),
    ("5..7 until 2099-01-01T00:00:00Z, then at least 4, for agent:ops", ""),
    ("3..7 until 2000-01-01T00:00:00Z, then at least 4, for agent:ops", "only its floor, 4"),
    ("3..7 until 2099-01-01T00:00:00Z, then at least 4, for agent:other", "taken away"),
    ("anything", "taken away"),
    (None, "taken away"),
])  # fmt: skip
def test_an_annotation_takes_room_away_and_gives_none(tmp_path: Path, text: str | None, says: str) -> None:
    async def work(app: App) -> None:
        under = (await leased(app, 3, 7)).intent
        annotate(app, text)
        denied(
            await moved(app, 9, under), "outside" if text and not says.startswith(("only", "taken")) else ""
        )
        result = await moved(app, 6, under)
        if says:
            denied(result, says)
        else:
            assert isinstance(result, Applied), result

    within(tmp_path, work)


def test_a_new_envelope_brings_no_new_moves(tmp_path: Path) -> None:
    """Else whoever leases again and again moves without end."""
    terms = {"longest": "8h", "cooldown": "1s", "moves": "2/h"}
    few = allow("leases", ["set_envelope"], limits=LEASES["spec"]["limits"], envelope=terms)

    async def work(app: App) -> None:
        for count in (5, 6):
            assert isinstance(await moved(app, count, (await leased(app)).intent), Applied)
        pass_time(app, 60)
        denied(await moved(app, 5, (await leased(app)).intent), "envelope.moves = 2/h")
        pass_time(app, 3900)
        assert isinstance(await moved(app, 5, (await leased(app)).intent), Applied)

    within(tmp_path, work, [*POLICY[:3], few, *POLICY[4:]])


def stored(folder: Path, sql: str) -> None:
    (log,) = folder.rglob("audit.db")
    execute(log, sql)


def test_an_older_lease_is_not_put_in_force_by_hand(tmp_path: Path) -> None:
    """Somebody with a database shell makes the log's integer name a wider lease that another one has replaced."""

    async def work(app: App) -> None:
        wide, mark = (await leased(app, 3, 8)).intent, await integer(app)
        await leased(app, 3, 5)
        annotate(app, "3..8 until 2099-01-01T00:00:00Z, then at least 4, for agent:ops")
        stored(tmp_path, f"UPDATE audit_claim SET value = {mark} WHERE key = '{KEY}'")
        with pytest.raises(
            LogTampered, match=f"the log's {KEY} is {mark}, the records that are found lead to"
        ):
            await moved(app, 7, wide)
        assert await replicas(app) == 4

    within(tmp_path, work)


def test_moves_are_not_given_back_by_hand(tmp_path: Path) -> None:
    async def work(app: App) -> None:
        under = (await leased(app)).intent
        assert isinstance(await moved(app, 6, under), Applied)
        pass_time(app, 60)
        stored(tmp_path, "DELETE FROM audit_claim WHERE key LIKE 'spent/%/moves inside/%'")
        with pytest.raises(LogTampered, match="moves inside"):
            await moved(app, 5, under)

    within(tmp_path, work)


def test_a_forged_annotation_alone_is_no_envelope(tmp_path: Path) -> None:
    async def work(app: App) -> None:
        done = await app.executor.execute(move(app, 5, None))
        assert isinstance(done, Applied)
        annotate(app, "1..10 until 2099-01-01T00:00:00Z, then at least 9, for agent:ops")
        pass_time(app, 120)
        for under in ("a-foreign-id", done.intent, ""):
            denied(await moved(app, 6, under), "names no envelope")
        denied(await moved(app, 6, None), "wait", "cooldown")

    within(tmp_path, work)


def test_it_is_of_one_agent_one_person_and_one_object(tmp_path: Path) -> None:
    async def work(app: App) -> None:
        under = (await leased(app)).intent
        denied(await moved(app, 5, under, who=app.agent("agent:other")), "leased to agent:ops")
        denied(await moved(app, 5, under, who=app.identity.by_hand()), "leased to agent:ops")
        denied(await moved(app, 5, under, workload="deployment/search"), "of another object")

    within(tmp_path, work)


def test_a_workload_that_was_made_anew_has_none(tmp_path: Path) -> None:
    async def work(app: App) -> None:
        from sandbox.api.store import Key

        under = (await leased(app)).intent
        assert app.world is not None
        key = Key("deployment", "shop", "web")
        with app.world.store.read() as txn:
            manifest = txn.get(key)
        assert manifest is not None
        app.world.delete(key)
        pass_time(app, 60)
        kept = {name: manifest["metadata"][name] for name in ("name", "namespace", "labels", "annotations")}
        app.world.load(
            [{"apiVersion": "apps/v1", "kind": "Deployment", "metadata": kept, "spec": manifest["spec"]}]
        )
        pass_time(app, 60)
        denied(await moved(app, 5, under), "of another object")

    within(tmp_path, work)


@pytest.mark.parametrize("how", ["end", "undo", "another"])
def test_what_was_ended_lets_nothing_move(tmp_path: Path, how: str) -> None:
    async def work(app: App) -> None:
        done = await leased(app)
        if how == "undo":
            assert isinstance(await undone(app, done.record), Applied)
        else:
            low, high = (None, None) if how == "end" else (3, 6)
            assert isinstance(await app.executor.execute(lease(app, low, high)), Applied)
        pass_time(app, 60)
        denied(await moved(app, 5, done.intent), "ended, or another one has taken its place")

    within(tmp_path, work)


def test_an_envelope_that_ends_between_decision_and_commit_wins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The integer is claimed as it was seen: the intent is refused in its own commit."""

    async def work(app: App) -> None:
        under = (await leased(app)).intent
        decide = AttemptRunner.decide

        async def slowly(*asked: Any) -> Decision:
            found = await decide(*asked)
            record = app.log.draft("annotation", actor=actor_of(app.identity.by_hand()))
            await app.log.commit((record,), (Claim("set", KEY, 7),))
            return found

        monkeypatch.setattr(AttemptRunner, "decide", slowly)
        denied(await moved(app, 5, under), "the envelope", "envelope")
        assert await replicas(app) == 4

    within(tmp_path, work)


def test_when_its_time_is_over_only_its_floor_is_put_back_and_once(tmp_path: Path) -> None:
    async def work(app: App) -> None:
        under = (await leased(app, 2, 7)).intent
        assert isinstance(await moved(app, 2, under), Applied)
        pass_time(app, 3600)
        for count in (3, 5, 1):
            denied(await moved(app, count, under), "only its floor, 4")
        assert isinstance(await moved(app, 4, under), Applied)
        assert await integer(app) == 0
        pass_time(app, 3600)
        denied(await moved(app, 4, under), "ended, or another one")

    within(tmp_path, work)


def test_more_than_the_floor_stays_where_nobody_watches_any_more(tmp_path: Path) -> None:
    async def work(app: App) -> None:
        under = (await leased(app, 3, 7)).intent
        assert isinstance(await moved(app, 6, under), Applied)
        pass_time(app, 3600)
        denied(await moved(app, 4, under), "only its floor, 4")
        closed = await moved(app, 6, under)
        assert isinstance(closed, Applied)
        assert closed.unchanged
        assert await integer(app) == 0

    within(tmp_path, work)


def test_a_stop_a_freeze_and_a_ceiling_bind_inside_as_well(tmp_path: Path) -> None:
    cap = doc("Ceiling", "cap", {"target": {"clusters": ["*"], "namespaces": ["shop"], "names": ["*"]},
                                 "limits": {"replicas": {"max": 5}}})  # fmt: skip
    frozen = doc("Freeze", "frozen", {"scope": {"clusters": ["sandbox"]}, "windows": [
        {"from": "2000-01-01T00:00:00Z", "until": "2100-01-01T00:00:00Z"}]})  # fmt: skip

    async def work(app: App) -> None:
        under = (await leased(app)).intent
        write_policy(tmp_path / "policies", [*POLICY, cap])
        denied(await moved(app, 6, under), "limits.replicas.max = 5", "ceiling")
        write_policy(tmp_path / "policies", [*POLICY, frozen])
        denied(await moved(app, 5, under), "frozen", "freeze")
        write_policy(tmp_path / "policies", POLICY)
        await throw(app.context, "agent:ops", app.identity.by_hand(), "")
        denied(await moved(app, 5, under), "stopped", "kill_switch")

    within(tmp_path, work)


def test_policy_that_would_not_lease_it_any_more_lets_nothing_move(tmp_path: Path) -> None:
    narrow = allow("leases", ["set_envelope"], limits={"minReplicas": {"min": 2, "max": 8},
                   "maxReplicas": {"min": 2, "max": 6}}, envelope={"longest": "8h", "moves": "30/h"})  # fmt: skip

    async def work(app: App) -> None:
        under = (await leased(app)).intent
        for rules in ([narrow], []):
            write_policy(tmp_path / "policies", [*POLICY[:3], *rules, *POLICY[4:]])
            denied(await moved(app, 5, under), "would not lease this envelope any more")

    within(tmp_path, work)


def test_the_rules_of_the_move_itself_must_allow_it(tmp_path: Path) -> None:
    async def work(app: App) -> None:
        under = (await leased(app, 3, 8)).intent
        write_policy(tmp_path / "policies", [p for p in POLICY if p is not SCALES])
        denied(await moved(app, 5, under), "no rule lets", "rules")

    within(tmp_path, work)


ASKS = {"from": "local", "expires": "10m"}


def test_what_the_envelope_was_approved_for_is_not_asked_again(tmp_path: Path) -> None:
    asking = allow("scales", ["scale"], limits={"replicas": {"min": 1, "max": 10}},
                   approval={**ASKS, "when": "always"})  # fmt: skip
    asked = allow("leases", ["set_envelope", "end_envelope"], limits=LEASES["spec"]["limits"],
                  envelope=LEASES["spec"]["envelope"], approval={**ASKS, "when": "always"})  # fmt: skip

    async def work(app: App) -> None:
        request = lease(app)
        question = await app.executor.execute(request)
        assert isinstance(question, Pending)
        done = await app.approvals.approve(question.handle, app.identity.by_hand())
        assert isinstance(done, Applied)
        pass_time(app, 60)
        assert isinstance(await moved(app, 5, done.intent), Applied)
        pass_time(app, 60)
        assert isinstance(await moved(app, 5, None), Pending)

    within(tmp_path, work, [*POLICY[:3], asked, asking, POLICY[5]])


def test_an_envelope_without_a_vote_covers_no_question(tmp_path: Path) -> None:
    asking = allow("scales", ["scale"], limits={"replicas": {"min": 1, "max": 10}},
                   approval={**ASKS, "when": "always"})  # fmt: skip

    async def work(app: App) -> None:
        under = (await leased(app)).intent
        assert isinstance(await moved(app, 5, under), Pending)

    within(tmp_path, work, [*POLICY[:4], asking, POLICY[5]])


GUARDS = allow("guards", ["set_guarded_envelope", "end_envelope"], envelope=LEASES["spec"]["envelope"], limits={
    **LEASES["spec"]["limits"], "targetPercent": {"min": 60, "max": 80}})  # fmt: skip
AIMS = allow("aims", ["set_autoscaler_bounds"], limits={
    "minReplicas": {"min": 1, "max": 20}, "maxReplicas": {"min": 1, "max": 40},
    "targetPercent": {"min": 1, "max": 100}})  # fmt: skip
GUARDED = [*POLICY, GUARDS, AIMS]
GUARD = {"workload": "deployment/checkout", "floor": 2, "guard_percent": 80, "target_percent": 70}


async def aimed(app: App, under: str | None, **wanted: int) -> Result:
    """A move of checkout's HPA."""
    args = registry.parse(AutoscalerBoundsArgs, {"workload": "deployment/checkout", **wanted})
    request = build(
        "set_autoscaler_bounds", args, id=uuid.uuid4().hex, principal=app.agent("agent:ops"), cluster="sandbox",
        namespace="shop", mode="live", under=under,
    )  # fmt: skip
    return await app.executor.execute(request)


async def guarded(app: App, **more: Any) -> Result:
    """A lease of checkout with another target of its HPA."""
    until = utc_text(app.context.now_ms() + 3_600_000)
    fields = {"min_replicas": 2, "max_replicas": 3, "until": until, "agent": "agent:ops", **GUARD, **more}
    args = registry.parse(SetEnvelopeArgs, fields)
    request = build(
        "set_envelope", args, id=uuid.uuid4().hex, principal=app.agent("agent:ops"), cluster="sandbox",
        namespace="shop", mode="live",
    )  # fmt: skip
    done = await app.executor.execute(request)
    pass_time(app, 60)
    return done


def test_a_rule_that_leases_ranges_leases_no_guard(tmp_path: Path) -> None:
    async def work(app: App) -> None:
        denied(await guarded(app), "set_guarded_envelope", "names")

    within(tmp_path, work, [*POLICY, AIMS])


@pytest.mark.parametrize(("more", "says", "stage"), [
    ({"guard_percent": 85}, "limits.targetPercent.max = 80", "limits"),
    ({"floor": 9}, "its floor 9 and its CPU target 70% would be put back", "envelope"),
    ({"floor": 1}, "its floor 1", "envelope"),
])  # fmt: skip
def test_what_is_put_back_is_judged_when_it_is_leased(
    tmp_path: Path, more: dict[str, Any], says: str, stage: str
) -> None:
    async def work(app: App) -> None:
        denied(await guarded(app, **more), says, stage)
        assert isinstance(await guarded(app), Applied)

    within(tmp_path, work, GUARDED)


def test_without_a_guard_the_floor_is_judged_too(tmp_path: Path) -> None:
    async def work(app: App) -> None:
        denied(await app.executor.execute(lease(app, floor=9)), "its floor 9")

    within(tmp_path, work)


def test_a_target_that_is_not_leased_is_no_move(tmp_path: Path) -> None:
    async def work(app: App) -> None:
        done = await guarded(app)
        assert isinstance(done, Applied), done
        for percent in (75, 90, 100):
            denied(await aimed(app, done.intent, target_percent=percent), "is not leased")
        denied(await aimed(app, done.intent, max_replicas=5), "no move inside")
        denied(await aimed(app, done.intent, min_replicas=4, target_percent=80), "outside of the envelope")
        assert isinstance(await aimed(app, done.intent, min_replicas=3, target_percent=80), Applied)
        assert isinstance(await aimed(app, done.intent, target_percent=70), Applied)  # at once: the way back

    within(tmp_path, work, GUARDED)


def test_a_range_without_a_guard_moves_no_target(tmp_path: Path) -> None:
    async def work(app: App) -> None:
        done = await app.executor.execute(lease(app, 2, 8, floor=2))
        assert isinstance(done, Applied)
        plain = await guarded(app, guard_percent=None, target_percent=None)
        assert isinstance(plain, Applied), plain
        denied(await aimed(app, plain.intent, min_replicas=3, target_percent=80), "is not leased")

    within(tmp_path, work, GUARDED)


def test_once_it_is_over_only_its_own_target_is_put_back_with_the_floor(tmp_path: Path) -> None:
    async def work(app: App) -> None:
        done = await guarded(app)
        assert isinstance(done, Applied), done
        assert isinstance(await aimed(app, done.intent, min_replicas=3, target_percent=80), Applied)
        pass_time(app, 3600)
        denied(await aimed(app, done.intent, min_replicas=2, target_percent=75), "is not leased")
        denied(await aimed(app, done.intent, target_percent=70), "is to be put back too")
        assert isinstance(await aimed(app, done.intent, min_replicas=2, target_percent=70), Applied)
        denied(await aimed(app, done.intent, min_replicas=2, target_percent=80), "ended, or another one")

    within(tmp_path, work, GUARDED)


def test_an_annotation_takes_the_guard_away(tmp_path: Path) -> None:
    async def work(app: App) -> None:
        done = await guarded(app)
        assert isinstance(done, Applied), done
        text = "2..3 until 2099-01-01T00:00:00Z, then at least 2, for agent:ops"
        annotate(app, text, name="checkout")
        denied(await aimed(app, done.intent, min_replicas=3, target_percent=80), "is not leased")
        annotate(app, text.replace("then at least 2", "HPA at 99%, then at least 2 at 99%"), name="checkout")
        denied(await aimed(app, done.intent, target_percent=99), "is not leased")
        assert isinstance(await aimed(app, done.intent, target_percent=80), Applied)

    within(tmp_path, work, GUARDED)
