"""The cluster's faults on the way of one action: what it says, what is recorded, what the world looks like.

| fault                        | result             | effect |
|------------------------------|--------------------|--------|
| refused, 429                 | Failed             | none   |
| 409, one or two              | decided again      | one    |
| no answer or 500, before     | Unknown, not applied | none |
| no answer or 500, after      | Unknown, applied   | one    |
| overwritten before the look  | Unknown, a person  | gone   |
"""

from pathlib import Path

import pytest

from sandbox.api.apiserver import Write
from sandbox.api.faults import Fault, FaultKind
from sandbox.api.store import Key
from tests.kit.crash_rig import Rig, balanced, run
from tools.errors import ArgumentsInvalid, ClusterUnavailable
from tools.path import kill_switch
from tools.path.attempts import TRIES
from tools.path.journal import actor_of
from tools.path.outcome import Applied, Failed, Refused, Simulated, Unknown
from tools.path.standing import RequestReused
from tools.path.undo import newest

WITHOUT_EFFECT = (FaultKind.TIMEOUT_BEFORE, FaultKind.ERROR_BEFORE)
WITH_EFFECT = (FaultKind.TIMEOUT_AFTER, FaultKind.ERROR_AFTER)


@pytest.mark.parametrize("kind", [FaultKind.REFUSED, FaultKind.THROTTLED])
def test_what_never_arrived_has_failed_and_frees_the_workload(folder: Path, kind: FaultKind) -> None:
    async def work(rig: Rig) -> None:
        rig.world.inject([Fault(kind)])
        assert isinstance(await rig.executor.execute(rig.scale(5, id="request-1")), Failed)
        again = await rig.executor.execute(rig.scale(5, id="request-1"))
        assert isinstance(again, Failed)
        assert again.replayed
        assert isinstance(await rig.executor.execute(rig.scale(5, id="request-2")), Applied)
        assert (await balanced(rig)).statuses() == {"failed": 1, "applied": 1}

    run(folder, work)


@pytest.mark.parametrize("name", ["web", "queue"])
@pytest.mark.parametrize("kind", [*WITHOUT_EFFECT, *WITH_EFFECT])
def test_a_lost_answer_is_in_doubt_until_somebody_looks(folder: Path, kind: FaultKind, name: str) -> None:
    async def work(rig: Rig) -> None:
        rig.world.inject([Fault(kind)])
        assert isinstance(await rig.executor.execute(rig.scale(5, name, id="request-1")), Unknown)
        await balanced(rig, still_open=1)
        (result,) = await rig.executor.resolver.sweep()
        assert isinstance(result, Applied if kind in WITH_EFFECT else Failed)
        assert await rig.executor.resolver.sweep() == []
        assert (await balanced(rig)).statuses() == {
            "applied" if kind in WITH_EFFECT else "not_applied": 1,
        }

    run(folder, work)


@pytest.mark.parametrize("name", ["web", "search"])
@pytest.mark.parametrize("times", range(1, TRIES))
def test_a_conflict_is_decided_again(folder: Path, times: int, name: str) -> None:
    """On `search` the rehearsal meets the conflict, before there is an intent."""

    async def work(rig: Rig) -> None:
        rig.world.inject([Fault(FaultKind.CONFLICT, times=times)])
        assert isinstance(await rig.executor.execute(rig.scale(5, name, id="request-1")), Applied)
        conflicts = {"conflict": times} if name == "web" else {}
        assert (await balanced(rig)).statuses() == {"applied": 1, **conflicts}

    run(folder, work)


@pytest.mark.parametrize("name", ["web", "search"])
def test_conflicts_without_end_fail(folder: Path, name: str) -> None:
    async def work(rig: Rig) -> None:
        rig.world.inject([Fault(FaultKind.CONFLICT, times=TRIES)])
        result = await rig.executor.execute(rig.scale(5, name, id="request-1"))
        assert isinstance(result, Failed)
        assert result.http == 409
        assert not (await balanced(rig)).effects
        assert isinstance(await rig.executor.execute(rig.scale(5, name, id="request-2")), Applied)

    run(folder, work)


def test_a_conflict_is_not_left_in_doubt_when_the_cluster_goes_away(folder: Path) -> None:
    """It is known to be without effect: that is recorded before the command gives up."""

    async def work(rig: Rig) -> None:
        reads = 4  # identity, root owner, identity and the view: the next read is the one after the conflict
        rig.world.inject([Fault(FaultKind.CONFLICT)])
        for skip in range(reads):
            rig.world.heal()
            rig.world.inject(
                [Fault(FaultKind.CONFLICT), Fault(FaultKind.REFUSED, on="read", skip=skip, times=9)]
            )
            with pytest.raises(ClusterUnavailable):
                await rig.executor.execute(rig.scale(5, id="request-1"))
            rig.world.heal()
            b = await balanced(rig)
        assert b.statuses() == {"conflict": 1}
        assert isinstance(await rig.executor.execute(rig.scale(5, id="request-1")), Applied)
        await balanced(rig)

    run(folder, work)


