"""The resolver: how a write without an answer ended. It looks, fences, looks again, and records.

Before it may say "not applied" the object's resourceVersion is changed, so that a write still in flight
from a frozen process gets 409 (without the fence a PATCH held for 15 s still went through).
"""

from contextlib import suppress
from dataclasses import replace

from audit.errors import ClaimLost
from audit.log import Entry
from audit.record import Actor, Outcome, Record
from policies.claim_keys import BUSY, FENCE, RESOLVING
from policies.types import Claim, Target
from tools.errors import ArgumentsInvalid, NeverHappened, NotFound, ToolError
from tools.path.bounds_evidence import of_autoscaler
from tools.path.context import Context
from tools.path.cross_checks import newest_live_intent
from tools.path.evidence import Evidence, of_pods, of_workload, pods_left, spec_of
from tools.path.giving_back import unspent
from tools.path.journal import ends
from tools.path.leases import LeaseBusy
from tools.path.observe import with_autoscaler, with_pods
from tools.path.outcome import Result
from tools.path.replay import replayed, taken_over, unknown
from tools.path.standing import Final
from tools.path.verification import due_claims
from tools.ports import ClusterWriter, Held

SYSTEM = Actor(type="system", id="flyball:resolver")


class Resolver:
    """Works under the workload's lease only; holds a writer for the fence."""

    def __init__(self, context: Context, writer: ClusterWriter) -> None:
        self._c, self._writer = context, writer

    async def resolve(self, intent: Entry, held: Held) -> Result:
        """Find out how an open intent ended and record it; Unknown where it cannot be known yet."""
        request = await self._c.journal.request_of(intent)
        try:
            evidence = await self._look(intent, request.target)
        except NotFound as e:
            evidence = Evidence(None, f"the workload is gone: {e.what}", {})
        except ToolError as e:
            evidence = Evidence(None, f"cannot look: {e.what}", {}, quotes=e.quotes)
        if evidence.says is None:
            return unknown(request, intent, evidence.why, quotes=evidence.quotes)
        return await self.close(intent, evidence, SYSTEM, held)

    async def close(self, intent: Entry, evidence: Evidence, actor: Actor, held: Held) -> Result:
        """Record how it ended and free the workload; the fencing token keeps a stale resolver out."""
        request = await self._c.journal.request_of(intent)
        outcome = Outcome(status=evidence.status, detail=evidence.why[:4096])
        record = self._c.journal.resolved(
            request, intent.record, outcome, actor, evidence.facts, evidence.after
        )
        claims = (
            ends(intent.record),
            Claim("set", BUSY.of(request.target.key), 0),
            Claim("raise", FENCE.of(held.key), held.token),
            *(due_claims(intent.record, self._c.now_ms()) if evidence.says == "applied" else ()),
            *(unspent(intent.record.claims) if evidence.says == "not_applied" else ()),
        )
        try:
            entries = await self._c.log.commit((record,), claims)
        except ClaimLost:  # we slept past our lease: whoever holds it now says how it ended
            return await taken_over(self._c.journal, request)
        return replayed(request, Final(entries[-1], intent))

    async def by_hand(self, intent: Entry, says: str, reason: str, who: Actor) -> Result:
        """A person's word on what cannot be known; late writes are fenced off first, where the cluster answers.

        Raises ArgumentsInvalid where it is resolved already or the object itself says otherwise, LeaseBusy,
        LogUnavailable.
        """
        target = (await self._c.journal.request_of(intent)).target
        async with self._c.leases.hold(await self.lease_key(target)) as held:
            if await self._ended(intent):
                what = "somebody else has resolved it meanwhile"
                raise ArgumentsInvalid(what, where=f"record {intent.seq}", hint="flyball audit tail")
            try:
                seen = await self._look(intent, target)
            except ToolError as e:
                seen = Evidence(None, e.what, {"looked": f"could not look: {e.what}"[:512]})
            if seen.says not in (None, says):
                raise ArgumentsInvalid(
                    f"the object says `{seen.says}`: {seen.why}",
                    where=f"record {intent.seq}",
                    hint="flyball audit in-doubt resolves it by itself",
                )
            facts = {**seen.facts, "said_by": who.id}
            return await self.close(intent, Evidence(says, reason, facts, seen.after), who, held)

    async def clear(self, target: Target, held: Held) -> None:
        """Before a new action on a workload that is busy: resolve what stands open on it, if it can be."""
        if intent := await self.open_on(target.key):
            await self.resolve(intent, held)

    async def open_on(self, resource_key: str) -> Entry | None:
        """The open live intent on a workload, if there is one: then it is the newest live one, because the
        workload is busy."""
        intent = await self._c.log.at_one_moment(lambda reads: newest_live_intent(reads, resource_key))
        return None if intent is None or await self._ended(intent) else intent

    async def open_intents(self) -> list[Entry]:
        """Every open intent of the log, one a workload."""
        marks = sorted((await self._c.log.prefixed(BUSY.prefix)).items())
        found = [await self.open_on(BUSY.name_in(key)) for key, value in marks if value]
        return [intent for intent in found if intent is not None]

    async def sweep(self) -> list[Result]:
        """Resolve all that stands open on this cluster, each under its workload's lease."""
        results = []
        for intent in await self.open_intents():
            request = await self._c.journal.request_of(intent)
            if request.target.cluster != self._c.cluster.name:
                continue
            try:
                async with self._c.leases.hold(await self.lease_key(request.target)) as held:
                    if not await self._ended(intent):
                        results.append(await self.resolve(intent, held))
            except LeaseBusy:  # somebody is at work on it; the others need not wait for that
                with suppress(ToolError):  # its try ended in a conflict meanwhile: nothing is in doubt
                    results.append(await taken_over(self._c.journal, request))
        return results

    async def lease_key(self, target: Target) -> str:
        """The root owner's key; the workload's own where the cluster cannot say."""
        try:
            return (await self._c.reader.root_owner(target)).key
        except ToolError:
            return target.key

    async def _ended(self, intent: Entry) -> bool:
        return bool(await self._c.journal.of_intent(intent.record))

    async def _look(self, intent: Entry, target: Target) -> Evidence:
        """Marker, then fence, then marker, generation and fields: only then may "not applied" be said."""
        identity = await self._c.pinned()
        resource = intent.record.resource
        if resource is not None and resource.cluster_uid != identity.uid:
            return Evidence(
                None, "the cluster is another one than the intent's", {"cluster_uid": identity.uid}
            )
        spec, args = spec_of(intent.record)
        if spec.pods(args):
            return await self._look_at_pods(intent, target)
        if spec.autoscaler(args):
            return await self._look_at_autoscaler(intent, target)
        before = of_workload(await self._c.reader.read(target), intent.record, fenced=False)
        if before is not None:
            return before
        if (no := await self._stopped(intent)) is not None:
            return no
        await self._begins(intent.record)
        after = await self._writer.fence(target, intent.record.id)
        found = of_workload(after, intent.record, fenced=True)
        assert found is not None
        return found

    async def _stopped(self, intent: Entry) -> Evidence | None:
        """The kill switch holds back the fence too: while it is on, Flyball writes nothing at all."""
        no = await self._c.screened(await self._c.gate(), await self._c.journal.request_of(intent))
        if no is None or no.stage != "kill_switch":
            return None
        why = f"{no.detail}, so it is not fenced off: it is looked at again after `flyball resume`"
        return Evidence(None, why, {"fenced": "no: stopped"})

    async def _begins(self, intent: Record) -> None:
        """Durable before the fence is sent: the log tells each write, and a batch of pods reads it and stops."""
        key = RESOLVING.of(intent.id)
        if not (await self._c.log.values((key,)))[key]:
            await self._c.log.commit((self._c.journal.resolving(intent, SYSTEM),), (Claim("set", key, 1),))

    async def _look_at_autoscaler(self, opened: Entry, target: Target) -> Evidence:
        """As for a workload; where its HPA is gone, or has company, it cannot be known."""
        intent = opened.record
        seen = await with_autoscaler(await self._c.reader.read(target), self._c.reader)
        before = of_autoscaler(seen, intent, fenced=False)
        if before is not None:
            return before
        if (no := await self._stopped(opened)) is not None:
            return no
        await self._begins(intent)
        assert seen.autoscaler is not None
        after = await self._writer.fence_autoscaler(target, seen.autoscaler.name, intent.id)
        found = of_autoscaler(replace(seen, autoscaler=after), intent, fenced=True)
        assert found is not None
        return found

    async def _look_at_pods(self, opened: Entry, target: Target) -> Evidence:
        """Each pod that bears no marker is fenced, so that a write still in flight to it gets 409.

        A process that was frozen in a batch of pods would read a pod once more after that conflict and write on. So
        the log says first that a resolver looks; the batch reads a pod and then the log, and stops.
        """
        intent, stopped = opened.record, await self._stopped(opened)
        if stopped is None:
            await self._begins(intent)
        workload = with_pods(await self._c.reader.read(target), await self._c.reader.pods(target))
        unmarked = [pod for pod in pods_left(workload, intent) if not pod.marked(intent.id)]
        if stopped is not None:
            return stopped if unmarked else of_pods(workload, intent)
        for pod in unmarked:
            try:
                await self._writer.fence_pod(target, pod.name, intent.id)
            except NeverHappened as e:
                if e.http != 404:
                    raise
        fenced = with_pods(await self._c.reader.read(target), await self._c.reader.pods(target))
        return of_pods(fenced, intent)
