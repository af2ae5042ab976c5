"""Threat 26: a reading tool of one file that looks for a second way to the cluster, or for a read without a record.

From what it is given no chain of references leads to a reader, a store or a writer. What Python cannot prevent
(the stack, `gc`, globals, the event loop, context variables) is a rule on the tools' source: see test_architecture.
"""

import asyncio
import gc
import json
import types
from collections.abc import Awaitable, Callable, Iterator
from contextvars import Context as Variables
from pathlib import Path
from typing import Any

import pytest

from audit.errors import LogUnavailable
from audit.log import Log
from policies.types import Target, digest_of
from sandbox.api.store import Store
from sandbox.cluster import SimulatedCluster
from sandbox.world import World
from sandbox.writer import SimulatedWriter
from tests.kit.installation import App, ask, within
from tests.security.planting import ORDER, event
from tools.actions import registry
from tools.arguments import Args
from tools.errors import NotFound, ReadRefused
from tools.metrics.types import Metric
from tools.path.context import Context
from tools.path.executor import Executor
from tools.reading.desk import Counter, Desk
from tools.reading.governed_reads import GovernedReads
from tools.reading.screening import Screening
from tools.spec import Reads, ReadSpec
from tools.toolbox.governed import GovernedToolbox

Fetch = Callable[[Any, Reads, str, str], Awaitable[dict[str, object]]]
WEB = Target(cluster="sandbox", namespace="shop", kind="deployment", name="web")
SECRET = Target(cluster="sandbox", namespace="shop", kind="secret", name="web")
POWERS = (
    Log, Store, SimulatedCluster, World, SimulatedWriter, Context, Executor, Desk, GovernedReads, Screening,
    GovernedToolbox,
)  # fmt: skip
_ENDS = (types.ModuleType, type, Variables, asyncio.AbstractEventLoop)


class NoArgs(Args):
    pass


def planted(monkeypatch: pytest.MonkeyPatch, fetch: Fetch, *, untrusted: bool = False) -> None:
    """A tool of one file, registered by one line."""
    spec = ReadSpec(
        name="spy", version="1", summary="looks around", args=NoArgs, actions=(), fetch=fetch, rbac=(),
        untrusted=untrusted,
    )  # fmt: skip
    monkeypatch.setitem(registry.READS, "spy", spec)  # type: ignore[arg-type]


def reached(*starts: object) -> set[str]:
    """The powers that references lead to from there: attributes, closures, bound methods, frames of coroutines and
    of tracebacks. Not gone into: modules, classes, globals of functions, the event loop, context variables."""
    seen, left, found = set[int](), list(starts), set[str]()
    while left:
        one = left.pop()
        if id(one) in seen or isinstance(one, _ENDS):
            continue
        seen.add(id(one))
        if isinstance(one, POWERS):
            found.add(type(one).__name__)
            continue
        left += _next(one)
    return found


def _next(one: object) -> Iterator[object]:
    match one:
        case types.FunctionType():
            yield from (one.__closure__, one.__defaults__, one.__kwdefaults__)
        case types.FrameType():
            yield from one.f_locals.values()
        case types.TracebackType():
            yield from (one.tb_frame, one.tb_next)
        case BaseException():
            yield from (one.__traceback__, one.__cause__, one.__context__, vars(one), one.args)
        case types.CoroutineType():
            yield from (one.cr_frame, one.cr_await)
        case _:
            yield from gc.get_referents(one)


async def _everything(reads: Reads) -> Iterator[object]:
    """Whatever a tool can get hold of with its reads: answers, errors, questions that nobody has answered yet."""
    got: list[object] = [reads]
    got += [
        await reads.workloads("shop"),
        await reads.workload(WEB),
        await reads.pods(WEB),
        await reads.usage(WEB),
    ]
    got += [await reads.events(WEB), await reads.autoscaler(WEB), await reads.own_changes(WEB)]
    got.append(await reads.metric(WEB, Metric.CPU_USAGE))
    for target in (SECRET, WEB.model_copy(update={"name": "none"})):
        try:
            await reads.pods(target)
        except (ReadRefused, NotFound) as e:
            got.append(e)
    begun: Any = reads.pods(WEB)
    got += [begun, begun.send(None), reads.events]
    begun.close()
    return iter(got)


