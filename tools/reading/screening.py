"""The steps of a governed read: screened by names, fetched, judged with labels, recorded, and only then released.

Untrusted text (events) taints the agent's session in the commit that records the read, so before
a word of it is released: an agent cannot have read it and be clean, not even after a crash.
"""

from collections.abc import Awaitable, Mapping, Sequence
from typing import NoReturn, TypeVar

from audit.record import Record
from policies.decision import VerdictKind
from policies.gate import Gate
from policies.guards.taint import key as taint_key
from policies.types import Claim, Observation, Principal, Request, Situation, Target
from tools.cluster.names import namespace_target
from tools.cluster_types import LISTED, Workload
from tools.errors import ArgumentsInvalid, ReadRefused, ToolError
from tools.path.context import Context, denied
from tools.path.journal import actor_of, resource_of
from tools.path.observe import observation, unseen
from tools.path.requests import request_id

T = TypeVar("T")
DESCRIBE = "describe_workload"
MOST_SELECTOR = 4096
"""Characters of a label selector: it is recorded, and a record is bounded."""


class Screening:
    """The steps of a read for one principal. `untrusted`: everything that is read holds untrusted text."""

    def __init__(
        self, context: Context, principal: Principal, run_id: str | None, *, untrusted: bool
    ) -> None:
        self.context = context
        self._c, self._who, self._run, self._untrusted = context, principal, run_id, untrusted

    def request(self, action: str, target: Target) -> Request:
        """A request to read, under a fresh id."""
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

    async def listed(
        self, namespace: str, selector: str, kinds: Sequence[str] = LISTED
    ) -> tuple[Request, list[Workload], int]:
        """The namespace's workloads of these kinds that may be described, and how many may not. Raises ReadRefused,
        and ArgumentsInvalid for a selector that no record would hold."""
        self.bounded(selector)
        request = self.request("list_workloads", namespace_target(self._c.cluster.name, namespace))
        await self.screen(request)
        found = await self.fetched(request, self._c.reader.list_workloads(namespace, selector, kinds))
        shown = await self.those(DESCRIBE, found, screened=True)
        return request, shown, len(found) - len(shown)

    def bounded(self, selector: str) -> None:
        """Raises ArgumentsInvalid for a selector that no record would hold."""
        if len(selector) > MOST_SELECTOR:
            raise ArgumentsInvalid(
                f"a selector of {len(selector)} characters", hint=f"at most {MOST_SELECTOR}"
            )

    async def judged(self, request: Request) -> Workload:
        """The workload as it is now, by whose labels pods and samples are judged too. Raises ReadRefused."""
        await self.screen(request)
        found = await self.fetched(request, self._c.reader.read(request.target))
        if not await self.may(request, found):
            await self.refuse(request, "labels", "its labels are not among those it may read")
        return found

    async def judged_unseen(self, request: Request) -> None:
        """The same of a workload that cannot be read now: its labels are unknown. Raises ReadRefused."""
        await self.screen(request)
        if not await self._allowed(request, unseen(request.target, self._c.cluster, self._c.now_ms())):
            await self.refuse(request, "labels", "its labels cannot be read now, and policy goes by them")

    async def fetched(self, request: Request, fetch: Awaitable[T]) -> T:
        """What the cluster answers; an error tells something too, so it is recorded before it is raised."""
        try:
            return await fetch
        except ToolError as e:
            await self.record(request, {"error": type(e).__name__, "code": e.code}, untrusted=False)
            raise

    async def screen(self, request: Request) -> None:
        """By names, before anything is fetched. Raises ReadRefused."""
        gate = await self._c.gate()
        if (no := await self._c.screened(gate, request)) is not None:
            await self.refuse(request, no.stage, no.detail)

    async def may(self, request: Request, workload: Workload) -> bool:
        """Whether it may read that of this workload, with its labels."""
        return await self._allowed(request, self._seen(workload))

    async def those(
        self, action: str, workloads: Sequence[Workload], *, screened: bool = False
    ) -> list[Workload]:
        """Those of the workloads of which it may read that: each is judged as if it were read alone, all by the same
        policy and one look at the log. `screened`: who asks and the kill switch were looked at before."""
        gate, now_ms = await self._c.gate(), self._c.now_ms()
        asked = [(self.request(action, workload.target), workload) for workload in workloads]
        keys = dict.fromkeys(key for request, _ in asked for key in gate.keys(request, now_ms))
        values = await self._c.values([*keys])
        return [
            workload
            for request, workload in asked
            if (screened or self._c.screened_by(gate, request, values) is None)
            and _allows(gate, request, self._seen(workload), values)
        ]

    def _seen(self, workload: Workload) -> Observation:
        return observation(workload, self._c.cluster, self._c.now_ms(), {"uid": workload.uid})

    async def _allowed(self, request: Request, seen: Observation) -> bool:
        gate = await self._c.gate()
        values = await self._c.values(gate.keys(request, self._c.now_ms()))
        return _allows(gate, request, seen, values)

    async def refuse(self, request: Request, stage: str, detail: str) -> NoReturn:
        """The refusal, recorded. Raises ReadRefused."""
        no = denied(await self._c.gate(), request, stage, detail)
        (entry,) = await self._c.log.commit((self._c.journal.decision(request, no, None, None),))
        raise ReadRefused(f"denied: {detail}", where=str(request.target), record=entry.seq, stage=stage)

    async def record(
        self, request: Request, seen: dict[str, object], *, untrusted: bool | None = None
    ) -> None:
        """What was read, before it is released, with the session's taint flag where it is untrusted text."""
        untrusted = self._untrusted if untrusted is None else untrusted
        key = taint_key(request) if untrusted else None
        claims = (Claim("set", key, self._c.now_ms()),) if key else ()
        await self._c.log.commit((self._drafted(request, seen, untrusted),), claims)

    async def record_all(self, told: Sequence[tuple[Request, dict[str, object]]]) -> None:
        """Several reads of trusted text, all recorded or none."""
        await self._c.log.commit([self._drafted(request, seen, False) for request, seen in told])

    def _drafted(self, request: Request, seen: dict[str, object], untrusted: bool) -> Record:
        return self._c.log.draft(
            "tool.read",
            actor=actor_of(self._who),
            run_id=self._run,
            resource=resource_of(request.target, None, self._c.cluster.uid),
            request_id=request.id,
            request_digest=request.digest,
            observation=seen,
            labels={"action": request.action} | ({"untrusted": "yes"} if untrusted else {}),
        )


def _allows(gate: Gate, request: Request, seen: Observation, values: Mapping[str, int]) -> bool:
    situation = Situation(now_ms=seen.at_ms, values=values, lease=("", 0), nonce=request.id)
    return gate.decide(request, seen, (), situation).verdict is VerdictKind.ALLOW