def test_away_before_the_write_nothing_was_sent(folder: Path) -> None:
    async def work(rig: Rig) -> None:
        rig.world.inject([Fault(FaultKind.REFUSED, on="read", times=9)])
        with pytest.raises(ClusterUnavailable):
            await rig.executor.execute(rig.scale(5, id="request-1"))
        assert not rig.world.arrivals()
        rig.world.heal()
        assert isinstance(await rig.executor.execute(rig.scale(5, id="request-1")), Applied)
        await balanced(rig)

    run(folder, work)


def test_away_after_the_write_it_stays_in_doubt(folder: Path) -> None:
    """As long as nobody can look, nothing is said, and nothing else is done to the workload."""

    async def work(rig: Rig) -> None:
        rig.world.inject([Fault(FaultKind.TIMEOUT_AFTER), Fault(FaultKind.REFUSED, on="fence", times=2)])
        await rig.executor.execute(rig.scale(5, id="request-1"))
        rig.world.inject([Fault(FaultKind.TIMEOUT_BEFORE, on="read", times=99)])
        (result,) = await rig.executor.resolver.sweep()
        assert isinstance(result, Unknown)
        rig.world.heal()
        assert isinstance(await rig.executor.execute(rig.scale(5, id="request-1")), Applied)
        await balanced(rig)

    run(folder, work)


def test_overwritten_before_the_look_is_for_a_person(folder: Path) -> None:
    """Another manager has put the old number back: our marker is gone, and nobody can know."""

    async def work(rig: Rig) -> None:
        rig.world.inject([Fault(FaultKind.OVERWRITTEN)])
        await rig.executor.execute(rig.scale(5, id="request-1"))
        (result,) = await rig.executor.resolver.sweep()
        assert isinstance(result, Unknown)
        assert "another writer has changed it since" in result.why
        blocked = await rig.executor.execute(rig.scale(7, id="request-2"))
        assert isinstance(blocked, Refused)
        assert blocked.stage == "in-doubt"
        assert await rig.replicas() == 2
        (intent,) = await rig.executor.resolver.open_intents()
        who = actor_of(rig.identity.by_hand())
        await rig.executor.resolver.by_hand(intent, "applied", "seen in the cluster's audit log", who)
        end = (await balanced(rig)).ends[intent.record.id][0].record
        assert end.actor == who
        assert end.outcome is not None
        assert end.outcome.detail == "seen in the cluster's audit log"
        assert (end.observation or {})["managers"], "what the object looked like is evidence"
        assert isinstance(await rig.executor.execute(rig.scale(7, id="request-3")), Applied)

    run(folder, work)


def test_a_person_cannot_say_what_the_object_contradicts(folder: Path) -> None:
    async def work(rig: Rig) -> None:
        rig.world.inject([Fault(FaultKind.TIMEOUT_AFTER)])
        await rig.executor.execute(rig.scale(5, id="request-1"))
        (intent,) = await rig.executor.resolver.open_intents()
        who = actor_of(rig.identity.by_hand())
        with pytest.raises(ArgumentsInvalid):
            await rig.executor.resolver.by_hand(intent, "not_applied", "I think so", who)
        await balanced(rig, still_open=1)

    run(folder, work)


def test_a_persons_word_comes_too_late(folder: Path) -> None:
    """It was resolved between the listing and the word: the person is told, and nothing is said twice."""

    async def work(rig: Rig) -> None:
        rig.world.inject([Fault(FaultKind.TIMEOUT_AFTER)])
        await rig.executor.execute(rig.scale(5, id="request-1"))
        (intent,) = await rig.executor.resolver.open_intents()
        await rig.executor.resolver.sweep()
        somebody_scales(rig, 9)
        who = actor_of(rig.identity.by_hand())
        with pytest.raises(ArgumentsInvalid, match="resolved it meanwhile"):
            await rig.executor.resolver.by_hand(intent, "not_applied", "nothing was there", who)
        assert (await balanced(rig)).statuses() == {"applied": 1}

    run(folder, work)


def test_a_persons_word_fences_late_writes_too(folder: Path) -> None:
    async def work(rig: Rig) -> None:
        rig.world.inject([Fault(FaultKind.DELAYED)])
        await rig.executor.execute(rig.scale(5, id="request-1"))
        (intent,) = await rig.executor.resolver.open_intents()
        who = actor_of(rig.identity.by_hand())
        await rig.executor.resolver.by_hand(intent, "not_applied", "it never arrived", who)
        assert [a.code for a in rig.world.release()] == [409]
        await balanced(rig)

    run(folder, work)


