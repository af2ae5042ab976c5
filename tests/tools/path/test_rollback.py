"""undo: exactly the recorded pre-image, in time, with right of way over cooldown and freeze, nothing else."""

from pathlib import Path

import pytest

from policies.types import Request
from sandbox.api.apiserver import Write
from sandbox.api.faults import Fault, FaultKind
from sandbox.api.store import Key
from tests.kit.crash_rig import POLICY, Rig, balanced, run
from tools.errors import ArgumentsInvalid
from tools.path import kill_switch
from tools.path.outcome import Applied, Failed, Pending, Refused, Result
from tools.path.undo import newest, proposal

FREEZE = """apiVersion: flyball/v1
kind: Freeze
metadata: {name: release-night}
spec:
  scope: {clusters: [sandbox], namespaces: [shop]}
  windows:
    - {from: "2026-01-01T00:00:00Z", until: "2027-01-01T00:00:00Z"}
...
"""


async def undo(rig: Rig, of: Result, id: str = "the-undo") -> Request:
    return await proposal(rig.context, of.record, id=id, principal=rig.identity.by_hand(), mode="live")


async def scaled(rig: Rig, replicas: int, name: str = "web", id: str = "the-change") -> Applied:
    result = await rig.executor.execute(rig.scale(replicas, name, id=id))
    assert isinstance(result, Applied)
    return result


def somebody_scales(rig: Rig, replicas: int, name: str = "web") -> None:
    key = Key("deployment", "shop", name)
    rig.world.send(Write("patch", key, "scale", {"spec": {"replicas": replicas}}, "lena"))


def test_it_puts_back_what_was_there(folder: Path) -> None:
    async def work(rig: Rig) -> None:
        done = await scaled(rig, 7)
        back = await rig.executor.execute(await undo(rig, done))
        assert isinstance(back, Applied)
        assert (back.before["fields"], back.after) == ({"replicas": 7}, {"replicas": 2})
        b = await balanced(rig)
        undoes = [p.id for p in b.intents[back.intent].record.parents if p.rel == "undoes"]
        assert undoes == [done.intent]

    run(folder, work)


def test_an_undo_can_be_undone(folder: Path) -> None:
    async def work(rig: Rig) -> None:
        done = await scaled(rig, 7)
        back = await rig.executor.execute(await undo(rig, done))
        again = await rig.executor.execute(await undo(rig, back, "undo-the-undo"))
        assert isinstance(again, Applied)
        assert await rig.replicas() == 7
        await balanced(rig)

    run(folder, work)


def test_what_somebody_changed_since_is_theirs(folder: Path) -> None:
    async def work(rig: Rig) -> None:
        done = await scaled(rig, 7)
        somebody_scales(rig, 9)
        result = await rig.executor.execute(await undo(rig, done))
        assert isinstance(result, Failed)
        assert result.what == "deployment/web: now 9, we left 7; last writer lena"
        assert result.hint.startswith("flyball changes deployment/web -n shop")
        assert result.quotes, "a field manager may call itself anything"
        assert await rig.replicas() == 9
        await balanced(rig)

    run(folder, work)


def test_a_later_change_of_ours_is_told_by_its_record(folder: Path) -> None:
    async def work(rig: Rig) -> None:
        done = await scaled(rig, 7)
        later = await scaled(rig, 8, id="the-next-change")
        result = await rig.executor.execute(await undo(rig, done))
        assert isinstance(result, Failed)
        assert result.what == f"deployment/web: now 8, we left 7; last writer record {later.record}"
        assert not result.quotes, "it is our own log that names it"

    run(folder, work)


def test_who_claims_to_be_a_change_of_ours_and_is_none_is_quoted(folder: Path) -> None:
    async def work(rig: Rig) -> None:
        done = await scaled(rig, 7)
        key = Key("deployment", "shop", "web")
        rig.world.send(Write("patch", key, "scale", {"spec": {"replicas": 9}}, "flyball-not-ours"))
        result = await rig.executor.execute(await undo(rig, done))
        assert isinstance(result, Failed)
        assert result.what.endswith("last writer flyball-not-ours")
        assert result.quotes

    run(folder, work)


def test_it_has_right_of_way_over_the_cooldown(folder: Path) -> None:
    async def work(rig: Rig) -> None:
        done = await scaled(rig, 7, "search")
        held = await rig.executor.execute(rig.scale(8, "search", id="too-soon-1"))
        assert isinstance(held, Refused)
        assert held.stage == "cooldown"
        assert isinstance(await rig.executor.execute(await undo(rig, done)), Applied)
        still = await rig.executor.execute(rig.scale(8, "search", id="too-soon-2"))
        assert isinstance(still, Refused), "the rollback is exempt, the next change is not"
        assert await rig.replicas("search") == 2

    run(folder, work)


def test_it_has_right_of_way_over_a_freeze(folder: Path) -> None:
    async def work(rig: Rig) -> None:
        done = await scaled(rig, 7)
        (folder / "policy" / "policy.yaml").write_text(POLICY.rstrip().removesuffix("...") + "---\n" + FREEZE)
        held = await rig.executor.execute(rig.scale(8, id="in-the-freeze"))
        assert isinstance(held, Refused)
        assert held.stage == "freeze"
        assert isinstance(await rig.executor.execute(await undo(rig, done)), Applied)

    run(folder, work)


