"""Governed reads: screened by names, fetched, judged with labels, recorded, and only then released."""

from collections.abc import Awaitable
from typing import TypeVar

from policies.types import Principal, Request, Situation, Target, VerdictKind
from tools.context import Context, denied
from tools.errors import ToolError
from tools.journal import actor_of, resource_of
from tools.naming import namespace_target
from tools.observe import observation
from tools.ports import Pod, PodUsage, UsageReader, Workload
from tools.requests import request_id

T = TypeVar("T")


class ReadRefused(ToolError):
    """Policy does not let this principal read that. `record` is the refusal's number in the log."""

    def __init__(self, what: str, *, where: str, record: int, stage: str) -> None:
        stopped = "flyball status says what is stopped, and how it is lifted"
        mend = stopped if stage == "kill_switch" else "flyball policy can-i says what it may read"
        super().__init__(what, where=where, mend=mend)
        self.record = record


class GovernedReads:
    """The reads of one principal; what an agent's reading tools get in place of a cluster."""

    def __init__(
        self, context: Context, usage: UsageReader, principal: Principal, run_id: str | None = None
    ) -> None:
        self._c, self._usage, self._who, self._run = context, usage, principal, run_id

    async def workloads(self, namespace: str, selector: str = "") -> list[Workload]:
        """The namespace's workloads, less those that the principal may not describe."""
        request = self._request("list_workloads", namespace_target(self._c.cluster.name, namespace))
        await self._screen(request)
        found = await self._fetched(request, self._c.reader.list_workloads(namespace, selector))
        shown = [w for w in found if await self._may(self._request("describe_workload", w.target), w)]
        await self._record(
            request, {"selector": selector, "shown": len(shown), "hidden": len(found) - len(shown)}
        )
        return shown

    async def workload(self, target: Target) -> Workload:
        """One workload. Raises ReadRefused, NotFound."""
        request = self._request("describe_workload", target)
        found = await self._judged(request)
        await self._record(request, {"uid": found.uid, "resource_version": found.resource_version})
        return found

    async def pods(self, target: Target) -> list[Pod]:
        """The workload's pods."""
        request = self._request("describe_workload", target)
        await self._judged(request)
        found = await self._fetched(request, self._c.reader.pods(target))
        await self._record(request, {"pods": len(found)})
        return found

    async def usage(self, target: Target) -> list[PodUsage]:
        """The latest samples of the workload's pods; what is missing is missing."""
        request = self._request("describe_workload", target)
        await self._judged(request)
        found = await self._fetched(request, self._usage.usage(target))
        samples = {u.pod: {name: list(v) for name, v in u.containers.items()} for u in found}
        await self._record(
            request, {"samples": samples, "at_ms": max((u.at_ms for u in found), default=None)}
        )
        return found

    def _request(self, action: str, target: Target) -> Request:
        return Request(
            id=request_id(self._who.session, action, target.key, self._c.nonce()),
            principal=self._who,
            tool=action,
            action=action,
            target=target,
            args={},
            mode="live",
            run_id=self._run,
        )

    async def _judged(self, request: Request) -> Workload:
        """The workload as it is now, by whose labels pods and samples are judged too. Raises ReadRefused."""
        await self._screen(request)
        found = await self._fetched(request, self._c.reader.read(request.target))
        if not await self._may(request, found):
            await self._refuse(request, "labels", "its labels are not among those it may read")
        return found

    async def _fetched(self, request: Request, fetch: Awaitable[T]) -> T:
        """What the cluster answers; an error tells something too, so it is recorded before it is raised."""
        try:
            return await fetch
        except ToolError as e:
            await self._record(request, {"error": type(e).__name__, "code": e.code})
            raise

    async def _screen(self, request: Request) -> None:
        gate = await self._c.gate()
        if (no := await self._c.screened(gate, request)) is not None:
            await self._refuse(request, no.stage, no.detail)

    async def _may(self, request: Request, workload: Workload) -> bool:
        gate = await self._c.gate()
        now = self._c.now_ms()
        values = await self._c.log.values(gate.keys(request))
        situation = Situation(now_ms=now, values=values, lease=("", 0), nonce=request.id)
        seen = observation(workload, self._c.cluster, now, {"uid": workload.uid})
        return gate.decide(request, seen, (), situation).verdict is VerdictKind.ALLOW

    async def _refuse(self, request: Request, stage: str, detail: str) -> None:
        no = denied(await self._c.gate(), request, stage, detail)
        (entry,) = await self._c.log.commit((self._c.journal.decision(request, no, None, None),))
        raise ReadRefused(f"denied: {detail}", where=str(request.target), record=entry.seq, stage=stage)

    async def _record(self, request: Request, seen: dict[str, object]) -> None:
        record = self._c.log.draft(
            "tool.read",
            actor=actor_of(self._who),
            run_id=self._run,
            resource=resource_of(request.target, None, self._c.cluster.uid),
            request_id=request.id,
            request_digest=request.digest,
            observation=seen,
            labels={"action": request.action},
        )
        await self._c.log.commit((record,))
