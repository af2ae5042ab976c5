"""Declares and ends events: judged by the gate as the action `declare_event`, recorded with what it claims.

Nothing is written to a cluster. An event is a statement that other actions rest on, and each of those passes the gate
by its own rules: an event lets nobody do more than before. A rule that lets only with an approval does not let: a
person declares what an agent may not.

Rules with labels are judged on those of the event's selector: whoever is allowed `tier=frontend` may declare for a
part of it, never for everything.
"""

from collections.abc import Sequence
from dataclasses import replace

from pydantic import ValidationError

from audit.errors import ClaimLost
from audit.log import Entry
from audit.record import Kind, Record
from base.errors import words_of
from policies.claim_keys import EVENT
from policies.decision import Decision, VerdictKind
from policies.gate import Gate
from policies.types import Claim, Observation, Principal, Request, Situation, Target, digest_of
from tools.errors import ArgumentsInvalid, ToolError
from tools.events.live import newest
from tools.events.records import told
from tools.events.types import AHEAD_MS, KIND, Event
from tools.path.context import Context
from tools.path.journal import resource_of
from tools.path.refusals import lost_decision
from tools.path.requests import request_id
from tools.ports import Held

ACTION = "declare_event"


class EventRefused(ToolError):
    """Policy does not let this principal declare or end that event. `record` is the refusal's number in the log."""

    effect = "refused"

    def __init__(self, no: Decision, where: str, record: int) -> None:
        what = f"denied: {no.detail}"
        hint = f"a rule must allow `{ACTION}` there without an approval; see flyball policy explain {record}"
        super().__init__(what, where=where, hint=hint)
        self.record = record


class NoSuchEvent(ToolError):
    """No live event has that name."""

    effect = "usage"


class Declarations:
    """Declares and ends the events of one cluster."""

    def __init__(self, context: Context) -> None:
        self._c = context

    async def declare(self, event: Event, who: Principal, reason: str = "") -> Entry:
        """The record that declares it. Raises EventRefused, and ArgumentsInvalid where it is over, begins too far
        ahead, or a live one has its name."""
        now = self._c.now_ms()
        self._timely(event, now)
        request = self._request(event, who, reason)
        key = EVENT.of(request.target.key)
        until = (await self._c.log.values((key,)))[key]
        if until > now:
            hint = f"end it first: flyball event end {event.name}"
            raise ArgumentsInvalid(f"`{event.name}` is declared already", where="name", hint=hint)
        claims = (Claim("equals", key, until), Claim("set", key, event.to_ms))
        return await self._judged(request, event, "event.declared", claims)

    async def end(self, namespace: str, name: str, who: Principal, reason: str = "") -> Entry:
        """The record that ends it before its time. Raises EventRefused, and NoSuchEvent where none is live."""
        found = await self.named(namespace, name)
        event = Event.of(found.record.args or {})
        request = self._request(event, who, reason)
        key = EVENT.of(request.target.key)
        until = (await self._c.log.values((key,)))[key]
        if until <= self._c.now_ms():
            raise _none(name)
        claims = (Claim("equals", key, until), Claim("set", key, 0))
        return await self._judged(request, event, "event.ended", claims, found.record)

    async def named(self, namespace: str, name: str) -> Entry:
        """The newest declaration under that name. Raises NoSuchEvent."""
        try:
            where = Target(cluster=self._c.cluster.name, namespace=namespace, kind=KIND, name=name)
        except ValidationError:
            raise _none(name) from None
        found = await newest(self._c.log, where.key)
        if found is None:
            raise _none(name)
        return found

    def _timely(self, event: Event, now: int) -> None:
        if event.to_ms <= now:
            raise ArgumentsInvalid("it is over before it begins", where="to", hint="give a time to come")
        if event.from_ms > now + AHEAD_MS:
            raise ArgumentsInvalid("it begins in more than 400 days", where="from", hint="declare it later")

    def _request(self, event: Event, who: Principal, reason: str) -> Request:
        target = event.target(self._c.cluster.name)
        try:
            return Request(
                id=request_id(who.session, ACTION, target.key, self._c.nonce()),
                principal=who,
                tool=ACTION,
                action=ACTION,
                target=target,
                args=event.args,
                mode="live",
                reason=reason,
            )
        except ValidationError as e:
            first = e.errors(include_url=False, include_input=False)[0]
            raise ArgumentsInvalid(words_of(first), where=str(first["loc"][0])) from e

    async def _judged(
        self,
        request: Request,
        event: Event,
        kind: Kind,
        claims: Sequence[Claim],
        before: Record | None = None,
    ) -> Entry:
        """As the path does it: by names, under a lease, by the policy that is announced; then in one commit."""
        c = self._c
        gate = await c.gate()
        if (no := await c.screened(gate, request)) is not None:
            raise await self._refused(request, no)
        await c.pinned()
        async with c.leases.hold(request.target.key) as held:
            gate = await c.gate()
            await c.announce(gate, request)
            seen = self._seen(event, request)
            decision = await self._decided(gate, request, seen, held)
            if decision.verdict is not VerdictKind.ALLOW:
                raise await self._refused(request, decision, seen)
            return await self._recorded(request, seen, decision, kind, claims, before)

    def _seen(self, event: Event, request: Request) -> Observation:
        """What is judged is the event itself: its labels are those of its selector, it moves no number."""
        view = {"event": event.args}
        return Observation(
            target=request.target,
            at_ms=self._c.now_ms(),
            uid="",
            resource_version="",
            generation=0,
            labels=dict(event.selector),
            view=view,
            view_digest=digest_of(view),
            deltas=(),
            cluster_uid=self._c.cluster.uid,
        )

    async def _decided(self, gate: Gate, request: Request, seen: Observation, held: Held) -> Decision:
        values = await self._c.values(gate.keys(request, seen.at_ms))
        situation = Situation(
            now_ms=seen.at_ms, values=values, lease=(held.key, held.token), nonce=self._c.nonce()
        )
        return replace(gate.decide(request, seen, (), situation), permit=None)  # nothing is sent under it

    async def _recorded(
        self,
        request: Request,
        seen: Observation,
        decision: Decision,
        kind: Kind,
        claims: Sequence[Claim],
        before: Record | None,
    ) -> Entry:
        """Decision and event in one commit, with what both claim. Raises EventRefused where a claim is lost."""
        c = self._c
        decided = c.journal.decision(request, decision, seen, None)
        where = resource_of(request.target, None, c.cluster.uid)
        record = told(c.log, kind, request, where, decided, before)
        try:
            entries = await c.log.commit((decided, record), (*decision.claims, *claims))
        except ClaimLost as lost:
            raise await self._refused(
                request, lost_decision(request, decision.policy_digest, lost.claim), seen
            ) from lost
        return entries[-1]

    async def _refused(self, request: Request, no: Decision, seen: Observation | None = None) -> EventRefused:
        (entry,) = await self._c.log.commit((self._c.journal.decision(request, no, seen, None),))
        return EventRefused(no, str(request.target), entry.seq)


def _none(name: str) -> NoSuchEvent:
    return NoSuchEvent(f"no event `{name[:63]}` is live", where="name", hint="flyball event list")
