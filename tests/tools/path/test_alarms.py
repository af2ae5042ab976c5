"""Harm that does not wait for the deadline, and what is not put down to the change.

| what is seen before the deadline                          | what must be so                              |
|-----------------------------------------------------------|----------------------------------------------|
| a pod more is killed for memory, crashes, finds no room   | undone at once                               |
| as many as before the change                              | waited for the deadline                      |
| a pod that waits for a node, not yet for three minutes    | waited for                                   |
| errors burn their budget 14.4 times as fast               | undone at once; not where they did before    |
| the same, with another image or another writer since      | nothing at once; inconclusive at the deadline|
| two changes at once in one namespace                      | one list for both                            |
| harm in the list, gone when it is looked at again         | waited for                                   |
| the cluster is away, the source of metrics is away        | nothing at once, and nothing is lost         |
| one namespace may not be read, one change was tampered with| the others are seen to                      |
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from audit.errors import LogTampered
from audit.log import Entry
from policies.types import Target
from tests.tools.path.test_verification import becomes, changed, due, replicas, swept, told, within
from tests.tools.rig import WEB, Rig
from tests.tools.workloads import pod, workload
from tools.cluster_types import Condition, Pod
from tools.errors import ClusterUnavailable, MetricsUnavailable, NeverHappened, ToolError
from tools.metrics.types import SPECS, Metric, Number, OneByOne, Series, Span
from tools.path import watched
from tools.path.judging import promised_by
from tools.path.outcome import Applied
from tools.path.vitals import GRACE_MS
from tools.path.watched import read_all

ROLLED_BACK = ["action.verified worse", "action.rolled_back applied"]


def pending(one: Rig, for_ms: int) -> dict[str, Any]:
    since = one.context.now_ms() - for_ms
    no = Condition("PodScheduled", False, "Unschedulable", "0/3 nodes", since)
    return {"phase": "Pending", "ready": False, "node": None, "unready": no}


def one_shows(one: Rig, **of_it: Any) -> None:
    """One pod of the changed workload is in trouble, the others are well."""
    becomes(one)
    seen, pods = one.cluster.script[-1]  # type: ignore[misc]
    one.cluster.script = [(seen, [*pods[1:], pod("web-0", **of_it)])]


async def early(one: Rig, seconds: int = 240) -> None:
    one.clock.advance(seconds * 1000)


@pytest.mark.parametrize(
    ("trouble", "why"),
    [
        (
            lambda one: {"last_exit": "OOMKilled", "last_exit_ms": one.context.now_ms()},
            "killed for memory: 0 -> 1",
        ),
        (lambda one: {"waiting": "CrashLoopBackOff"}, "in CrashLoopBackOff: 0 -> 1 pods"),
        (lambda one: pending(one, GRACE_MS), "no node has room: 0 -> 1 pods pending"),
    ],
)
def test_harm_is_undone_at_once(tmp_path: Path, trouble: Callable[[Rig], dict[str, Any]], why: str) -> None:
    async def work(one: Rig) -> None:
        await changed(one)
        await early(one)
        one_shows(one, **trouble(one))
        (found,) = await swept(one)
        assert isinstance(found.rollback, Applied)
        assert why in found.verdict.why
        assert replicas(one) == 4
        assert await told(one) == ROLLED_BACK
        (record,) = await one.log.find(kinds=("action.verified",))
        seen = record.record.observation or {}
        assert seen["at_once"] is True
        assert (seen["before"]["ready"], seen["now"]["window_s"]) == (4, 240)
        assert await one.verifier.awaited() == []

    within(tmp_path, work)


@pytest.mark.parametrize(
    "trouble",
    [
        lambda one: {},
        lambda one: pending(one, GRACE_MS - 1),
        lambda one: {"waiting": "ContainerCreating", "phase": "Pending", "ready": False},
        lambda one: {"last_exit": "OOMKilled", "last_exit_ms": one.context.now_ms() - 241_000},
    ],
)
def test_what_is_none_waits_for_the_deadline(
    tmp_path: Path, trouble: Callable[[Rig], dict[str, Any]]
) -> None:
    async def work(one: Rig) -> None:
        await changed(one)
        await early(one)
        one_shows(one, **trouble(one))
        assert await swept(one) == []
        assert (await told(one), replicas(one)) == ([], 8)
        assert len(await one.verifier.awaited()) == 1

    within(tmp_path, work)


def test_as_many_as_before_are_not_the_changes_doing(tmp_path: Path) -> None:
    async def work(one: Rig) -> None:
        crashing = [pod("web-0", waiting="CrashLoopBackOff"), *(pod(f"web-{n}") for n in range(1, 4))]
        one.cluster.script = [(workload(4), crashing)]
        await changed(one)
        await early(one)
        one_shows(one, waiting="CrashLoopBackOff")
        assert await swept(one) == []

    within(tmp_path, work)


@pytest.mark.parametrize("since", ["image", "writer", "gone"])
def test_another_cause_leaves_it_to_the_deadline(tmp_path: Path, since: str) -> None:
    async def work(one: Rig) -> None:
        await changed(one)
        await early(one)
        one_shows(one, waiting="CrashLoopBackOff")
        seen, pods = one.cluster.script[-1]  # type: ignore[misc]
        other = {
            "image": {"containers": (replace(seen.containers[0], image="registry.invalid/app:2"),)},
            "writer": {"replicas": 9},
            "gone": {"uid": "another"},
        }
        one.cluster.script = [(replace(seen, **other[since]), pods)]
        assert await swept(one) == []
        due(one)
        (found,) = await swept(one)
        assert found.verdict.word == "inconclusive"
        assert found.rollback is None

    within(tmp_path, work)


BURNT = tuple([0] * 56 + [0] * 5 + [300_000] * 60)
"""No errors in the hour before the change, then three tenths of the requests."""


@pytest.mark.parametrize(
    ("line", "undone"),
    [
        (BURNT, True),
        (tuple([300_000] * 121), False),
        (tuple([0] * 61 + [10_000] * 60), False),
        (tuple([None] * 121), False),
        ((), False),
    ],
    ids=["begins with the change", "burnt before", "too slow", "missing", "not served"],
)
def test_errors_that_burn_fast(tmp_path: Path, line: tuple[int | None, ...], undone: bool) -> None:
    async def work(one: Rig) -> None:
        await changed(one)
        one.context.metrics = Errors(line, one.context.now_ms() - 3_600_000)
        await early(one, 295)
        becomes(one)
        found = await swept(one)
        assert bool(found) is undone
        if undone:
            assert "errors burn their budget" in found[0].verdict.why
            assert isinstance(found[0].rollback, Applied)

    within(tmp_path, work)


@pytest.mark.parametrize(("share", "asked"), [(0, [6]), (10_000, [6]), (300_000, [6, 65])])
def test_the_hour_before_is_asked_for_where_the_last_minutes_are_bad_enough(
    tmp_path: Path, share: int, asked: list[int]
) -> None:
    async def work(one: Rig) -> None:
        await changed(one)
        becomes(one)
        one.context.metrics = errors = Errors([share] * 121, one.context.now_ms() - 3_600_000)
        await early(one, 295)
        assert await swept(one) == []
        assert errors.asked == asked

    within(tmp_path, work)


def test_errors_are_asked_for_once_a_minute(tmp_path: Path) -> None:
    async def work(one: Rig) -> None:
        await changed(one)
        becomes(one)
        verifier, asked = one.verifier, []
        for _ in range(24):
            one.clock.advance(5_000)
            assert [found async for found in verifier.sweep()] == []
            asked.append(len(one.metrics.spans))
        assert asked[-1] == 2

    within(tmp_path, work)


def test_what_is_gone_at_the_second_look_waits(tmp_path: Path) -> None:
    """The list may be of before: nothing is undone on it alone."""

    async def work(one: Rig) -> None:
        await changed(one)
        await early(one)
        one_shows(one, waiting="CrashLoopBackOff")
        shown = one.cluster.script[-1]
        becomes(one)
        one.cluster.looks, one.cluster.script = 0, [shown, one.cluster.script[-1]]
        assert await swept(one) == []
        assert one.cluster.looks == 2

    within(tmp_path, work)


@pytest.mark.parametrize("away", ["cluster", "metrics"])
def test_what_cannot_be_asked_undoes_nothing(tmp_path: Path, away: str) -> None:
    async def work(one: Rig) -> None:
        await changed(one)
        becomes(one)
        await early(one)
        if away == "cluster":
            one.cluster.script = [ClusterUnavailable("away", where="it")]
        else:
            one.context.metrics = Away()  # type: ignore[assignment]
        assert await swept(one) == []
        assert len(await one.verifier.awaited()) == 1

    within(tmp_path, work)


class Away:
    source = "away"

    async def latest(self, *_: object) -> Any:
        raise MetricsUnavailable("away", where="it")

    history = fleet_history = latest


class Errors(OneByOne):
    """Shares of failed requests (ppm), one a minute from `begin_ms` on; each question is counted."""

    source = "errors"

    def __init__(self, line: Sequence[int | None], begin_ms: int) -> None:
        self._line, self._begin_ms = line, begin_ms
        self.asked: list[int] = []

    async def latest(self, metric: Metric, target: Target, now_ms: int) -> Number:
        raise MetricsUnavailable("only its history is known", where="it")

    async def history(self, metric: Metric, target: Target, span: Span) -> Series:
        self.asked.append(span.points)
        first = [(span.start_ms - self._begin_ms) // 60_000 + i for i in range(span.points)]
        values = [self._line[i] if 0 <= i < len(self._line) else None for i in first]
        return Series(metric, SPECS[metric].unit, span, tuple(values))


class Listing:
    """A namespace with two workloads; each call is counted."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    async def list_workloads(self, namespace: str | None, *_: object) -> list[Any]:
        self.calls.append(f"list {namespace}")
        return [workload(), replace(workload(), target=OTHER)]

    async def pods_of(self, targets: list[Target]) -> dict[str, list[Pod]]:
        self.calls.append(f"pods of {len(targets)}")
        return {target.key: [pod(target.name)] for target in targets}


