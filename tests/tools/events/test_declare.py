"""Declaring an event is judged as any action; what holds is told by the log; two of a name never hold at once."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from audit.log import Log
from policies.types import Claim
from tests.kit.installation import LOCAL, OPS, Doc, allow, deny, doc, target
from tests.tools.events.test_types import event as _event
from tests.tools.rig import Rig, rig
from tools.errors import ArgumentsInvalid
from tools.events.declare import Declarations, EventRefused, NoSuchEvent
from tools.events.expiry import expire
from tools.events.live import live_events
from tools.events.types import AHEAD_MS, Event
from tools.path import kill_switch

HOUR = 3_600_000
MAY = allow("events", ["declare_event"], target())


def event(one: Rig, **more: Any) -> Event:
    now = one.context.now_ms()
    return _event(**{"from_ms": now + HOUR, "to_ms": now + 2 * HOUR, **more})


async def live(one: Rig) -> list[str]:
    return [e.name for e in await live_events(one.log, "sandbox", one.context.now_ms())]


def under(policy: Sequence[Doc], folder: Path, work: Any) -> None:
    async def run() -> None:
        async with rig(folder, [LOCAL, OPS, *policy]) as one:
            await work(one, Declarations(one.context))

    asyncio.run(run())


def test_a_person_declares_and_ends_it(tmp_path: Path) -> None:
    async def work(one: Rig, events: Declarations) -> None:
        entry = await events.declare(event(one), one.identity.by_hand(), "known since October")
        assert entry.record.kind == "event.declared"
        assert entry.record.reason == "known since October"
        decided = await one.log.by_id(entry.record.parents[0].id)
        assert decided is not None
        assert decided.record.decision is not None
        assert (decided.record.decision.verdict, decided.record.decision.rule) == ("allow", "events")
        assert await live(one) == ["black-friday"]
        ended = await events.end("shop", "black-friday", one.identity.by_hand())
        assert (ended.record.kind, ended.record.parents[1].id) == ("event.ended", entry.record.id)
        assert await live(one) == []
        with pytest.raises(NoSuchEvent):
            await events.end("shop", "black-friday", one.identity.by_hand())

    under([MAY], tmp_path, work)


@pytest.mark.parametrize("policy", [
    [],
    [allow("scaling", ["scale"], target(), limits={"replicas": {"min": 1, "max": 9}})],
    [allow("reading", ["read"], target())],
    [allow("elsewhere", ["declare_event"], target(namespaces=["other"]))],
    [allow("another", ["declare_event"], target(names=["white-friday"]))],
    [allow("backend", ["declare_event"], target(labels={"tier": "backend"}))],
    [MAY, deny("no", ["declare_event"], target())],
    [MAY, deny("no-frontend", ["declare_event"], target(labels={"tier": "frontend"}))],
    [allow("asks", ["declare_event"], target(), approval={"from": "local"})],
    [MAY, doc("Freeze", "now", {"scope": {"clusters": ["*"]}, "windows": [
        {"from": "2020-01-01T00:00:00Z", "until": "2040-01-01T00:00:00Z"}]})],
], ids=lambda p: p[-1]["metadata"]["name"] if p else "none")  # fmt: skip
def test_what_no_rule_allows_outright_is_refused_and_recorded(policy: list[Doc], tmp_path: Path) -> None:
    async def work(one: Rig, events: Declarations) -> None:
        for who in (one.identity.by_hand(), one.agent()):
            with pytest.raises(EventRefused) as no:
                await events.declare(event(one), who)
            assert (await one.log.entry(no.value.record)).record.kind == "policy.decision"
        assert await live(one) == []
        assert not await one.log.find(kinds=("event.declared",))

    under(policy, tmp_path, work)


def test_a_rule_by_label_allows_a_part_of_it_and_never_everything(tmp_path: Path) -> None:
    async def work(one: Rig, events: Declarations) -> None:
        who = one.identity.by_hand()
        await events.declare(event(one, selector={"tier": "frontend", "app": "web"}), who)
        with pytest.raises(EventRefused):
            await events.declare(event(one, name="all", selector={}), who)

    under([allow("frontend", ["declare_event"], target(labels={"tier": "frontend"}))], tmp_path, work)


def test_a_stop_holds_events_too(tmp_path: Path) -> None:
    async def work(one: Rig, events: Declarations) -> None:
        await events.declare(event(one), one.identity.by_hand())
        await kill_switch.throw(one.context, "all", one.identity.by_hand(), "storm")
        for act in (
            events.declare(event(one, name="second"), one.identity.by_hand()),
            events.end("shop", "black-friday", one.identity.by_hand()),
        ):
            with pytest.raises(EventRefused, match=r"kill switch|stopped"):
                await act

    under([MAY], tmp_path, work)


def test_a_name_holds_once(tmp_path: Path) -> None:
    async def work(one: Rig, events: Declarations) -> None:
        who = one.identity.by_hand()
        both = (events.declare(event(one, at_least_ppm=n), who) for n in (2_000_000, 9_000_000))
        ends = await asyncio.gather(*both, return_exceptions=True)
        assert sorted(isinstance(end, EventRefused | ArgumentsInvalid) for end in ends) == [False, True]
        assert await live(one) == ["black-friday"]
        assert len(await one.log.find(kinds=("event.declared",))) == 1

    under([MAY], tmp_path, work)


def test_it_ends_by_itself_also_where_nobody_records_it(tmp_path: Path) -> None:
    async def work(one: Rig, events: Declarations) -> None:
        who, one_event = one.identity.by_hand(), event(one)
        await events.declare(one_event, who)
        assert await expire(one.context) == one_event.to_ms
        one.clock.advance(2 * HOUR)
        assert await live(one) == []
        assert await expire(one.context) is None
        assert await expire(one.context) is None
        (ended,) = await one.log.find(kinds=("event.ended",))
        assert (ended.record.actor.type, ended.record.reason) == ("system", "its time is over")
        await events.declare(event(one), who)
        assert await live(one) == ["black-friday"]

    under([MAY], tmp_path, work)


@pytest.mark.parametrize("start", [-3 * HOUR, AHEAD_MS + HOUR])
def test_what_is_over_or_far_ahead_is_no_event(start: int, tmp_path: Path) -> None:
    async def work(one: Rig, events: Declarations) -> None:
        at = one.context.now_ms() + start
        with pytest.raises(ArgumentsInvalid):
            await events.declare(event(one, from_ms=at, to_ms=at + HOUR), one.identity.by_hand())

    under([MAY], tmp_path, work)


def test_an_event_of_another_cluster_is_not_ours(tmp_path: Path) -> None:
    """A cluster's name may begin with ours and a `/`."""

    async def work(one: Rig, events: Declarations) -> None:
        await events.declare(event(one), one.identity.by_hand())
        (entry,) = await one.log.find(kinds=("event.declared",))
        assert entry.record.resource is not None
        other = entry.record.resource.model_copy(update={"cluster": "sandbox/shop", "namespace": "x"})
        log: Log = one.log
        draft = log.draft("event.declared", actor=entry.record.actor, resource=other, args=entry.record.args)
        await log.commit((draft,), (Claim("set", f"event/{other.key}", 2**52),))
        assert await live(one) == ["black-friday"]

    under([MAY], tmp_path, work)
