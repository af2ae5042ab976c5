"""Approvals: bound to exactly one request and one view, used once, expiring, and never talked around."""

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from flyball.cli.kit.waiting import until_decided
from policies.types import Principal, Scope
from sandbox.api.apiserver import Write
from sandbox.api.faults import Fault, FaultKind
from sandbox.api.store import Key
from tests.kit.crash_rig import POLICY, Rig, balanced, run
from tests.kit.forks import Child
from tools.approvals.approvals import NoSuchQuestion
from tools.approvals.voting import VoteRefused
from tools.path import kill_switch
from tools.path.outcome import Applied, Failed, Pending, Refused, Simulated
from tools.path.standing import RequestReused


async def ask(rig: Rig, id: str = "the-request", replicas: int = 18) -> Pending:
    result = await rig.executor.execute(rig.scale(replicas, id=id))
    assert isinstance(result, Pending)
    return result


def somebody_scales(rig: Rig, replicas: int) -> None:
    key = Key("deployment", "shop", "web")
    rig.world.send(Write("patch", key, "scale", {"spec": {"replicas": replicas}}, "lena"))


def test_a_yes_carries_it_out_once(folder: Path) -> None:
    async def work(rig: Rig) -> None:
        asked = await ask(rig)
        assert [w.handle for w in await rig.approvals.waiting()] == [asked.handle]
        assert isinstance(await rig.approvals.approve(asked.handle, rig.identity.by_hand()), Applied)
        assert await rig.approvals.waiting() == []
        with pytest.raises(NoSuchQuestion):
            await rig.approvals.approve(asked.handle, rig.identity.by_hand())
        again = await rig.executor.execute(rig.scale(18, id="the-request"))
        assert isinstance(again, Applied)
        assert again.replayed
        assert sum((await balanced(rig)).effects.values()) == 1

    run(folder, work)


def test_asking_again_is_the_same_question(folder: Path) -> None:
    async def work(rig: Rig) -> None:
        assert (await ask(rig)).record == (await ask(rig)).record
        assert len(await rig.approvals.waiting()) == 1

    run(folder, work)


def test_a_vote_is_for_the_view_that_was_shown(folder: Path) -> None:
    """The world changed between question and vote: it is asked again, and the old vote counts for nothing."""

    async def work(rig: Rig) -> None:
        first = await ask(rig)
        somebody_scales(rig, 5)
        second = await rig.approvals.approve(first.handle, rig.identity.by_hand())
        assert isinstance(second, Pending)
        assert second.diff == "5 -> 18"
        assert second.record != first.record
        assert isinstance(await rig.approvals.approve(first.handle, rig.identity.by_hand()), Applied)
        assert sum((await balanced(rig)).effects.values()) == 1

    run(folder, work)


def test_a_yes_is_to_the_question_that_was_shown(folder: Path) -> None:
    """It is asked again while the person reads `2 -> 18`: their yes is none to `5 -> 18`."""

    async def work(rig: Rig) -> None:
        asked = await ask(rig)
        shown = await rig.approvals.one(asked.handle)
        somebody_scales(rig, 5)
        await ask(rig)
        with pytest.raises(VoteRefused, match="since it was shown"):
            await rig.approvals.approve(asked.handle, rig.identity.by_hand(), shown=shown)
        shown = await rig.approvals.one(asked.handle)
        assert shown.diff == "5 -> 18"
        assert isinstance(
            await rig.approvals.approve(asked.handle, rig.identity.by_hand(), shown=shown), Applied
        )

    run(folder, work)


def test_two_questions_at_once_under_one_id(folder: Path) -> None:
    """The second can never be carried out; it must not hide what else waits."""
    policy = POLICY.replace("names: [web]}", "names: [web, worker]}")
    (folder / "policy" / "policy.yaml").write_text(policy)

    async def work(rig: Rig) -> None:
        both = [rig.scale(18, name, id="the-request") for name in ("web", "worker")]
        asked = await asyncio.gather(*map(rig.executor.execute, both))
        assert all(isinstance(one, Pending) for one in asked)
        assert len(await rig.approvals.waiting()) == 1

    run(folder, work)


def test_readiness_does_not_unbind_a_vote(folder: Path) -> None:
    """Status and metadata move the resourceVersion, and are not what was voted on."""

    async def work(rig: Rig) -> None:
        asked = await ask(rig)
        key = Key("deployment", "shop", "web")
        for n in range(6):
            rig.world.send(Write("patch", key, "", {"metadata": {"annotations": {"seen": str(n)}}}, "lena"))
        assert isinstance(await rig.approvals.approve(asked.handle, rig.identity.by_hand()), Applied)

    run(folder, work)


def test_there_and_back_again_can_still_be_approved(folder: Path) -> None:
    """2, then 5, then 2 again: what is shown and what is voted on are the newest question."""

    async def work(rig: Rig) -> None:
        asked = await ask(rig)
        somebody_scales(rig, 5)
        await ask(rig)
        somebody_scales(rig, 2)
        await ask(rig)
        assert isinstance(await rig.approvals.approve(asked.handle, rig.identity.by_hand()), Applied)

    run(folder, work)


