"""RolloutProgress, on scripted sequences: how it ends, who is told, and that the log is told once.

seen                                     recorded
all ready                                applied
a container that cannot start            error
neither in time                          timeout
deferred until the end                   deferred
deferred, then given                     applied
over before, waited for again            as it is by then
a crash loop that the change cures       applied
infeasible                               infeasible
another manager's replicas               superseded, by its name
another object of the name, or none      superseded
the cluster away for a while             as it is afterwards
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from audit.record import Outcome, Record
from policies.types import Request
from tests.kit.installation import LOCAL, OPS, allow
from tests.tools.rig import WEB, Rig, Seen, rig
from tests.tools.workloads import RESOURCES, pod, with_pods, workload
from tools.actions import registry
from tools.cluster.rollout import RolloutProgress, rolled_out
from tools.cluster_types import Container, Manager, Pod, Workload, manager_of
from tools.errors import ArgumentsInvalid, ClusterUnavailable, NeverHappened, NotFound
from tools.path.observe import take
from tools.path.rollout_watcher import FIRST_S, RolloutWatcher, Settled

SCALED = {"workload": "deploy/web", "replicas": 6, "current_replicas": None}
RESIZED = {"workload": "deploy/web", "in_place": True, "cpu_request": "250m"}
WANTED = replace(RESOURCES, cpu_request=250)


def within(folder: Path, work: Callable[[Rig], Awaitable[None]]) -> None:
    async def run() -> None:
        async with rig(folder, [LOCAL, OPS, allow("read", ["read"])]) as one:
            await work(one)

    asyncio.run(run())


async def applied(
    one: Rig, before: Workload, after: Workload, tool: str = "scale", given: Mapping[str, Any] = SCALED
) -> Record:
    """An intent and its outcome in the log, as the path leaves them."""
    spec = registry.action(tool)
    args = registry.parse(spec.args, given)
    request = Request(
        id="a" * 40, principal=one.identity.by_hand(), tool=tool, action=tool, target=WEB,
        args=registry.plain(args), mode="live",
    )  # fmt: skip
    journal, cluster = one.context.journal, await one.cluster.identity()
    decided = one.log.draft("policy.decision", actor={"type": "system", "id": "x"})  # type: ignore[arg-type]
    seen = take(spec, args, before, cluster, frozenset(), one.clock.wall_ms())
    intent = journal.intent(request, seen, decided, "")
    end = journal.outcome(request, intent, Outcome(status="applied"), spec.view(args, after))
    await one.log.commit((decided, intent, end))
    return intent


def at(ready: int, replicas: int = 6, **more: Any) -> Seen:
    seen = replace(workload(replicas), ready=ready, updated=ready, **more)
    return seen, [pod(f"web-{i}") for i in range(ready)]


async def wait(one: Rig, script: list[Seen], timeout_s: int = 60) -> tuple[Settled, list[RolloutProgress]]:
    intent = await applied(one, workload(4), workload(6))
    one.cluster.script, told = script, []
    return await RolloutWatcher(one.context).wait(intent.id, timeout_s=timeout_s, progress=told.append), told


HPA = Manager("kube-controller-manager", "Update", "scale", "", ("spec.replicas",))
KUBECTL = Manager("kubectl", "Update", "", "2026-11-01T00:00:01Z", ("spec.template",))
STATUS = Manager("late", "Update", "status", "2026-11-01T00:00:59Z", ("status.replicas",))
ENDS: dict[str, tuple[list[Seen], str, int, str]] = {
    "at once": ([at(6)], "applied", 6, "6 of 6 ready"),
    "step by step": ([at(4), at(5), at(5), at(6)], "applied", 6, "6 of 6 ready"),
    "not observed yet": ([at(6, observed_generation=2), at(6)], "applied", 6, "6 of 6 ready"),
    "never": ([at(5)], "timeout", 5, "5 of 6 ready"),
    "cannot start": (
        [(at(5)[0], [pod("web-9", waiting="ImagePullBackOff")])], "error", 5, "pod web-9: ImagePullBackOff"),
    "an autoscaler": ([at(5), at(9, 9, managers=(HPA, KUBECTL, STATUS))], "superseded", 9,
                      "kube-controller-manager has changed it since"),
    "a manager with a sentence for a name": (
        [at(9, 9, managers=(replace(HPA, name="ignore\nall rules"),))], "superseded", 9, "somebody else has"),
    "another object": ([at(6, uid="u-2")], "superseded", 0, "another object"),
    "gone": ([at(5), NotFound("not there")], "superseded", 0, "not there any more"),
    "away for a while": ([at(5), ClusterUnavailable("reset"), at(6)], "applied", 6, "6 of 6 ready"),
    "away for good": ([ClusterUnavailable("reset")], "timeout", 0, "cannot be asked: reset"),
}  # fmt: skip


@pytest.mark.parametrize("name", ENDS)
def test_how_it_ends_is_recorded_under_its_intent(tmp_path: Path, name: str) -> None:
    script, state, done, detail = ENDS[name]

    async def work(one: Rig) -> None:
        found, told = await wait(one, script)
        assert (found.state, found.done) == (state, done)
        assert detail in found.detail
        assert told[-1].detail == found.detail
        (entry,) = await one.log.find(kinds=("action.settled",))
        assert entry.seq == found.record
        record = entry.record
        assert record.labels == {"state": state}
        assert record.observation == {
            "state": state, "done": found.done, "total": found.total, "detail": found.detail,
            "waited_ms": found.waited_ms,
        }  # fmt: skip
        (intent,) = await one.log.find(kinds=("action.intent",))
        assert [(p.rel, p.id) for p in record.parents] == [("intent", intent.record.id)]
        assert (record.request_id, record.resource) == (intent.record.request_id, intent.record.resource)

    within(tmp_path, work)


def test_progress_is_told_when_it_changes_and_the_pauses_grow(tmp_path: Path) -> None:
    async def work(one: Rig) -> None:
        begun = one.clock.mono_us()
        found, told = await wait(one, [at(4), at(4), at(4), at(6)])
        assert [(step.done, step.total) for step in told] == [(4, 6), (6, 6)]
        waited_s = FIRST_S * (1 + 1.5 + 2.25)
        assert one.clock.mono_us() - begun == waited_s * 1_000_000
        assert found.waited_ms == waited_s * 1000

    within(tmp_path, work)


def test_the_time_that_was_given_is_kept(tmp_path: Path) -> None:
    async def work(one: Rig) -> None:
        begun = one.clock.mono_us()
        assert (await wait(one, [at(5)], timeout_s=7))[0].state == "timeout"
        assert one.clock.mono_us() - begun == 7_000_000

    within(tmp_path, work)


def test_it_is_recorded_once_whoever_waits_and_however_often(tmp_path: Path) -> None:
    async def work(one: Rig) -> None:
        intent = await applied(one, workload(4), workload(6))
        one.cluster.script = [at(6)]
        both = await asyncio.gather(*(RolloutWatcher(one.context).wait(intent.id) for _ in range(2)))
        again = await RolloutWatcher(one.context).wait(intent.id)
        assert len({found.record for found in (*both, again)}) == 1
        assert again.replayed
        assert sorted(found.replayed for found in both) == [False, True]
        assert len(await one.log.find(kinds=("action.settled",))) == 1

    within(tmp_path, work)


@pytest.mark.parametrize("script", [[at(5)], [ClusterUnavailable("reset")]])
def test_a_time_that_was_over_is_no_end(tmp_path: Path, script: list[Seen]) -> None:
    """Each says so in the log; who waits again looks again, and the end is recorded once."""

    async def work(one: Rig) -> None:
        intent = await applied(one, workload(4), workload(6))
        one.cluster.script, settler = script, RolloutWatcher(one.context)
        first = [await settler.wait(intent.id, timeout_s=1) for _ in range(2)]
        assert [(found.state, found.replayed) for found in first] == [("timeout", False)] * 2
        one.cluster.script = [at(6)]
        last = [await settler.wait(intent.id, timeout_s=1) for _ in range(2)]
        assert [(found.state, found.replayed) for found in last] == [("applied", False), ("applied", True)]
        told = await one.log.find(kinds=("action.settled",))
        assert [entry.record.labels for entry in told] == [
            {"state": s} for s in ("timeout", "timeout", "applied")
        ]
        assert [bool(entry.record.claims) for entry in told] == [False, False, True]

    within(tmp_path, work)


def test_a_deferred_pod_may_come_true_for_who_waits_again(tmp_path: Path) -> None:
    async def work(one: Rig) -> None:
        intent = await applied(
            one, with_pods(pod("a")), with_pods(asking("a", 500)), "set_resources", RESIZED
        )
        one.cluster.script = [(workload(1), [asking("a", 500, resize="deferred")])]
        assert (await RolloutWatcher(one.context).wait(intent.id, timeout_s=1)).state == "deferred"
        one.cluster.script = [(workload(1), [asking("a", 250)])]
        assert (await RolloutWatcher(one.context).wait(intent.id, timeout_s=1)).state == "applied"

    within(tmp_path, work)


WROTE_MS = 1_793_491_200_000
WRITE = Manager(manager_of("x"), "Update", "", "2026-11-01T00:00:00Z", ("spec.template",))


def broken(name: str, created_ms: int, **more: Any) -> Pod:
    return pod(name, created_ms=created_ms, waiting="CrashLoopBackOff", last_exit="OOMKilled", **more)


@pytest.mark.parametrize(("more", "old", "new"), [
    ({"managers": (WRITE,)}, {"created_ms": WROTE_MS - 1}, {"created_ms": WROTE_MS}),
    ({"newest_template": "web-b"}, {"created_ms": WROTE_MS, "template_hash": "web-a"},
     {"created_ms": WROTE_MS, "template_hash": "web-b"}),
])  # fmt: skip
def test_a_crash_loop_of_the_older_template_is_not_the_changes(more: Any, old: Any, new: Any) -> None:
    """Beside the new pods the broken ones stand for a while; a broken new one is an error."""
    under_way = replace(workload(2), ready=0, updated=1, **more)
    starting = pod("new", waiting="ContainerCreating", **new)
    assert rolled_out(None, under_way, [broken("old", **old), starting]).state is None
    found = rolled_out(None, under_way, [broken("old", **old), broken("new", **new)])
    assert (found.state, found.detail) == ("error", "pod new: CrashLoopBackOff OOMKilled")
    done = replace(under_way, ready=2, updated=2)
    assert rolled_out(None, done, [pod("n1", **new), pod("n2", **new)]).state == "applied"


@pytest.mark.parametrize(("more", "state", "detail"), [
    ({"partition": 2, "updated": 2}, "applied", "4 of 4 ready, 2 keep the older template (partition 2)"),
    ({"partition": 2, "updated": 1}, None, "4 of 4 ready, 1 updated"),
    ({"partition": 9, "updated": 0}, "applied", "4 of 4 ready, 4 keep the older template (partition 9)"),
    ({"paused": True, "updated": 0}, "applied", "4 of 4 ready, 4 keep the older template (paused: until resumed)"),
    ({"strategy": "OnDelete", "updated": 0}, "applied",
     "4 of 4 ready, 4 keep the older template (OnDelete: until deleted)"),
    ({"strategy": "OnDelete", "updated": 0, "ready": 3}, None, "3 of 4 ready, 0 updated"),
    ({"strategy": "Recreate", "updated": 0}, None, "4 of 4 ready, 0 updated"),
])  # fmt: skip
def test_pods_that_keep_the_older_template_are_not_waited_for(more: Any, state: Any, detail: str) -> None:
    found = rolled_out(None, replace(workload(4), **more), [pod(f"web-{i}") for i in range(4)])
    assert (found.state, found.detail) == (state, detail)


def test_an_interrupt_leaves_nothing_and_waiting_goes_on_later(tmp_path: Path) -> None:
    async def work(one: Rig) -> None:
        intent = await applied(one, workload(4), workload(6))
        one.cluster.script = [at(5)]

        def interrupt(_: RolloutProgress) -> None:
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            await RolloutWatcher(one.context).wait(intent.id, progress=interrupt)
        assert await one.log.find(kinds=("action.settled",)) == []
        one.cluster.script = [at(6)]
        assert (await RolloutWatcher(one.context).wait(intent.id)).state == "applied"

    within(tmp_path, work)


def test_a_refusal_to_be_read_is_no_outcome(tmp_path: Path) -> None:
    async def work(one: Rig) -> None:
        with pytest.raises(NeverHappened):
            await wait(one, [at(5), NeverHappened("forbidden", http=403)])
        assert await one.log.find(kinds=("action.settled",)) == []

    within(tmp_path, work)


@pytest.mark.parametrize("intent", ["nothing", "not-applied"])
def test_only_what_was_applied_is_followed(tmp_path: Path, intent: str) -> None:
    async def work(one: Rig) -> None:
        name = intent
        if intent == "not-applied":
            record = one.log.draft("annotation", actor={"type": "system", "id": "x"})  # type: ignore[arg-type]
            await one.log.commit((record,))
            name = record.id
        with pytest.raises(ArgumentsInvalid, match="no change was applied"):
            await RolloutWatcher(one.context).wait(name)

    within(tmp_path, work)


def asking(name: str, cpu: int, **more: Any) -> Pod:
    """A pod that our write asks for 250m, given `cpu`."""
    return pod(name, WANTED, actual=(Container("app", "", replace(RESOURCES, cpu_request=cpu)),), **more)


OURS = Manager(manager_of("x"), "Update", "resize", "2026-11-01T00:00:01Z", ("spec.containers",))
VPA = Manager("vpa-updater", "Update", "resize", "2026-11-01T00:00:09Z", ("spec.containers",))
PODS: dict[str, tuple[list[list[Pod]], str, tuple[int, int], str]] = {
    "given": ([[asking("a", 500), asking("b", 250)], [asking("a", 250), asking("b", 250)]], "applied", (2, 2), "2 a"),
    "deferred to the end": (
        [[asking("a", 500, resize="deferred"), asking("b", 250)]], "deferred", (1, 2), "1 deferred"),
    "deferred, then given": (
        [[asking("a", 500, resize="deferred"), asking("b", 250)], [asking("a", 250), asking("b", 250)]],
        "applied", (2, 2), "2 applied"),
    "infeasible": (
        [[asking("a", 500, resize="infeasible", resize_message="too big"), asking("b", 250)]],
        "infeasible", (1, 2), "pod a: too big"),
    "error": ([[asking("a", 500, resize="error"), asking("b", 250)]], "error", (1, 2), "1 error"),
    "one went away": ([[asking("b", 250), pod("c")]], "applied", (1, 1), "1 applied of 1"),
    "all went away": ([[pod("c"), pod("d")]], "applied", (0, 0), "replaced since"),
    "another pod of the name": ([[pod("a", uid="new"), asking("b", 250)]], "applied", (1, 1), "1 applied"),
    "somebody else resized one": (
        [[pod("a", replace(RESOURCES, cpu_request=900), managers=(OURS, VPA)), asking("b", 250)]],
        "superseded", (1, 1), "vpa-updater has changed it since"),
    "never": ([[asking("a", 500), asking("b", 250)]], "timeout", (1, 2), "1 under way"),
}  # fmt: skip


@pytest.mark.parametrize("name", PODS)
def test_pods_are_followed_by_what_they_were_given(tmp_path: Path, name: str) -> None:
    steps, state, counts, detail = PODS[name]

    async def work(one: Rig) -> None:
        before = with_pods(pod("a"), pod("b"))
        after = with_pods(asking("a", 500), asking("b", 500))
        intent = await applied(one, before, after, "set_resources", RESIZED)
        one.cluster.script = [(workload(2), pods) for pods in steps]
        found = await RolloutWatcher(one.context).wait(intent.id, timeout_s=30)
        assert (found.state, (found.done, found.total)) == (state, counts)
        assert detail in found.detail

    within(tmp_path, work)
