"""Delivers one intent: one write to the workload, or one to each of its pods in turn.

A request is whole or not there as far as the cluster lets it: everything is rehearsed first where policy asks
for that, and what stops a batch of pods half-way is part of the outcome, never hidden.
"""

from dataclasses import dataclass, replace

from policies.claim_keys import STOP
from policies.guards.kill_switch import keys as switch_keys
from policies.permit import Permit
from tools.cluster_types import Patch, Pod, Precondition, Workload
from tools.errors import DefiniteConflict, MayHaveHappened, NeverHappened, ToolError
from tools.path.execution import Attempt, ExecutionContext
from tools.path.pod_batch import PodBatch
from tools.path.stop_files import StopFiles
from tools.ports import ClusterReader, ClusterWriter

TRIES = 5
"""How often a pod's write is tried again where only its status has moved on (kubelets write it in bursts)."""


@dataclass(frozen=True, slots=True)
class Delivered:
    """The workload afterwards. `partial` says what was not done, where a batch of pods stopped half-way."""

    after: Workload
    partial: str = ""
    quotes: bool = False
    """`partial` holds words of a server (ToolError.quotes)."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """Patches under one intent and one permit."""

    reader: ClusterReader
    writer: ClusterWriter
    ctx: ExecutionContext
    attempt: Attempt
    patches: tuple[Patch, ...]
    stop_files: StopFiles

    async def send(self, permit: Permit, intent: str, batch: PodBatch) -> Delivered:
        """Raises NeverHappened or DefiniteConflict (nothing was written), MayHaveHappened (who knows)."""
        if not self.patches or not self.patches[0].pod:
            guard = Precondition(self.attempt.seen.uid, self.attempt.seen.resource_version)
            (patch,) = self.patches
            self._not_stopped()
            if patch.autoscaler:
                return Delivered(await self._bounds(permit, intent, patch))
            return Delivered(await self.writer.apply(permit, intent, self.ctx.request.target, patch, guard))
        return await self._pods(permit, intent, batch)

    async def _bounds(self, permit: Permit, intent: str, patch: Patch) -> Workload:
        """The write to the workload's HPA, on the very version that was decided on."""
        workload, target = self.attempt.workload, self.ctx.request.target
        seen = workload.autoscaler
        assert seen is not None
        guard = Precondition(seen.uid, seen.resource_version)
        return replace(
            workload, autoscaler=await self.writer.set_bounds(permit, intent, target, patch, guard)
        )

    async def _pods(self, permit: Permit, intent: str, batch: PodBatch) -> Delivered:
        written, gone = dict[str, Pod](), set[str]()
        for number, patch in enumerate(self.patches):
            await batch.held()
            stopped, quotes = await batch.halted() if written else None, False
            try:
                pod = None if stopped else await self._pod(permit, patch, intent, batch)
            except MayHaveHappened:
                raise
            except ToolError as e:
                if not written:
                    raise
                stopped, quotes = f"pod {patch.pod}: {e.what}", e.quotes
            if stopped:
                said = _partial(len(written), self.patches[number:], stopped)
                return Delivered(self._after(written, gone), said, quotes)
            if pod is None:
                gone.add(patch.pod)
            else:
                written[pod.name] = pod
        if not written:
            raise NeverHappened(
                "every pod that it was meant for is gone",
                where=str(self.ctx.request.target),
                hint="look again: other pods have taken their place",
                code="PodsGone",
            )
        return Delivered(self._after(written, gone))

    async def _pod(self, permit: Permit, patch: Patch, intent: str, batch: PodBatch) -> Pod | None:
        """One pod's write; None where the pod is gone, for then nothing of it is left to change.

        After a conflict the pod is read first and the log asked then: a resolver says in the log that it looks
        before it fences, so a version that was read after its fence is never written on (see Resolver).
        """
        target, pods = self.ctx.request.target, self.attempt.workload.pods or ()
        seen = next(pod for pod in pods if pod.name == patch.pod)
        version = seen.resource_version
        for tried in range(TRIES):
            part = permit.part(patch.pod, tried)
            self._not_stopped()
            try:
                return await self.writer.resize(part, intent, target, patch, Precondition(seen.uid, version))
            except NeverHappened as e:
                if e.http == 404 and await self._again(seen) is None:
                    return None
                raise
            except DefiniteConflict:
                now = await self._again(seen)
                await batch.held()
                if now is None:
                    return None
                version = now.resource_version
        raise DefiniteConflict(
            "its status keeps changing", where=f"pod {patch.pod}", code="conflict", http=409, quotes=False
        )

    def _not_stopped(self) -> None:
        """Right before a write; the log's own switch is a claim of the intent. Raises NeverHappened."""
        for key in switch_keys(self.ctx.request):
            if self.stop_files.stops(scope := STOP.name_in(key)):
                hint = "flyball status says what is stopped, and how it is lifted"
                raise NeverHappened(f"{scope} is stopped", hint=hint, code="kill_switch")

    async def _again(self, seen: Pod) -> Pod | None:
        """The pod on a fresh read. Raises DefiniteConflict where it is not what was decided on any more."""
        try:
            pods = await self.reader.pods(self.ctx.request.target)
        except ToolError as e:
            raise DefiniteConflict(
                f"it could not be read again: {e.what}",
                where=f"pod {seen.name}",
                code="conflict",
                http=409,
                quotes=e.quotes,
            ) from e
        now = next((pod for pod in pods if pod.uid == seen.uid and not pod.deleting), None)
        if now is not None and now.containers != seen.containers:
            raise DefiniteConflict(
                "another writer has changed its resources",
                where=f"pod {seen.name}",
                code="conflict",
                http=409,
                quotes=False,
            )
        return now

    def _after(self, written: dict[str, Pod], gone: set[str]) -> Workload:
        """As it is now: what was written, what was left alone, and none of those that went meanwhile."""
        pods = (written.get(p.name, p) for p in self.attempt.workload.pods or () if p.name not in gone)
        return replace(self.attempt.workload, pods=tuple(pods))


def _partial(done: int, left: tuple[Patch, ...], why: str) -> str:
    names = ", ".join(patch.pod for patch in left[:5]) + (", …" if len(left) > 5 else "")
    return f"{done} of {done + len(left)} pods; not {names}: {why}"
