"""Receivers are told in order and at least once, whatever they do; nothing waits for them.

| the receiver | then |
|---|---|
| takes it | the cursor moves on, in a record |
| is dead, slow, redirects, answers 5xx | tried again after a growing pause, in order; others are not held up |
| refuses (4xx) five times | that message is passed over, and it is recorded |
| took it, and we died before the cursor | it gets the message again, under the same id |
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from audit.drafts import SYSTEM
from flyball.notify.backlog import DOUBT_MS
from flyball.notify.cursor import Cursor
from flyball.notify.duty import FIRST_MS, LONGEST_MS, TRIES, NotificationsDuty
from flyball.notify.post import Answer, Caps, post
from flyball.notify.receivers import Receiver
from flyball.service.duties import duties_of
from flyball.settings import Value
from policies.types import Target
from tests.flyball.notify.receiver import Receiving, receiving, status
from tests.kit.installation import App, ask, scale, within
from tests.tools.events.test_types import event
from tools.events.declare import Declarations
from tools.path.journal import resource_of

Work = Callable[[App, Receiving], Awaitable[None]]


def told(folder: Path, work: Work, **receiver: object) -> None:
    async def run(app: App) -> None:
        async with receiving(**receiver) as there:
            await work(app, there)

    within(folder, run)


async def something(app: App, name: str = "sale") -> str:
    """A record that is told of; returns its id."""
    now = app.context.now_ms()
    one = event(name=name, from_ms=now, to_ms=now + 3_600_000)
    return (await Declarations(app.context).declare(one, app.identity.by_hand())).record.id


async def begun(app: App, *receivers: Receiver) -> NotificationsDuty:
    duty = NotificationsDuty(app.context, receivers)
    await duty.run(app.context.now_ms())
    return duty


async def later(app: App, duty: NotificationsDuty, ms: int = LONGEST_MS) -> None:
    assert app.world is not None
    app.world.advance(ms // 1000)
    await duty.run(app.context.now_ms())


async def sent(app: App) -> list[str]:
    entries = await app.log.find(kinds=("notification.sent",))
    return [id for e in entries for id in (e.record.observation or {})["sent"]]


def test_a_new_receiver_is_told_of_what_comes_and_not_of_the_past(tmp_path: Path) -> None:
    async def work(app: App, there: Receiving) -> None:
        await something(app, "before")
        duty = await begun(app, there.as_receiver())
        assert there.ids == []
        ids = [await something(app, name) for name in ("one", "two", "three")]
        await duty.run(app.context.now_ms())
        assert there.ids == ids == await sent(app)
        await duty.run(app.context.now_ms())
        assert there.ids == ids
        (record,) = (await app.log.find(kinds=("notification.sent",)))[1:]
        assert record.record.labels == {"receiver": "here"}

    told(tmp_path, work)


@pytest.mark.parametrize(
    "answers", [[status(500)], [status(302, "Location: http://127.0.0.1:1/x")], [status(429)]]
)
def test_what_may_pass_is_tried_again_in_order(answers: list[bytes], tmp_path: Path) -> None:
    async def work(app: App, there: Receiving) -> None:
        duty = await begun(app, there.as_receiver())
        ids = [await something(app, name) for name in ("one", "two")]
        there.answers = answers
        await duty.run(app.context.now_ms())
        await duty.run(app.context.now_ms())
        assert there.ids == ids[:1], "the pause holds, and nothing overtakes"
        for _ in range(TRIES + 2):
            await later(app, duty)
        assert set(there.ids) == {ids[0]}
        assert await sent(app) == []
        there.answers = [status(204)]
        await later(app, duty)
        assert there.ids[-2:] == ids == await sent(app)

    told(tmp_path, work)


def test_a_redirect_is_not_followed(tmp_path: Path) -> None:
    async def work(app: App, there: Receiving) -> None:
        async with receiving() as elsewhere:
            duty = await begun(app, there.as_receiver())
            there.answers = [status(307, f"Location: http://127.0.0.1:{elsewhere.port}/")]
            await something(app)
            await duty.run(app.context.now_ms())
            assert len(there.arrived) == 1
            assert elsewhere.arrived == []

    told(tmp_path, work)


def test_what_the_receiver_refuses_is_passed_over_on_record(tmp_path: Path) -> None:
    async def work(app: App, there: Receiving) -> None:
        duty = await begun(app, there.as_receiver())
        first, second = await something(app, "one"), await something(app, "two")
        there.answers = [status(400)] * TRIES + [status(200)]
        for _ in range(TRIES):
            await later(app, duty)
        assert there.ids == [first] * TRIES + [second]
        newest = (await app.log.find(kinds=("notification.sent",)))[-1].record
        assert (newest.observation or {})["refused"] == [first]
        assert (newest.observation or {})["sent"] == [second]

    told(tmp_path, work)


def test_a_dead_or_slow_receiver_holds_up_no_other(tmp_path: Path) -> None:
    async def work(app: App, there: Receiving) -> None:
        async def short(one: Receiver, body: bytes, headers: Mapping[str, str]) -> Answer:
            return await post(one, body, headers, Caps(0.2, 0.2, 0.3))

        async with receiving(slow_s=5) as slow, receiving() as dead:
            gone = dead.as_receiver("gone")
            dead.port = 1
            ones = (there.as_receiver(), slow.as_receiver("slow"), dead.as_receiver("dead"), gone)
            duty = NotificationsDuty(app.context, ones, short)
            await duty.run(app.context.now_ms())
            ids = [await something(app, name) for name in ("one", "two")]
            began = time.monotonic()
            await duty.run(app.context.now_ms())
            assert time.monotonic() - began < 3
            assert there.ids == ids
            assert slow.ids == ids[:1]

    told(tmp_path, work)


def test_an_answer_that_never_ends_is_not_read(tmp_path: Path) -> None:
    async def work(app: App, there: Receiving) -> None:
        head = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n"
        duty = await begun(app, there.as_receiver())
        there.answers, there.endless = [head], True
        ids = [await something(app)]
        await asyncio.wait_for(duty.run(app.context.now_ms()), 5)
        assert there.ids == ids == await sent(app)

    told(tmp_path, work)


def test_the_pause_grows_and_is_bounded(tmp_path: Path) -> None:
    async def work(app: App, there: Receiving) -> None:
        duty = await begun(app, there.as_receiver())
        there.answers = [status(503)]
        await something(app)
        await duty.run(app.context.now_ms())
        for tries, pause in enumerate((FIRST_MS, 2 * FIRST_MS, 4 * FIRST_MS), 1):
            await later(app, duty, pause - 1000)
            assert len(there.arrived) == tries
            await later(app, duty, 1000)
            assert len(there.arrived) == tries + 1
        for _ in range(20):
            await later(app, duty, LONGEST_MS)
        assert len(there.arrived) == 24

    told(tmp_path, work)


def test_of_other_clusters_that_share_the_log_nothing_is_told(tmp_path: Path) -> None:
    async def work(app: App, there: Receiving) -> None:
        duty = await begun(app, there.as_receiver())
        log = app.context.log
        args, where = {"first_ms": 1, "last_ms": 1}, {"agent": "agent:night"}
        missed = [
            log.draft("schedule.missed", actor=SYSTEM, args=args, labels={**where, "cluster": name})
            for name in ("other", "sandbox")
        ]
        await log.commit(tuple(missed))
        gone = Target(cluster="other", namespace="shop", kind="deployment", name="web")
        seen = {"said": "", "figures": {}}
        await log.commit(
            (
                log.draft(
                    "finding.opened", actor=SYSTEM, resource=resource_of(gone, None, "uid"), observation=seen
                ),
            )
        )
        await later(app, duty)
        assert there.ids == [missed[1].id]

    told(tmp_path, work)


def test_killed_between_sending_and_the_cursor_it_is_sent_again_under_its_id(tmp_path: Path) -> None:
    async def work(app: App, there: Receiving) -> None:
        await begun(app, there.as_receiver())
        id = await something(app)

        class Killed(BaseException):
            pass

        async def and_die(one: Receiver, body: bytes, headers: Mapping[str, str]) -> Answer:
            await post(one, body, headers)
            raise Killed

        with pytest.raises(Killed):
            await NotificationsDuty(app.context, (there.as_receiver(),), and_die).run(app.context.now_ms())
        assert await sent(app) == []
        await NotificationsDuty(app.context, (there.as_receiver(),)).run(app.context.now_ms())
        assert there.ids == [id, id]
        assert there.arrived[0].body == there.arrived[1].body
        assert await sent(app) == [id]

    told(tmp_path, work)


def test_two_processes_move_one_cursor(tmp_path: Path) -> None:
    """Each may send, none goes back, and both go on behind what either has sent."""

    async def work(app: App, there: Receiving) -> None:
        one, two = await begun(app, there.as_receiver()), await begun(app, there.as_receiver())
        ids = [await something(app, name) for name in ("a", "b")]
        await asyncio.gather(one.run(app.context.now_ms()), two.run(app.context.now_ms()))
        assert set(there.ids) == set(ids)
        assert await sent(app) == ids
        last = await something(app, "c")
        await later(app, two)
        await later(app, one)
        assert there.ids.count(last) == 1
        assert await Cursor(app.context, "here").at() is not None

    told(tmp_path, work)


def test_only_the_topics_that_were_asked_for(tmp_path: Path) -> None:
    async def work(app: App, there: Receiving) -> None:
        duty = await begun(app, there.as_receiver(topics={"pending"}))
        await something(app)
        assert (await ask(app, "scale", scale(15))).status == "pending"
        await duty.run(app.context.now_ms())
        (one,) = (a.document for a in there.arrived)
        assert (one["topic"], one["command"][:16]) == ("pending", "flyball approve ")
        assert "4 -> 15" in one["lines"]

    told(tmp_path, work)


def test_a_write_that_stays_open_is_told_after_a_minute_and_nothing_overtakes_it(tmp_path: Path) -> None:
    async def work(app: App, there: Receiving) -> None:
        duty = await begun(app, there.as_receiver())
        assert (await ask(app, "scale", scale(5))).status == "applied"
        await duty.run(app.context.now_ms())
        assert there.ids == [], "an end is no news"
        (entry,) = await app.log.find(kinds=("action.intent",), newest_first=True, limit=1)
        draft = entry.record.model_copy(update={"claims": ()})
        stuck = app.log.draft(
            "action.intent",
            actor=draft.actor,
            resource=draft.resource,
            mode="live",
            labels=draft.labels,
            parents=draft.parents,
        )
        await app.log.commit((stuck,))
        behind = await something(app)
        await duty.run(app.context.now_ms())
        assert there.ids == []
        await later(app, duty, DOUBT_MS + 1000)
        assert there.ids == [stuck.id, behind]
        assert there.arrived[0].document["command"] == "flyball audit in-doubt"

    told(tmp_path, work)


def test_the_service_tells_only_where_somebody_is_to_be_told(tmp_path: Path) -> None:
    async def work(app: App, there: Receiving) -> None:
        assert "notifications" not in [duty.name for duty in duties_of(app)]
        told = Value(str(there.file(tmp_path)), "flag")
        settings = replace(app.settings, values={**app.settings.values, "notify": told})
        assert "notifications" in [duty.name for duty in duties_of(replace(app, settings=settings))]

    told(tmp_path, work)


def test_a_clock_that_is_set_back_makes_no_pause_longer(tmp_path: Path) -> None:
    async def work(app: App, there: Receiving) -> None:
        duty = await begun(app, there.as_receiver())
        id = await something(app)
        there.answers = [status(500), status(200)]
        now = app.context.now_ms()
        await duty.run(now)
        await duty.run(now)
        assert await sent(app) == []
        await duty.run(now - 2 * 3_600_000)
        assert await sent(app) == [id]

    told(tmp_path, work)