def test_a_question_expires(folder: Path) -> None:
    async def work(rig: Rig) -> None:
        asked = await ask(rig)
        rig.world.advance(15 * 60)
        with pytest.raises(NoSuchQuestion):
            await rig.approvals.approve(asked.handle, rig.identity.by_hand())
        assert (await ask(rig)).record != asked.record

    run(folder, work)


def test_an_unused_vote_expires(folder: Path) -> None:
    """It was given while the cluster was away, and nobody came back in time."""

    async def work(rig: Rig) -> None:
        asked = await ask(rig)
        waiting = await rig.approvals.one(asked.handle)
        vote = rig.context.journal.vote(
            "approval.granted",
            waiting.entry,
            waiting.request,
            rig.identity.by_hand(),
            "",
            waiting.expires_ms,
        )
        await rig.log.commit((vote,))
        rig.world.advance(15 * 60)
        assert isinstance(await rig.executor.execute(rig.scale(18, id="the-request")), Pending)
        assert not (await balanced(rig)).effects

    run(folder, work)


def test_a_vote_is_for_no_other_request(folder: Path) -> None:
    async def work(rig: Rig) -> None:
        asked = await ask(rig)
        waiting = await rig.approvals.one(asked.handle)
        voter = rig.identity.by_hand()
        vote = rig.context.journal.vote(
            "approval.granted", waiting.entry, waiting.request, voter, "", waiting.expires_ms
        )
        await rig.log.commit((vote,))
        with pytest.raises(RequestReused):
            await rig.executor.execute(rig.scale(20, id="the-request"))
        await ask(rig, id="another-one")
        await ask(rig, id="another-number", replicas=20)
        assert not (await balanced(rig)).effects

    run(folder, work)


def test_a_conflict_gives_the_vote_back(folder: Path) -> None:
    async def work(rig: Rig) -> None:
        asked = await ask(rig)
        rig.world.inject([Fault(FaultKind.CONFLICT)])
        assert isinstance(await rig.approvals.approve(asked.handle, rig.identity.by_hand()), Applied)
        b = await balanced(rig)
        assert b.statuses() == {"conflict": 1, "applied": 1}
        assert sum(e.record.kind == "approval.granted" for e in b.entries) == 1

    run(folder, work)


def test_a_conflict_by_a_real_change_asks_again(folder: Path) -> None:
    """The second look shows another view: the vote was not for that, and is not lost on the way."""

    async def work(rig: Rig) -> None:
        asked = await ask(rig)
        inner = rig.executor._runner._writer

        class Changed:
            async def apply(self, *args: Any) -> Any:
                rig.executor._runner._writer = inner
                somebody_scales(rig, 4)
                return await inner.apply(*args)

        rig.executor._runner._writer = Changed()  # type: ignore[assignment]
        second = await rig.approvals.approve(asked.handle, rig.identity.by_hand())
        assert isinstance(second, Pending)
        assert second.diff == "4 -> 18"
        assert isinstance(await rig.approvals.approve(asked.handle, rig.identity.by_hand()), Applied)
        assert (await balanced(rig)).statuses() == {"conflict": 1, "applied": 1}

    run(folder, work)


def test_a_no_ends_it(folder: Path) -> None:
    async def work(rig: Rig) -> None:
        asked = await ask(rig)
        await rig.approvals.deny(asked.handle, rig.identity.by_hand(), "not before noon")
        result = await rig.executor.execute(rig.scale(18, id="the-request"))
        assert isinstance(result, Refused)
        assert "not before noon" in result.detail
        with pytest.raises(NoSuchQuestion):
            await rig.approvals.approve(asked.handle, rig.identity.by_hand())
        assert not (await balanced(rig)).effects

    run(folder, work)


def test_a_no_between_decision_and_intent_wins(folder: Path) -> None:
    """A yes and a no race: the no was recorded first, so there is no intent after it."""

    async def work(rig: Rig) -> None:
        asked = await ask(rig)
        decide = rig.executor._runner.decide

        async def then_deny(*args: Any) -> Any:
            decision = await decide(*args)
            await rig.approvals.deny(asked.handle, rig.identity.by_hand(), "changed my mind")
            return decision

        rig.executor._runner.decide = then_deny  # type: ignore[method-assign]
        result = await rig.approvals.approve(asked.handle, rig.identity.by_hand())
        assert isinstance(result, Refused)
        assert not (await balanced(rig)).intents

    run(folder, work)


def test_a_no_after_the_intent_comes_too_late_and_says_so(folder: Path) -> None:
    async def work(rig: Rig) -> None:
        asked = await ask(rig)
        waiting = await rig.approvals.one(asked.handle)
        inner = rig.executor._runner._writer

        class Late:
            async def apply(self, *args: Any) -> Any:
                rig.approvals.one = found  # type: ignore[method-assign]
                with pytest.raises(NoSuchQuestion):
                    await rig.approvals.deny(asked.handle, rig.identity.by_hand(), "too late")
                return await inner.apply(*args)

        async def found(_: str) -> Any:
            return waiting

        rig.executor._runner._writer = Late()  # type: ignore[assignment]
        assert isinstance(await rig.approvals.approve(asked.handle, rig.identity.by_hand()), Applied)
        await balanced(rig)

    run(folder, work)


