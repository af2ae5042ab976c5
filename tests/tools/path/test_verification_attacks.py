"""What is owed after a change, attacked: by a database shell without the key, by a stop in between, by bad luck.

| attack, or bad luck                                   | what must be so                                   |
|--------------------------------------------------------|---------------------------------------------------|
| `verify/` set, moved, or given back by hand            | nothing is judged or undone; the log is tampered  |
| a record of the change edited, its hash with it        | the same                                          |
| stopped, in conflict, in doubt while it is undone      | it stays owed, and is undone afterwards           |
| policy, or who changed it, refuses the undo            | told once, with the way by hand                   |
| another name of the same cluster                       | it stays owed there                               |
| deleted and made anew                                  | never undone on the new one                       |
| a cluster that stops to answer                         | asked once, not for each that is owed             |
| nobody looks before the next morning                   | what fails then is not put down to the change     |
"""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from audit.errors import LogTampered
from policies.permit import Permit
from tests.kit.log_attacks import edit, execute
from tests.tools.path.test_verification import becomes, changed, due, replicas, scaled, swept, told, within
from tests.tools.rig import Rig
from tests.tools.workloads import workload
from tools.cluster_types import ClusterIdentity
from tools.errors import ClusterUnavailable, DefiniteConflict, NeverHappened
from tools.path import kill_switch
from tools.path.outcome import Applied, Failed, Refused
from tools.path.put_back import passing

BY_HAND = "kubectl scale deployment/web -n shop --context sandbox --replicas=4"
Attack = Callable[[Rig], Awaitable[None]]


async def owed(one: Rig) -> None:
    await changed(one)
    becomes(one)
    one.clock.advance(100_000)


async def kept(one: Rig) -> None:
    await changed(one)
    becomes(one)
    due(one)
    await swept(one)


async def undone(one: Rig) -> None:
    await worse(one)
    await swept(one)


async def worse(one: Rig) -> None:
    await changed(one)
    becomes(one, ready=3)
    due(one)


@pytest.mark.parametrize("state", [owed, kept, undone])
@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE audit_claim SET value = 1 WHERE key LIKE 'verify/%'",
        "UPDATE audit_claim SET value = 1700000000000 WHERE key LIKE 'verify/%'",
        "INSERT INTO audit_claim VALUES ('verify/nobody', 1)",
    ],
)
def test_what_is_owed_is_not_set_by_hand(tmp_path: Path, state: Attack, sql: str) -> None:
    async def work(one: Rig) -> None:
        await state(one)
        before, writes = await told(one), len(one.cluster.written)
        execute(tmp_path / "audit.db", sql)
        with pytest.raises(LogTampered, match="the log's verify/"):
            await swept(one)
        assert (await told(one), len(one.cluster.written)) == (before, writes)

    within(tmp_path, work)


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM audit_claim WHERE key LIKE 'verify/%'",
        "UPDATE audit_claim SET value = value + 1 WHERE key LIKE 'verify/%'",
    ],
)
def test_what_is_owed_is_not_forgotten(tmp_path: Path, sql: str) -> None:
    """The next change of the workload finds it."""

    async def work(one: Rig) -> None:
        await owed(one)
        execute(tmp_path / "audit.db", sql)
        with pytest.raises(LogTampered, match="verify/"):
            await one.executor.execute(scaled(one, 9))
        assert len(one.cluster.written) == 1

    within(tmp_path, work)


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        (
            "action.intent",
            lambda record: record["observation"]["verify"]["before"].update(ready=4, restarted=-1),
        ),
        ("action.intent", lambda record: record["observation"]["verify"].pop("before")),
        ("action.intent", lambda record: record["before"]["fields"].update(replicas=20)),
        ("action.outcome", lambda record: record["after"].update(replicas=3)),
    ],
)
def test_nothing_is_judged_or_undone_by_a_record_that_was_edited(
    tmp_path: Path, kind: str, change: Callable[[dict[str, Any]], object]
) -> None:
    async def work(one: Rig) -> None:
        await worse(one)
        edit(tmp_path / "audit.db", kind, change)
        with pytest.raises(LogTampered, match="not proven by what was signed"):
            await swept(one)
        assert (await told(one), replicas(one)) == ([], 8)

    within(tmp_path, work)


def test_one_contradiction_holds_up_nothing_else(tmp_path: Path) -> None:
    """Of two that are due the first was tampered with; the second is judged all the same."""

    async def work(one: Rig) -> None:
        await changed(one)
        (first,) = await one.verifier.awaited()
        one.clock.advance(1_900_000)  # behind the cooldown
        becomes(one)
        assert isinstance(await one.executor.execute(scaled(one, 9)), Applied)
        becomes(one, ready=9)
        due(one)
        execute(
            tmp_path / "audit.db",
            f"UPDATE audit_claim SET value = 1 WHERE key = 'verify/{first.intent.record.id}'",
        )
        with pytest.raises(LogTampered):
            await swept(one)
        assert await told(one) == ["action.verified verified"]

    within(tmp_path, work)


async def _stop_file_right_before_the_write(one: Rig) -> None:
    read = one.cluster.read

    async def stopped(target: Any) -> Any:
        if one.context.stop_files.places[0].exists() is False:
            one.context.stop_files.put("all", {})
        return await read(target)

    one.cluster.read = stopped  # type: ignore[method-assign]
    await swept(one)
    one.cluster.read = read  # type: ignore[method-assign]
    one.context.stop_files.clear("all")