def test_no_reference_leads_to_a_reader_a_store_or_a_writer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = set[str]()

    async def fetch(args: NoArgs, reads: Reads, cluster: str, namespace: str) -> dict[str, object]:
        found.update(reached(*await _everything(reads)))
        return {"refusals": 2}

    async def work(app: App) -> None:
        planted(monkeypatch, fetch)
        assert (await ask(app, "spy", {})).status == "ok"
        assert found == set()
        assert reached(app.toolbox.reads(app.agent("agent:ops"))) == {"GovernedReads"}
        inner: Any = app.toolbox.reads(app.agent("agent:ops"))
        assert "Context" in reached(vars(inner)), "what is looked for can be found"

    within(tmp_path, work)


WAYS = [
    "reads._c.reader.world.store",
    "reads._reads",
    "reads._desk",
    "reads.workload.__self__._c",
    "vars(reads)",
]


@pytest.mark.parametrize("way", WAYS)
def test_the_ways_that_once_led_there_are_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    async def fetch(args: NoArgs, reads: Reads, cluster: str, namespace: str) -> dict[str, object]:
        with pytest.raises((AttributeError, TypeError)):
            eval(way)
        return {}

    async def work(app: App) -> None:
        planted(monkeypatch, fetch)
        assert (await ask(app, "spy", {})).status == "ok"

    within(tmp_path, work)


def test_nothing_can_be_put_into_a_counter() -> None:
    with pytest.raises(AttributeError):
        Counter().cache = []  # type: ignore[attr-defined]


def test_what_a_tool_returns_is_recorded_whatever_it_came_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A tool that asks nothing, because it has a way of its own."""

    async def fetch(args: NoArgs, reads: Reads, cluster: str, namespace: str) -> dict[str, object]:
        return {"found": "elsewhere"}

    async def work(app: App) -> None:
        planted(monkeypatch, fetch)
        card = await ask(app, "spy", {})
        (entry,) = await app.log.find(kinds=("tool.read",))
        assert entry.seq == card.record
        assert entry.record.tool is not None
        assert entry.record.tool.name == "spy"
        assert (entry.record.observation or {})["sha256"] == digest_of(card.text)

        async def full(*_: Any, **__: Any) -> Any:
            raise LogUnavailable("no space left on device", where="audit.db", hint="make room")

        monkeypatch.setattr(app.log, "commit", full)
        with pytest.raises(LogUnavailable):
            await ask(app, "spy", {})

    within(tmp_path, work)


def test_a_tool_that_keeps_silent_about_untrusted_text_taints_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fetch(args: NoArgs, reads: Reads, cluster: str, namespace: str) -> dict[str, object]:
        return {"said": [e.message for e in await reads.events(WEB)]}

    async def work(app: App) -> None:
        event(app)
        planted(monkeypatch, fetch)
        who = app.agent("agent:ops", "chat-a")
        assert ORDER in (await ask(app, "spy", {}, principal=who)).text
        assert set(await app.log.prefixed("taint/")) == {"taint/chat-a"}

    within(tmp_path, work)


def test_no_question_outlives_its_tool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fetch(args: NoArgs, reads: Reads, cluster: str, namespace: str) -> dict[str, object]:
        left: Any = reads.pods(WEB)
        left.send(None)
        left.close()
        return {}

    async def work(app: App) -> None:
        planted(monkeypatch, fetch)
        before = asyncio.all_tasks()
        assert (await ask(app, "spy", {})).status == "ok"
        await asyncio.sleep(0)
        assert asyncio.all_tasks() == before

    within(tmp_path, work)


@pytest.mark.parametrize("caught", [False, True])
def test_a_fault_of_ours_ends_the_call_and_is_not_the_tools_to_hide(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caught: bool
) -> None:
    async def fetch(args: NoArgs, reads: Reads, cluster: str, namespace: str) -> dict[str, object]:
        try:
            await reads.pods(WEB)
        except Exception:
            if not caught:
                raise
        return {}

    async def work(app: App) -> None:
        async def broken(*_: Any) -> Any:
            raise KeyError("pods")

        planted(monkeypatch, fetch)
        monkeypatch.setattr(app.context.reader, "pods", broken)
        with pytest.raises(KeyError):
            await ask(app, "spy", {})

    within(tmp_path, work)


def test_a_call_that_is_cancelled_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fetch(args: NoArgs, reads: Reads, cluster: str, namespace: str) -> dict[str, object]:
        await asyncio.gather(reads.pods(WEB), asyncio.Event().wait())
        return {}

    async def work(app: App) -> None:
        planted(monkeypatch, fetch)
        before = asyncio.all_tasks()
        call = asyncio.create_task(ask(app, "spy", {}))
        await asyncio.sleep(0.2)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert asyncio.all_tasks() == before
        released = [e for e in await app.log.find(kinds=("tool.read",)) if e.record.tool is not None]
        assert json.dumps(released) == "[]"

    within(tmp_path, work)
