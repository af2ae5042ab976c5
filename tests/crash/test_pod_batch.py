"""One intent, a write to each pod in turn: whatever stops the batch, it is known which pods were written.

| what happens in the batch     | the pods        | said                                  |
|-------------------------------|-----------------|---------------------------------------|
| killed before the first       | none            | not applied (all fenced)              |
| killed between two            | some            | applied, how many bear the marker     |
| frozen, resolved, wakes up    | some            | the rest gets 409, and no other try   |
| kill switch between two       | some            | in part, names the rest               |
| a pod goes, or its status moves | the others    | applied                               |
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from audit.errors import LogUnavailable
from audit.log import Log
from policies.permit import Permit
from policies.types import Target
from sandbox.api.apiserver import Write
from sandbox.api.store import Key
from tests.kit.crash_rig import NAMESPACE, Rig, books, opened, run
from tests.kit.forks import Child, die
from tools.cluster_types import Patch, Pod, Precondition, Workload
from tools.path import kill_switch
from tools.path.evidence import Evidence
from tools.path.journal import actor_of
from tools.path.outcome import Applied, Failed, Result, Simulated, Unknown
from tools.path.standing import ENDS
from tools.path.undo import proposal
from tools.ports import ClusterWriter, Held

PODS = 4
RULE = """
---
apiVersion: flyball/v1
kind: ActionPolicy
metadata: {name: resources}
spec:
  roles: [operator]
  actions: [set_resources]
  target: {clusters: [sandbox], namespaces: [shop], kinds: [deployment], names: [web]}
  effect: allow
  limits:
    cpuRequest: {min: 10m, max: "4"}
    cpuLimit: {min: 10m, max: "4"}
    memoryRequest: {min: 1Mi, max: 8Gi}
    memoryLimit: {min: 1Mi, max: 8Gi}
...
"""


@pytest.fixture
def row(folder: Path) -> Path:
    """`web` with four pods, and a rule that lets their CPU be changed."""
    policy = folder / "policy" / "policy.yaml"
    policy.write_text(policy.read_text().removesuffix("...\n") + RULE.lstrip("\n"))

    async def grow(rig: Rig) -> None:
        assert isinstance(await rig.executor.execute(rig.scale(PODS, id="four-pods")), Applied)
        rig.world.advance(120)

    run(folder, grow)
    return folder


def resize(rig: Rig, cpu: str = "150m", *, id: str = "the-row-01", mode: Any = "live") -> Any:
    fields = {"workload": "deployment/web", "container": "app", "cpu_request": cpu, "in_place": True}
    return rig.request("set_resources", fields, id, mode)


async def requests(rig: Rig) -> list[int | None]:
    """What the pods' containers `app` ask for, in millicores."""
    target = rig.scale(1, id="only-to-look").target
    return sorted(
        c.resources.cpu_request or 0
        for pod in await rig.context.reader.pods(target)
        for c in pod.containers
        if c.name == "app"
    )


Hook = Callable[[int], Awaitable[None]]


class RowWriter:
    """Calls `hook(n)` before the n-th live write of a row (and with -n after it)."""

    def __init__(self, inner: ClusterWriter, hook: Hook) -> None:
        self._inner, self._hook, self.count = inner, hook, 0

    async def apply(self, *call: Any) -> Workload:
        return await self._inner.apply(*call)

    async def fence(self, target: Target, intent: str) -> Workload:
        return await self._inner.fence(target, intent)

    async def fence_pod(self, target: Target, pod: str, intent: str) -> Pod:
        return await self._inner.fence_pod(target, pod, intent)

    async def resize(
        self, permit: Permit, intent: str, target: Target, patch: Patch, precondition: Precondition
    ) -> Pod:
        self.count += 1
        await self._hook(self.count)
        pod = await self._inner.resize(permit, intent, target, patch, precondition)
        await self._hook(-self.count)
        return pod


def hooked(hook: Hook) -> dict[str, Any]:
    return {"writer": lambda inner: RowWriter(inner, hook)}


def at(number: int, deed: Callable[[], Awaitable[None]]) -> dict[str, Any]:
    async def hook(count: int) -> None:
        if count == number:
            await deed()

    return hooked(hook)


async def ended_well(rig: Rig, written: int) -> None:
    """The log and the world tell the same story, and the workload is free."""
    b = await books(rig)
    assert not b.open
    assert not any((await rig.log.prefixed("busy/")).values())
    assert all(count == 1 for count in b.effects.values()), "a pod was written twice"
    assert (await requests(rig)).count(150) == written


async def recorded(rig: Rig) -> list[str]:
    """How the row's intent ended, by the log."""
    ends = [e.record.outcome for e in await rig.log.find(kinds=ENDS) if e.record.request_id == "the-row-01"]
    return [end.status for end in ends if end]