def test_another_object_of_the_same_name_is_for_a_person(folder: Path) -> None:
    """Deleted and made again since the intent: nothing of ours is on it, and that proves nothing."""

    async def work(rig: Rig) -> None:
        rig.world.inject([Fault(FaultKind.TIMEOUT_BEFORE)])
        await rig.executor.execute(rig.scale(5, id="request-1"))
        with rig.world.store.read() as txn:
            manifest = txn.get(Key("deployment", "shop", "web")) or {}
        rig.world.delete(Key("deployment", "shop", "web"))
        (gone,) = await rig.executor.resolver.sweep()
        assert isinstance(gone, Unknown)
        again = await rig.executor.execute(rig.scale(5, id="request-1"))
        assert isinstance(again, Unknown), "gone is no reason to say that it failed"
        manifest["metadata"] = {"name": "web", "namespace": "shop"}
        rig.world.load([manifest])
        (other,) = await rig.executor.resolver.sweep()
        assert isinstance(other, Unknown)
        assert "another object" in other.why
        await balanced(rig, still_open=1)

    run(folder, work)


def test_an_outcome_is_found_again_when_the_workload_is_gone(folder: Path) -> None:
    async def work(rig: Rig) -> None:
        await rig.executor.execute(rig.scale(5, id="request-1"))
        rig.world.delete(Key("deployment", "shop", "web"))
        result = await rig.executor.execute(rig.scale(5, id="request-1"))
        assert isinstance(result, Applied)
        assert result.replayed
        assert isinstance(await rig.executor.execute(rig.scale(5, id="request-2")), Failed)

    run(folder, work)


def test_dry_runs_do_not_hide_what_is_in_doubt(folder: Path) -> None:
    """They are refused while something is open, and however many there are, it is found."""

    async def work(rig: Rig) -> None:
        for n in range(12):
            await rig.executor.execute(rig.scale(3, id=f"dry-run-{n}", mode="dry_run"))
        rig.world.inject([Fault(FaultKind.OVERWRITTEN)])
        await rig.executor.execute(rig.scale(5, id="request-1"))
        for n in range(12, 24):
            result = await rig.executor.execute(rig.scale(3, id=f"dry-run-{n}", mode="dry_run"))
            assert isinstance(result, Refused)
        assert len(await rig.executor.resolver.open_intents()) == 1

    run(folder, work)


def test_a_dry_run_does_not_resolve_either(folder: Path) -> None:
    """The resolver's fence is a write: a dry run leaves the object as it is."""

    async def work(rig: Rig) -> None:
        rig.world.inject([Fault(FaultKind.TIMEOUT_BEFORE)])
        await rig.executor.execute(rig.scale(5, id="request-1"))
        arrived = len(rig.world.arrivals())
        result = await rig.executor.execute(rig.scale(5, id="dry-run-1", mode="dry_run"))
        assert isinstance(result, Refused)
        assert result.stage == "in-doubt"
        assert len(rig.world.arrivals()) == arrived
        await balanced(rig, still_open=1)

    run(folder, work)


def test_a_dry_run_is_never_in_doubt(folder: Path) -> None:
    async def work(rig: Rig) -> None:
        rig.world.inject([Fault(FaultKind.TIMEOUT_BEFORE)])
        assert isinstance(await rig.executor.execute(rig.scale(5, id="dry-run-1", mode="dry_run")), Failed)
        assert isinstance(await rig.executor.execute(rig.scale(5, id="dry-run-2", mode="dry_run")), Simulated)
        assert not (await balanced(rig)).effects
        assert await rig.replicas() == 2

    run(folder, work)


def test_what_is_so_already_is_not_sent(folder: Path) -> None:
    """On a real apiserver a `/scale` without change takes `replicas` from its owner, and later marks with it."""

    async def work(rig: Rig) -> None:
        result = await rig.executor.execute(rig.scale(2, id="request-1"))
        assert isinstance(result, Applied)
        assert result.unchanged
        assert not rig.world.arrivals()
        assert (await balanced(rig)).statuses() == {"unchanged": 1}
        again = await rig.executor.execute(rig.scale(2, id="request-1"))
        assert isinstance(again, Applied)
        assert again.unchanged
        assert again.replayed

    run(folder, work)