OTHER = WEB.model_copy(update={"name": "queue"})


def test_many_of_one_namespace_are_one_list() -> None:
    async def work() -> None:
        reader, gone = Listing(), WEB.model_copy(update={"name": "gone"})
        seen = await read_all(reader, [WEB, OTHER, WEB, gone])  # type: ignore[arg-type]
        assert reader.calls == ["list shop", "pods of 2"]
        assert seen.keys() == {WEB.key, OTHER.key}

    asyncio.run(work())


class Closed(Listing):
    """One of its namespaces may not be read, or the cluster is away from there on."""

    def __init__(self, error: ToolError) -> None:
        super().__init__()
        self._error = error

    async def read(self, target: Target) -> Any:
        self.calls.append(f"read {target.namespace}")
        raise self._error


@pytest.mark.parametrize(
    ("error", "asked"),
    [
        (NeverHappened("may not be read", where="closed"), ["read closed", "list shop", "pods of 2"]),
        (ClusterUnavailable("away", where="it"), ["read closed"]),
    ],
    ids=["forbidden", "away"],
)
def test_a_namespace_that_may_not_be_read_hides_no_other(error: ToolError, asked: list[str]) -> None:
    async def work() -> None:
        reader, closed = Closed(error), WEB.model_copy(update={"namespace": "closed"})
        seen = await read_all(reader, [closed, WEB, OTHER])  # type: ignore[arg-type]
        assert reader.calls == asked
        assert closed.key not in seen
        assert (WEB.key in seen) is (len(asked) > 1)

    asyncio.run(work())