@pytest.mark.parametrize("number", [1, -1, 2, -2, 4, -4])
def test_killed_at_any_pod(row: Path, number: int) -> None:
    done = abs(number) - (1 if number > 0 else 0)

    async def kill() -> None:
        die()

    async def work(rig: Rig, tell: Any) -> None:
        tell(await rig.executor.execute(resize(rig)))

    child = Child(row, work, **at(number, kill))
    assert child.wait() == -9
    assert child.said() == []

    async def again(rig: Rig) -> Result:
        result = await rig.executor.execute(resize(rig))
        await ended_well(rig, done)
        assert await recorded(rig) == [{0: "not_applied", PODS: "applied"}.get(done, "in_part")]
        return result

    result = run(row, again)
    assert isinstance(result, Applied if done else Failed), result
    if isinstance(result, Applied):
        assert result.partial == ("" if done == PODS else f"our marker is on {done} of {PODS} pods")


def test_a_frozen_row_is_resolved_and_wakes_up(row: Path) -> None:
    """Between two pods another process resolves the intent; the batch then reaches no further pod."""

    async def resolve() -> None:
        async with opened(row) as other:
            (intent,) = await other.executor.resolver.open_intents()
            key = await other.executor.resolver.lease_key(resize(other).target)
            result = await other.executor.resolver.resolve(intent, Held(key, 1_000_000))
            assert isinstance(result, Applied)

    async def work(rig: Rig) -> None:
        result = await rig.executor.execute(resize(rig))
        assert isinstance(result, Applied | Unknown), result
        await ended_well(rig, 2)

    run(row, work, **at(3, resolve))


def test_a_person_says_it_never_happened_while_the_row_is_frozen(row: Path) -> None:
    """Nobody could fence the pods off; the batch wakes up and asks the log before each further pod."""

    async def said() -> None:
        async with opened(row) as other:
            (intent,) = await other.executor.resolver.open_intents()
            key = await other.executor.resolver.lease_key(resize(other).target)
            evidence = Evidence("not_applied", "a person says so", {})
            who = actor_of(other.identity.by_hand())
            await other.executor.resolver.close(intent, evidence, who, Held(key, 1_000_000))

    async def work(rig: Rig) -> None:
        await rig.executor.execute(resize(rig))
        assert (await requests(rig)).count(150) == 1, "the one that was in flight, and no other"

    run(row, work, **at(1, said))


def test_another_policy_stops_a_row(row: Path) -> None:
    async def changed() -> None:
        policy = row / "policy" / "policy.yaml"
        policy.write_text(policy.read_text().replace(RULE.lstrip("\n"), "...\n"))
        async with opened(row) as other:
            await other.context.gate()

    async def work(rig: Rig) -> None:
        result = await rig.executor.execute(resize(rig))
        assert isinstance(result, Applied)
        assert "another policy" in result.partial
        assert await recorded(rig) == ["in_part"]
        await ended_well(rig, 1)
        again = await rig.executor.execute(resize(rig))
        assert isinstance(again, Applied)
        assert (again.replayed, again.partial) == (True, result.partial)

    run(row, work, **at(-1, changed))


def test_a_log_that_goes_away_in_a_row_is_a_doubt(row: Path) -> None:
    class Unreachable(Log):
        gone = False

        async def values(self, keys: Sequence[str]) -> dict[str, int]:
            if self.gone:
                raise LogUnavailable("disk I/O error", where="audit.db", hint="look at the disk")
            return await super().values(keys)

    async def away() -> None:
        Unreachable.gone = True

    async def work(rig: Rig) -> None:
        result = await rig.executor.execute(resize(rig))
        assert isinstance(result, Unknown)
        Unreachable.gone = False
        (found,) = await rig.executor.resolver.sweep()
        assert isinstance(found, Applied)
        await ended_well(rig, 1)

    run(row, work, **at(-1, away), log_class=Unreachable)


def test_some_had_it_already(row: Path) -> None:
    """Two pods ask for it before; killed when the other two are written, nothing is left undone."""

    async def theirs(rig: Rig) -> None:
        container = {"name": "app", "resources": {"requests": {"cpu": "150m"}}}
        body = {"spec": {"containers": [container]}}
        for number in (1, 2):
            rig.world.send(Write("patch", _pod_of(rig, number), "resize", body, "vpa"))

    run(row, theirs)

    async def kill() -> None:
        die()

    async def work(rig: Rig, tell: Any) -> None:
        tell(await rig.executor.execute(resize(rig)))

    assert Child(row, work, **at(-2, kill)).wait() == -9

    async def again(rig: Rig) -> None:
        result = await rig.executor.execute(resize(rig))
        assert isinstance(result, Applied)
        assert result.partial == ""

    run(row, again)