def test_it_has_no_right_of_way_over_somebody_elses_change(folder: Path) -> None:
    """The number is the one that we wrote, but it was undone, and a person has put it there since."""

    async def work(rig: Rig) -> None:
        done = await scaled(rig, 7)
        await rig.executor.execute(await undo(rig, done))
        somebody_scales(rig, 7)
        (folder / "policy" / "policy.yaml").write_text(POLICY.rstrip().removesuffix("...") + "---\n" + FREEZE)
        held = await rig.executor.execute(await undo(rig, done, "once-more"))
        assert isinstance(held, Refused)
        assert held.stage == "freeze"
        assert await rig.replicas() == 7

    run(folder, work)


def test_after_its_deadline_it_is_as_any_action(folder: Path) -> None:
    """An hour later a freeze holds it as it holds anything."""

    async def work(rig: Rig) -> None:
        done = await scaled(rig, 7)
        rig.world.advance(3_601)
        (folder / "policy" / "policy.yaml").write_text(POLICY.rstrip().removesuffix("...") + "---\n" + FREEZE)
        late = await rig.executor.execute(await undo(rig, done))
        assert isinstance(late, Refused)
        assert late.stage == "freeze"
        assert "--replicas=2" in late.manual

    run(folder, work)


def test_the_kill_switch_holds_it_and_names_the_way_by_hand(folder: Path) -> None:
    async def work(rig: Rig) -> None:
        done = await scaled(rig, 7)
        who = rig.identity.by_hand()
        back = await undo(rig, done)
        await kill_switch.throw(rig.context, "all", who, "drill")
        held = await rig.executor.execute(back)
        assert isinstance(held, Refused)
        assert held.stage == "kill_switch"
        by_hand = "kubectl scale deployment/web -n shop --context sandbox --replicas=2"
        assert held.manual == by_hand
        recorded = (await rig.log.entry(held.record)).record
        assert recorded.labels == {"manual": by_hand}
        assert await rig.replicas() == 7
        await kill_switch.lift(rig.context, "all", who, "drill over")
        assert isinstance(await rig.executor.execute(await undo(rig, done, "another-undo")), Applied)

    run(folder, work)


def test_right_of_way_cannot_be_borrowed(folder: Path) -> None:
    """A request that says that it undoes something, and is not its inverse, gets nowhere."""

    async def work(rig: Rig) -> None:
        done = await scaled(rig, 7, "search")
        other = await scaled(rig, 5, id="the-other")
        for id, request in {
            "another-number": rig.scale(3, "search", id="another-number", undoes=done.intent),
            "another-object": rig.scale(2, "search", id="another-object", undoes=other.intent),
            "no-such-intent": rig.scale(2, "search", id="no-such-intent", undoes="0" * 32),
        }.items():
            assert isinstance(await rig.executor.execute(request), Failed), id
        assert await rig.replicas("search") == 7
        await balanced(rig)

    run(folder, work)


def test_only_what_was_applied_can_be_undone(folder: Path) -> None:
    async def work(rig: Rig) -> None:
        rig.world.inject([Fault(FaultKind.TIMEOUT_BEFORE)])
        doubt = await rig.executor.execute(rig.scale(7, id="the-change"))
        with pytest.raises(ArgumentsInvalid):
            await undo(rig, doubt)
        await rig.executor.resolver.sweep()
        with pytest.raises(ArgumentsInvalid):
            await undo(rig, doubt)
        with pytest.raises(ArgumentsInvalid):
            await newest(rig.context, rig.identity.by_hand())
        with pytest.raises(ArgumentsInvalid):
            await proposal(rig.context, 0, id="x" * 8, principal=rig.identity.by_hand(), mode="live")

    run(folder, work)


def test_what_the_resolver_found_applied_can_be_undone(folder: Path) -> None:
    async def work(rig: Rig) -> None:
        rig.world.inject([Fault(FaultKind.TIMEOUT_AFTER)])
        doubt = await rig.executor.execute(rig.scale(7, id="the-change"))
        await rig.executor.resolver.sweep()
        assert await newest(rig.context, rig.identity.by_hand()) == doubt.record
        assert isinstance(await rig.executor.execute(await undo(rig, doubt)), Applied)
        assert await rig.replicas() == 2
        await balanced(rig)

    run(folder, work)


def test_limits_and_approvals_bind_an_undo(folder: Path) -> None:
    """Back to a size that needs an approval needs one: exempt from cooldown and freeze, from nothing else."""

    async def work(rig: Rig) -> None:
        somebody_scales(rig, 18)
        done = await scaled(rig, 7)
        assert isinstance(await rig.executor.execute(await undo(rig, done)), Pending)

    run(folder, work)


def test_the_last_change_again_goes_further_back_and_never_redoes(folder: Path) -> None:
    async def work(rig: Rig) -> None:
        first, second = await scaled(rig, 5, id="change-1"), await scaled(rig, 6, id="change-2")
        who = rig.identity.by_hand()
        for change, left in ((second, 5), (first, 2)):
            assert await newest(rig.context, who) == change.record
            assert isinstance(
                await rig.executor.execute(await undo(rig, change, id=f"undo-{left}-of")), Applied
            )
            assert await rig.replicas() == left
        with pytest.raises(ArgumentsInvalid, match="nothing to undo"):
            await newest(rig.context, who)

    run(folder, work)