def test_what_is_so_already_needs_no_cooldown_and_begins_none(folder: Path) -> None:
    """`search` cools down for ten minutes after a change."""

    async def work(rig: Rig) -> None:
        same = await rig.executor.execute(rig.scale(2, "search", id="so-already-1"))
        assert isinstance(same, Applied)
        assert same.unchanged
        assert isinstance(await rig.executor.execute(rig.scale(5, "search", id="a-change-1")), Applied)
        again = await rig.executor.execute(rig.scale(5, "search", id="so-already-2"))
        assert isinstance(again, Applied)
        assert again.unchanged
        refused = await rig.executor.execute(rig.scale(6, "search", id="a-change-2"))
        assert isinstance(refused, Refused)
        assert refused.stage == "cooldown"
        assert (await balanced(rig)).statuses() == {"unchanged": 2, "applied": 1}
        newest_of_ours = await newest(rig.context, rig.identity.by_hand())
        assert newest_of_ours < again.record, "what changed nothing is not what `undo --last` undoes"

    run(folder, work)


def test_a_change_between_read_and_write_is_seen(folder: Path) -> None:
    """Somebody else's write lands between our read and our PATCH: a 409, and the second look decides."""

    async def work(rig: Rig) -> None:
        rig.executor._runner._writer = Interloper(rig, 4)
        result = await rig.executor.execute(rig.scale(6, id="request-1"))
        assert isinstance(result, Applied)
        assert result.diff == "4 -> 6"
        assert (await balanced(rig)).statuses() == {"conflict": 1, "applied": 1}

    run(folder, work)


class Interloper:
    """A writer before whose first write somebody else scales."""

    def __init__(self, rig: Rig, replicas: int) -> None:
        self._rig, self._theirs, self._inner = rig, [replicas], rig.executor._runner._writer

    async def apply(self, *args: object) -> object:
        if self._theirs:
            somebody_scales(self._rig, self._theirs.pop())
        return await self._inner.apply(*args)  # type: ignore[arg-type]


def somebody_scales(rig: Rig, replicas: int) -> None:
    key = Key("deployment", "shop", "web")
    rig.world.send(Write("patch", key, "scale", {"spec": {"replicas": replicas}}, "lena"))


def test_a_lost_rehearsal_is_not_a_lost_write(folder: Path) -> None:
    """A rule that demands a dry run first: no answer to that is a plain failure, and nothing is in doubt."""

    async def work(rig: Rig) -> None:
        rig.world.inject([Fault(FaultKind.TIMEOUT_AFTER)])
        result = await rig.executor.execute(rig.scale(5, "search", id="request-1"))
        assert isinstance(result, Failed)
        assert "nothing was written" in result.what
        assert not await rig.executor.resolver.open_intents()
        assert isinstance(await rig.executor.execute(rig.scale(5, "search", id="request-2")), Applied)

    run(folder, work)


def test_the_kill_switch_holds_the_fence_back(folder: Path) -> None:
    """A write that may still be in flight stays in doubt while stopped: Flyball writes nothing, its fence neither."""

    async def work(rig: Rig) -> None:
        rig.world.inject([Fault(FaultKind.TIMEOUT_BEFORE)])
        assert isinstance(await rig.executor.execute(rig.scale(5, id="request-1")), Unknown)
        me = rig.identity.by_hand()
        await kill_switch.throw(rig.context, "all", me, "paging storm")
        sent = len(rig.world.arrivals())
        (result,) = await rig.executor.resolver.sweep()
        assert isinstance(result, Unknown)
        assert "all is stopped, so it is not fenced off" in result.why
        assert len(rig.world.arrivals()) == sent
        await kill_switch.lift(rig.context, "all", me, "over")
        (result,) = await rig.executor.resolver.sweep()
        assert isinstance(result, Failed)
        await balanced(rig)

    run(folder, work)


def test_the_fence_is_told_before_it_is_sent(folder: Path) -> None:
    async def work(rig: Rig) -> None:
        rig.world.inject([Fault(FaultKind.TIMEOUT_BEFORE), Fault(FaultKind.REFUSED, on="fence", times=9)])
        await rig.executor.execute(rig.scale(5, id="request-1"))
        await rig.executor.resolver.sweep()
        told = [e.record for e in await rig.log.find() if (e.record.labels or {}).get("action") == "resolve"]
        assert [record.request_id for record in told] == ["request-1"]

    run(folder, work)


def test_an_id_that_is_used_for_something_else_leaves_a_record(folder: Path) -> None:
    async def work(rig: Rig) -> None:
        done = await rig.executor.execute(rig.scale(5, id="request-1"))
        with pytest.raises(RequestReused):
            await rig.executor.execute(rig.scale(6, id="request-1"))
        (last,) = await rig.log.find(newest_first=True, limit=1)
        assert last.record.decision is not None
        assert (last.record.decision.verdict, last.record.decision.stage) == ("deny", "request")
        assert last.record.request_digest == rig.scale(6, id="request-1").digest
        again = await rig.executor.execute(rig.scale(5, id="request-1"))
        assert isinstance(again, Applied)
        assert (again.record, again.replayed) == (done.record, True)
        await balanced(rig)

    run(folder, work)
