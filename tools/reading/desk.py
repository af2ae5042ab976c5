"""What a reading tool holds in place of a cluster: a counter at which it asks, and behind it nothing that it could
take hold of (threat 26).

The tool runs in a task and a context of its own. Its counter has no attribute; what it asks is served in other
tasks, and only the answer crosses: data, or an error without the frames that it came through. So no chain of
references leads from what a tool is given to a reader, a store or a writer.

Python cannot prevent more than that: who runs in this process reaches every object of it (frames, `gc`, the globals
of a function, context variables). That tools do not is a rule on their source, in
tests/security/test_architecture.py; and what they release is recorded by the toolbox, whatever it came from.
"""

import asyncio
from contextvars import Context, ContextVar
from typing import Any, cast

from base.errors import FlyballError
from policies.types import Target
from tools.cluster_types import ApiEvent, Autoscaler, Change, Pod, PodUsage, Workload
from tools.errors import ToolError
from tools.metrics.types import Metric, Number, Series
from tools.spec import Args, Reads, ReadSpec


class Counter:
    """Implements Reads for one call of a tool, by asking the desk."""

    __slots__ = ()

    def now_ms(self) -> int:
        return _OPEN.get().now_ms()

    async def workloads(self, namespace: str, selector: str = "") -> list[Workload]:
        return cast(list[Workload], await _answer("workloads", namespace, selector))

    async def workload(self, target: Target) -> Workload:
        return cast(Workload, await _answer("workload", target))

    async def pods(self, target: Target) -> list[Pod]:
        return cast(list[Pod], await _answer("pods", target))

    async def usage(self, target: Target) -> list[PodUsage]:
        return cast(list[PodUsage], await _answer("usage", target))

    async def events(self, target: Target) -> list[ApiEvent]:
        return cast(list[ApiEvent], await _answer("events", target))

    async def autoscaler(self, target: Target) -> Autoscaler | None:
        return cast(Autoscaler | None, await _answer("autoscaler", target))

    async def own_changes(self, target: Target) -> list[Change]:
        return cast(list[Change], await _answer("own_changes", target))

    async def metric(self, target: Target, metric: Metric) -> Number:
        return cast(Number, await _answer("metric", target, metric))

    async def series(self, target: Target, metric: Metric, span_s: int, step_s: int) -> Series:
        return cast(Series, await _answer("series", target, metric, span_s, step_s))


class Desk:
    """Serves one call of a tool from the governed reads of its principal.

    `quotes`: an answer was an error with words of a server in it (ToolError.quotes).
    """

    def __init__(self, reads: Reads) -> None:
        self._reads = reads
        self._serving = set[asyncio.Task[None]]()
        self._tool: asyncio.Task[dict[str, object]] | None = None
        self._fault: Exception | None = None
        self.quotes = False

    async def serve(self, spec: ReadSpec[Any], args: Args, cluster: str, namespace: str) -> dict[str, object]:
        """What the tool returns; no question outlives it. Raises what it raises."""
        context = Context()
        context.run(_OPEN.set, self)
        loop, run = asyncio.get_running_loop(), _run(spec, args, cluster, namespace)
        self._tool = loop.create_task(run, context=context)
        try:
            return await self._tool
        except asyncio.CancelledError:
            if self._fault is not None:
                raise self._fault from None
            raise
        finally:
            await self._closed()

    def now_ms(self) -> int:
        """The time that policy and figures use; Unix ms."""
        return self._reads.now_ms()

    def take(self, name: str, given: tuple[object, ...]) -> "asyncio.Future[object]":
        """Begin to answer a question. The answer knows nothing of who works on it."""
        answer: asyncio.Future[object] = asyncio.get_running_loop().create_future()
        task = asyncio.create_task(self._work(name, given, answer))
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)
        return answer

    async def _work(self, name: str, given: tuple[object, ...], answer: "asyncio.Future[object]") -> None:
        try:
            found = await getattr(self._reads, name)(*given)
        except FlyballError as e:
            self.quotes |= isinstance(e, ToolError) and e.quotes
            if not answer.done():
                answer.set_exception(_bare(e))
        except Exception as e:  # noqa: BLE001 - a fault of ours: it is not the tool's to see, it ends the call
            self._fault = e
            if self._tool is not None:
                self._tool.cancel()
        else:
            if not answer.done():
                answer.set_result(found)

    async def _closed(self) -> None:
        left = [*self._serving]
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)


_OPEN: ContextVar[Desk] = ContextVar("desk")


def _answer(name: str, *given: object) -> "asyncio.Future[object]":
    return _OPEN.get().take(name, given)


async def _run(spec: ReadSpec[Any], args: Args, cluster: str, namespace: str) -> dict[str, object]:
    return await spec.fetch(args, Counter(), cluster, namespace)


def _bare(e: FlyballError) -> FlyballError:
    """The error without frames: their locals hold what it came from."""
    e.__cause__ = e.__context__ = None
    return e.with_traceback(None)