def test_a_change_whose_records_were_edited_holds_up_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is said after the others were seen to, as of what is due."""
    edited = 99

    async def promised(context: Any, entry: Entry, due_ms: int) -> Any:
        if entry.seq == edited:
            raise LogTampered("edited", where="the log")
        return await promised_by(context, entry, due_ms)

    monkeypatch.setattr(watched, "promised_by", promised)

    async def work(one: Rig) -> None:
        await changed(one)
        await early(one)
        one_shows(one, waiting="CrashLoopBackOff")
        verifier = one.verifier
        (first,) = await verifier.awaited()
        other = first.intent.record.model_copy(update={"id": "another"})
        owed = [first, replace(first, intent=first.intent._replace(seq=edited, record=other))]
        found = await verifier._watched.alarmed([(each.intent, each.due_ms) for each in owed])
        assert sorted(found) == [first.intent.seq, edited]

    within(tmp_path, work)


def test_it_is_looked_at_often_at_first_and_at_the_deadline(tmp_path: Path) -> None:
    async def work(one: Rig) -> None:
        verifier, looks = one.verifier, []
        assert await verifier.next_ms() == one.context.now_ms() + 60_000
        await changed(one)
        becomes(one)
        begun = one.context.now_ms()
        while (at := await verifier.next_ms()) < begun + 300_000:
            looks.append((at - begun) // 1000)
            one.clock.advance(at - one.context.now_ms())
        assert looks[:3] == [5, 10, 15]
        assert max(b - a for a, b in pairwise(looks)) <= 30
        assert at == begun + 300_000
        one.clock.advance(at - one.context.now_ms())
        one.cluster.script = [ClusterUnavailable("away", where="it")]
        assert await swept(one) == []
        assert await verifier.next_ms() == at + 15_000

    within(tmp_path, work)


def test_of_several_changes_of_one_kind_the_newest_is_looked_at(tmp_path: Path) -> None:
    """A loop moves a workload each minute: the earlier ones wait for their deadlines, each with its own verdict."""
    looked: list[list[int]] = []

    async def nothing(owed: Sequence[tuple[Entry, int]]) -> list[int]:
        looked.append([entry.seq for entry, _ in owed])
        return []

    async def work(one: Rig) -> None:
        await changed(one)
        verifier = one.verifier
        (first,) = await verifier.awaited()
        later = first.intent._replace(seq=first.intent.seq + 5)
        other = later.record.model_copy(update={"args": {"container": "app"}})
        owed = [
            first,
            replace(first, intent=later),
            replace(first, intent=later._replace(seq=99, record=other)),
        ]
        verifier._watched.alarmed = nothing  # type: ignore[method-assign]
        assert await verifier._pressing(owed) == []
        assert looked == [[later.seq, 99]]

    within(tmp_path, work)