def test_an_agent_never_votes(folder: Path) -> None:
    async def work(rig: Rig) -> None:
        asked = await ask(rig)
        scope = Scope(clusters=("sandbox",), namespaces=("shop",), actions=("scale",))
        stranger = Principal(
            agent=None, on_behalf_of="human:mallory", groups=("group:local",), session="elsewhere"
        )
        for voter in (rig.identity.agent("agent:ops", scope), stranger):
            with pytest.raises(VoteRefused):
                await rig.approvals.approve(asked.handle, voter)
        assert not (await balanced(rig)).effects

    run(folder, work)


@pytest.mark.parametrize("handle", ["", "1234567", "zzzzzzzz", "0" * 8, "' OR 1=1", "%" * 8])
def test_a_handle_that_is_none(folder: Path, handle: str) -> None:
    async def work(rig: Rig) -> None:
        await ask(rig)
        with pytest.raises(NoSuchQuestion):
            await rig.approvals.one(handle)

    run(folder, work)


def test_a_waiting_requester_and_its_approver_act_once(folder: Path) -> None:
    """Both processes carry it out when the vote is there; the lease and the log let one of them."""

    async def requester(rig: Rig, tell: Any) -> None:
        first = await ask(rig)
        tell(first)
        tell(await until_decided(rig, first, 20))

    waiting = Child(folder, requester)
    waiting.ready()
    waiting.ready()  # the first line of the Pending

    async def approver(rig: Rig) -> None:
        (question,) = await rig.approvals.waiting()
        assert isinstance(await rig.approvals.approve(question.handle, rig.identity.by_hand()), Applied)

    run(folder, approver)
    assert waiting.wait() == 0
    b = run(folder, balanced)
    assert sum(b.effects.values()) == 1
    assert len(b.intents) == 1


def test_a_dry_run_needs_no_vote_and_uses_none(folder: Path) -> None:
    async def work(rig: Rig) -> None:
        result = await rig.executor.execute(rig.scale(18, id="dry-run-1", mode="dry_run"))
        assert isinstance(result, Simulated)
        assert result.decision is not None
        assert [n.rule for n in result.decision.approvals] == ["with-approval"]
        assert not (await balanced(rig)).effects

    run(folder, work)


def test_an_approved_write_that_fails_is_over(folder: Path) -> None:
    async def work(rig: Rig) -> None:
        asked = await ask(rig)
        rig.world.inject([Fault(FaultKind.THROTTLED)])
        assert isinstance(await rig.approvals.approve(asked.handle, rig.identity.by_hand()), Failed)
        assert await rig.approvals.waiting() == []
        assert not (await balanced(rig)).effects

    run(folder, work)


def test_approving_while_stopped_leaves_it_waiting(folder: Path) -> None:
    async def work(rig: Rig) -> None:
        asked = await ask(rig)
        me = rig.identity.by_hand()
        await kill_switch.throw(rig.context, "all", me, "paging storm")
        with pytest.raises(VoteRefused, match="all is stopped; it goes on waiting"):
            await rig.approvals.approve(asked.handle, me)
        assert await rig.context.journal.votes_of(asked.request) == ()
        await kill_switch.lift(rig.context, "all", me, "over")
        assert [w.handle for w in await rig.approvals.waiting()] == [asked.handle]
        assert isinstance(await rig.approvals.approve(asked.handle, me), Applied)

    run(folder, work)


def test_a_yes_at_another_cluster_is_refused_and_not_spent(folder: Path) -> None:
    async def work(rig: Rig) -> None:
        asked = await ask(rig)
        here = rig.context.cluster
        rig.context.cluster = replace(here, name="prod-us")
        with pytest.raises(VoteRefused, match="it is for the cluster `sandbox`") as found:
            await rig.approvals.approve(asked.handle, rig.identity.by_hand())
        assert found.value.hint == f"flyball approve {asked.handle} --context sandbox"
        rig.context.cluster = here
        assert isinstance(await rig.approvals.approve(asked.handle, rig.identity.by_hand()), Applied)

    run(folder, work)


SRE = """---
apiVersion: flyball/v1
kind: RoleBinding
metadata: {name: sre}
spec: {subjects: ["human:bob"], role: sre, clusters: ["*"]}
...
"""


def test_one_can_withdraw_what_one_asked(folder: Path) -> None:
    """The approvers are others; the person who asked needs no leave of theirs to let it be."""

    async def work(rig: Rig) -> None:
        others = POLICY.replace("from: local", "from: sre").rstrip().removesuffix("...") + SRE
        (rig.folder / "policy" / "policy.yaml").write_text(others)
        asked = await ask(rig)
        me = rig.identity.by_hand()
        with pytest.raises(VoteRefused, match="it takes sre"):
            await rig.approvals.approve(asked.handle, me)
        await rig.approvals.deny(asked.handle, me, "not needed any more")
        assert await rig.approvals.waiting() == []
        assert isinstance(await rig.executor.execute(asked.request), Refused)

    run(folder, work)
