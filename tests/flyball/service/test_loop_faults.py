"""The fast loop inside an envelope, while others are at work on the object, or the metrics are away for long.

| in the middle of the lease   | what must come of it                                                       |
|------------------------------|----------------------------------------------------------------------------|
| deleted                      | nothing is asked for                                                       |
| made anew under its name     | never moved: the lease is of another object                                |
| paused, rolled out by others | stands while that lasts, and goes on after it                              |
| its namespace closes         | stands; those of other namespaces go on                                    |
| the metrics are away         | stands; goes on when they are back; the floor is put back without any      |
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from flyball.service.loop import LoopDuty
from policies.types import Target
from tests.flyball.service.test_loop import code, leased, passes, stands, within
from tests.kit import others
from tests.kit.absence import Absence
from tests.kit.installation import App, replicas
from tools.cluster_types import Workload
from tools.errors import NeverHappened
from tools.path.standing_envelopes import Standing

GOES_ON = {"above", "below", "fits", "cooldown", "at-the-end"}
LONG = 35
"""Minutes."""


async def intents(app: App) -> int:
    return len(await app.log.find(kinds=("action.intent",)))


@pytest.mark.parametrize(
    ("happening", "said"), [(others.delete, "gone"), (others.make_anew, "made-anew")], ids=["deleted", "anew"]
)
def test_what_is_not_the_leased_object_any_more_is_never_moved(
    tmp_path: Path, happening: others.Happening, said: str
) -> None:
    async def work(app: App, duty: LoopDuty) -> None:
        await leased(app)
        assert code((await passes(app, duty, 3))[0]) == "above"
        happening(app)
        before = await intents(app)
        seen = len(await passes(app, duty, 0))
        told = (await passes(app, duty, LONG))[seen:]
        assert [code(one) for one in told] == [said]  # then the lease is closed
        assert await intents(app) == before
        if happening is others.make_anew:
            assert await replicas(app) == 4

    within(tmp_path, work)


def test_a_lease_that_ends_on_an_object_made_anew_puts_nothing_back(tmp_path: Path) -> None:
    async def work(app: App, duty: LoopDuty) -> None:
        await leased(app, low=5, high=8, floor=6, seconds=600)
        await passes(app, duty, 3)
        others.make_anew(app)
        seen = len(await passes(app, duty, 0))
        told = (await passes(app, duty, 20))[seen:]
        assert [code(one) for one in told] == ["made-anew"]
        assert await replicas(app) == 4

    within(tmp_path, work)


@pytest.mark.parametrize("cluster_wide", [True, False])
def test_a_namespace_that_may_not_be_listed_holds_up_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, cluster_wide: bool
) -> None:
    """With rights in single namespaces the list of all is forbidden, and with fewer that of one."""

    async def work(app: App, duty: LoopDuty) -> None:
        await leased(app)
        standing, reader = duty._envelopes.standing, app.context.reader
        listed, read = reader.list_workloads, reader.read

        async def two() -> list[Standing]:
            (one,) = await standing()
            return [one, replace(one, target=one.target.model_copy(update={"namespace": "closed"}))]

        async def some(namespace: str | None, *more: Any) -> list[Workload]:
            if namespace == "closed" or (namespace is None and not cluster_wide):
                raise NeverHappened("may not be listed", where="the cluster")
            return await listed(namespace, *more)

        async def one_of(target: Target) -> Workload:
            if target.namespace == "closed":
                raise NeverHappened("may not be read", where="closed")
            return await read(target)

        monkeypatch.setattr(duty._envelopes, "standing", two)
        monkeypatch.setattr(reader, "list_workloads", some)
        monkeypatch.setattr(reader, "read", one_of)
        (told,) = await passes(app, duty)
        rows = {key.split("/")[1]: said for key, said, *_ in told["rows"]}
        assert rows["closed"] == "unreadable"
        assert rows.get("shop") in {None, *GOES_ON}, "what fits has no row"

    within(tmp_path, work)


def test_where_nothing_at_all_may_be_listed_the_pass_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def work(app: App, duty: LoopDuty) -> None:
        async def none(*_: Any) -> list[Workload]:
            raise NeverHappened("may not be listed", where="the cluster")

        await leased(app)
        monkeypatch.setattr(app.context.reader, "list_workloads", none)
        with pytest.raises(NeverHappened):
            await passes(app, duty)

    within(tmp_path, work)


def test_a_pause_by_others_is_waited_for(tmp_path: Path) -> None:
    async def work(app: App, duty: LoopDuty) -> None:
        await leased(app, low=2, high=8)
        others.pause(app)
        told = (await passes(app, duty, LONG))[-LONG:]
        assert {code(one) for one in told} == {"paused"}
        assert await replicas(app) == 4
        others.resume(app)
        told = (await passes(app, duty, 5))[-5:]
        assert "above" in {code(one) for one in told} <= GOES_ON, told

    within(tmp_path, work)


def test_a_rollout_by_others_is_waited_for(tmp_path: Path) -> None:
    async def work(app: App, duty: LoopDuty) -> None:
        await leased(app, low=2, high=8)
        others.roll_out(app)
        before = await intents(app)
        (told,) = await passes(app, duty, every_s=10)
        assert code(told) == "rolling-out"
        assert await intents(app) == before
        told_later = (await passes(app, duty, 10))[-5:]
        assert {code(one) for one in told_later} <= GOES_ON, told_later
        assert await intents(app) > before

    within(tmp_path, work)


def test_metrics_that_are_away_for_long_move_nothing_and_it_goes_on_when_they_are_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = Absence(monkeypatch)

    async def work(app: App, duty: LoopDuty) -> None:
        await leased(app, low=2, high=8, seconds=7200)
        await passes(app, duty, 3)
        stood, before, source.away = await replicas(app), await intents(app), True
        told = (await passes(app, duty, LONG))[-LONG:]
        assert {code(one) for one in told} <= {"no-metrics", "missing-metrics"}, told
        assert source.asked >= LONG, "it is asked again each minute"
        assert (await replicas(app), await intents(app)) == (stood, before)
        source.away = False
        told = (await passes(app, duty, 10))[-3:]
        assert {code(one) for one in told} <= GOES_ON, told

    within(tmp_path, work)


def test_a_service_that_begins_while_the_metrics_are_away_goes_on_when_they_are_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = Absence(monkeypatch)

    async def work(app: App, _: LoopDuty) -> None:
        await leased(app, low=2, high=8, seconds=7200)
        source.away, duty = True, LoopDuty(app)
        told = await passes(app, duty, LONG)
        assert {code(one) for one in told} <= {"no-metrics", "missing-metrics"}, told
        assert await replicas(app) == 4
        source.away = False
        told = (await passes(app, duty, 10))[-10:]
        assert "above" in {code(one) for one in told}, told

    within(tmp_path, work)


def test_a_lease_that_ends_while_the_metrics_are_away_is_put_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = Absence(monkeypatch)

    async def work(app: App, duty: LoopDuty) -> None:
        await leased(app, low=2, high=3, seconds=600)
        await passes(app, duty, 3)
        assert await replicas(app) == 3
        source.away = True
        told = (await passes(app, duty, 12))[-12:]
        assert "put-back" in {code(one) for one in told}
        assert (await replicas(app), await stands(app)) == (4, 0)

    within(tmp_path, work)