async def _stop_while_it_decides(one: Rig) -> None:
    root = one.cluster.root_owner

    async def thrown(target: Any) -> Any:
        await kill_switch.throw(one.context, "all", one.identity.by_hand(), "now")
        return await root(target)

    one.cluster.root_owner = thrown  # type: ignore[method-assign]
    await swept(one)
    one.cluster.root_owner = root  # type: ignore[method-assign]
    await kill_switch.lift(one.context, "all", one.identity.by_hand(), "over")


async def _conflicts(one: Rig) -> None:
    await _refused_by(one, DefiniteConflict("it moves", where="web", http=409))


async def _overloaded(one: Rig) -> None:
    await _refused_by(one, NeverHappened("too many requests", where="web", http=429))


async def _refused_by(one: Rig, error: Exception) -> None:
    apply = one.cluster.apply

    async def refuse(permit: Permit, *more: Any) -> Any:
        raise error

    one.cluster.apply = refuse  # type: ignore[method-assign]
    (found,) = await swept(one)
    assert isinstance(found.rollback, Failed)
    one.cluster.apply = apply  # type: ignore[method-assign]


@pytest.mark.parametrize(
    "luck", [_stop_file_right_before_the_write, _stop_while_it_decides, _conflicts, _overloaded]
)
def test_what_passes_leaves_the_rollback_owed(tmp_path: Path, luck: Attack) -> None:
    async def work(one: Rig) -> None:
        await worse(one)
        await luck(one)
        assert replicas(one) == 8
        assert [awaited.judged for awaited in await one.verifier.awaited()] == [True]
        (found,) = await swept(one)
        assert isinstance(found.rollback, Applied)
        assert replicas(one) == 4
        assert await told(one) == ["action.verified worse", "action.rolled_back applied"]

    within(tmp_path, work)


def test_a_refusal_by_the_cluster_is_told_once_with_the_way_by_hand(tmp_path: Path) -> None:
    async def work(one: Rig) -> None:
        await worse(one)
        await _refused_by(one, NeverHappened("forbidden", where="web", http=403))
        assert await one.verifier.awaited() == []
        (record,) = await one.log.find(kinds=("action.rolled_back",))
        assert record.record.labels == {"status": "failed"}
        assert (record.record.observation or {})["manual"] == BY_HAND

    within(tmp_path, work)


def test_a_policy_that_allows_it_no_more_is_told_once_with_the_way_by_hand(tmp_path: Path) -> None:
    async def work(one: Rig) -> None:
        await worse(one)
        path = tmp_path / "p" / "policy.yaml"
        path.write_text(path.read_text().replace('"actions": ["scale"]', '"actions": ["restart"]').replace(
            '"limits": {"replicas": {"min": 2, "max": 20, "maxStep": 20}}, ', ""))  # fmt: skip
        (found,) = await swept(one)
        assert isinstance(found.rollback, Refused)
        assert found.tried is not None
        assert (found.tried.owed, found.tried.manual) == (
            False,
            BY_HAND,
        )
        assert await swept(one) == []

    within(tmp_path, work)


def test_another_name_of_the_cluster_neither_judges_nor_spends_it(tmp_path: Path) -> None:
    """Under it another policy may hold; an undo would be refused as one of another cluster."""

    async def work(one: Rig) -> None:
        await worse(one)
        known = one.context.cluster
        one.context.cluster = ClusterIdentity("sandbox-admin", known.uid, known.server)
        assert await swept(one) == []
        one.context.cluster = known
        (found,) = await swept(one)
        assert isinstance(found.rollback, Applied)

    within(tmp_path, work)


def test_what_was_made_anew_is_never_undone(tmp_path: Path) -> None:
    """The verdict is recorded, the rollback is not; meanwhile somebody has deleted the workload and made it anew."""

    async def work(one: Rig) -> None:
        await worse(one)
        await kill_switch.throw(one.context, "all", one.identity.by_hand(), "paging storm")
        await swept(one)
        await kill_switch.lift(one.context, "all", one.identity.by_hand(), "over")
        one.cluster.script = [(replace(workload(8), uid="another"), ())]
        (found,) = await swept(one)
        assert isinstance(found.rollback, Failed)
        assert "another object of the same name" in found.rollback.what
        assert replicas(one) == 8

    within(tmp_path, work)


def test_a_cluster_that_stops_to_answer_is_asked_once(tmp_path: Path) -> None:
    async def work(one: Rig) -> None:
        await changed(one)
        one.clock.advance(1_900_000)
        becomes(one)
        assert isinstance(await one.executor.execute(scaled(one, 9)), Applied)
        due(one)
        one.cluster.script = [ClusterUnavailable("away", where="it")]
        before = one.cluster.looks
        assert await swept(one) == []
        assert one.cluster.looks - before == 1  # one change, one look
        assert len(await one.verifier.awaited()) == 2

    within(tmp_path, work)


def test_an_outage_of_the_next_morning_undoes_nothing(tmp_path: Path) -> None:
    async def work(one: Rig) -> None:
        await changed(one)
        one.clock.advance(12 * 3_600_000)
        becomes(one, ready=0)
        (found,) = await swept(one)
        assert found.verdict.word == "inconclusive"
        assert replicas(one) == 8

    within(tmp_path, work)


@pytest.mark.parametrize(
    "stage", ["rules", "limits", "ceiling", "freeze", "agent", "task", "approval", "identity"]
)
def test_a_no_is_no_passing_reason(tmp_path: Path, stage: str) -> None:
    async def work(one: Rig) -> None:
        request = scaled(one)
        assert not passing(Refused(request, 1, stage, None, "no"))
        assert not passing(Failed(request, 1, "no", "", "Forbidden", 403))
        assert passing(Refused(request, 1, "kill_switch", None, "stopped"))

    within(tmp_path, work)