def test_undo_where_a_pod_was_replaced(row: Path) -> None:
    """The new pod has the template's values, which are the pre-image's: the others are put back."""

    async def work(rig: Rig) -> None:
        done = await rig.executor.execute(resize(rig))
        assert isinstance(done, Applied)
        rig.world.delete(_pod_of(rig, 2))
        rig.world.advance(60)
        assert (await requests(rig)).count(150) == PODS - 1
        who = rig.identity.by_hand()
        back = await proposal(rig.context, done.record, id="back-again", principal=who, mode="live")
        assert isinstance(await rig.executor.execute(back), Applied)
        assert set(await requests(rig)) == {100}

    run(row, work)


def test_the_kill_switch_stops_a_row(row: Path) -> None:
    async def stop() -> None:
        async with opened(row) as other:
            await kill_switch.throw(other.context, "all", other.identity.by_hand(), "enough")

    async def work(rig: Rig) -> None:
        result = await rig.executor.execute(resize(rig))
        assert isinstance(result, Applied)
        assert result.partial.startswith(f"2 of {PODS} pods")
        await ended_well(rig, 2)

    run(row, work, **at(-2, stop))


def _pod_of(rig: Rig, number: int) -> Key:
    with rig.world.store.read() as txn:
        pods = [p for p in txn.all("pod", NAMESPACE) if p["metadata"]["labels"].get("app") == "web"]
    return Key("pod", NAMESPACE, sorted(p["metadata"]["name"] for p in pods)[number - 1])


def _while_writing(row: Path, number: int, deed: Callable[[Rig], None]) -> dict[str, Any]:
    async def meanwhile() -> None:
        async with opened(row) as other:
            deed(other)

    return at(number, meanwhile)


def test_a_pod_whose_status_moved_is_written_all_the_same(row: Path) -> None:
    def annotate(rig: Rig) -> None:
        body = {"metadata": {"annotations": {"somebody": "was here"}}}
        rig.world.send(Write("patch", _pod_of(rig, 2), "", body, "somebody"))

    async def work(rig: Rig) -> None:
        assert isinstance(await rig.executor.execute(resize(rig)), Applied)
        await ended_well(rig, PODS)

    run(row, work, **_while_writing(row, 2, annotate))


def test_a_pod_that_somebody_else_resized_stops_the_row(row: Path) -> None:
    def theirs(rig: Rig) -> None:
        container = {"name": "app", "resources": {"requests": {"cpu": "190m"}}}
        rig.world.send(
            Write("patch", _pod_of(rig, 2), "resize", {"spec": {"containers": [container]}}, "vpa")
        )

    async def work(rig: Rig) -> None:
        result = await rig.executor.execute(resize(rig))
        assert isinstance(result, Applied)
        assert "another writer has changed its resources" in result.partial
        await ended_well(rig, 1)

    run(row, work, **_while_writing(row, 2, theirs))


def test_a_pod_that_is_gone_is_left_out(row: Path) -> None:
    def drop(rig: Rig) -> None:
        rig.world.delete(_pod_of(rig, 2))

    async def work(rig: Rig) -> None:
        result = await rig.executor.execute(resize(rig))
        assert isinstance(result, Applied)
        await ended_well(rig, PODS - 1)

    run(row, work, **_while_writing(row, 2, drop))


def test_a_rehearsed_row_writes_nothing(row: Path) -> None:
    async def work(rig: Rig) -> None:
        assert isinstance(await rig.executor.execute(resize(rig, mode="dry_run")), Simulated)
        await ended_well(rig, 0)

    run(row, work)


def test_undo_puts_every_pod_back(row: Path) -> None:
    async def work(rig: Rig) -> None:
        done = await rig.executor.execute(resize(rig))
        assert isinstance(done, Applied)
        who = rig.identity.by_hand()
        back = await proposal(rig.context, done.record, id="back-again", principal=who, mode="live")
        assert isinstance(await rig.executor.execute(back), Applied)
        assert set(await requests(rig)) == {100}
        await ended_well(rig, 0)

    run(row, work)


def test_a_part_is_for_its_pod(row: Path) -> None:
    """A permit's part opens the way to its own pod only, and the whole permit to none."""
    seen: list[Permit] = []

    class Thief(RowWriter):
        async def resize(
            self, permit: Permit, intent: str, target: Target, patch: Patch, precondition: Precondition
        ) -> Pod:
            seen.append(permit)
            other = replace(patch, pod="web-of-somebody-else")
            return await self._inner.resize(permit, intent, target, other, precondition)

    async def work(rig: Rig) -> None:
        result = await rig.executor.execute(resize(rig))
        assert isinstance(result, Failed)
        assert result.code == "PermitForeign"
        await ended_well(rig, 0)

    async def nothing(_: int) -> None: ...

    run(row, work, writer=lambda inner: Thief(inner, nothing))
    assert seen
