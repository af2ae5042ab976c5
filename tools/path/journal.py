"""The log as the governed path reads and writes it: the records that an action leaves."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from audit.log import Entry, Log
from audit.record import MAX_TEXT, Actor, Kind, Outcome, Parent, Record, Resource, Verdict
from audit.record import Tool as ToolRef
from base.text import storable
from policies.claim_keys import ENDED
from policies.decision import Decision
from policies.types import Approval, Claim, Observation, Principal, Request, Target
from tools.errors import ToolError
from tools.path.cross_checks import CrossChecks
from tools.path.standing import ENDS, Standing, State, ballot, standing, votes


def actor_of(who: Principal) -> Actor:
    """The record's actor: the agent for its human, or the human."""
    if who.agent is None:
        return Actor(type="human", id=who.on_behalf_of or "human:absent", session=who.session)
    return Actor(type="agent", id=who.agent, on_behalf_of=who.on_behalf_of, session=who.session)


def ends(intent: Record) -> Claim:
    """An intent ends once, no matter who records how: its own process, a resolver or a person. A process that slept
    past its lease loses this claim, so it cannot free a workload that another process holds by now."""
    return Claim("once", ENDED.of(intent.id))


def parent_of(record: Record, rel: str) -> str | None:
    """The id of the record that this one follows from in that way (`intent`, `undoes`, …), if it does."""
    return next((parent.id for parent in record.parents if parent.rel == rel), None)


def resource_of(target: Target, seen: Observation | None = None, cluster_uid: str | None = None) -> Resource:
    """The record's resource; with what was seen of it, where it was seen."""
    return Resource(
        cluster=target.cluster,
        cluster_uid=seen.cluster_uid if seen else cluster_uid,
        namespace=target.namespace,
        kind=target.kind,
        name=target.name,
        uid=seen.uid if seen else None,
        resource_version=seen.resource_version if seen else None,
    )


class Journal:
    """Writes the path's records and reads a request's state from them."""

    def __init__(self, log: Log) -> None:
        self.log, self.checks = log, CrossChecks(log)

    async def standing(self, request: Request) -> Standing:
        """Where the request stands, and what was asked and voted: one read of its records.

        Raises RequestReused where its id was used for another content, LogTampered where the log contradicts itself.
        """
        return standing(request, await self.checks.request(request.id))

    async def state_of(self, request: Request) -> State:
        """Where the request stands. Raises RequestReused where its id was used for another content."""
        return (await self.standing(request)).state

    async def votes_of(self, request: Request) -> tuple[Approval, ...]:
        """Every yes to this request, whatever else its id was used for."""
        return votes(await self.log.by_request(request.id))

    async def request_of(self, entry: Entry) -> Request:
        """The request behind an intent or a question: its decision holds it whole."""
        return Request.model_validate_json(json.dumps((await self._decision_of(entry)).request))

    async def policy_of(self, entry: Entry) -> str:
        """The digest of the policy by which an intent or a question was decided."""
        verdict = (await self._decision_of(entry)).decision
        return (verdict.policy_sha256 if verdict else None) or ""

    async def _decision_of(self, entry: Entry) -> Record:
        decided = parent_of(entry.record, "decision")
        found = await self.log.by_id(decided) if decided is not None else None
        if found is None:
            raise ToolError(
                "its decision is not in the log", where=f"record {entry.seq}", hint="flyball audit verify"
            )
        return found.record

    async def of_intent(self, intent: Record, kinds: Sequence[Kind] = ENDS) -> list[Entry]:
        """What records of these kinds say of an intent, oldest first; if nothing else is asked for, how it ended."""
        entries = await self.log.by_request(intent.request_id or "")
        return [e for e in entries if e.record.kind in kinds and parent_of(e.record, "intent") == intent.id]

    def previewed(self, request: Request, seen: Observation) -> Record:
        """A read of the view, made before a person is asked."""
        return self._draft("tool.read", request, seen, labels={"action": "preview"})

    def resolving(self, intent: Record, actor: Actor) -> Record:
        """A resolver begins to look into an intent that works on pods; durable before it fences them off."""
        return self._of("tool.read", intent, actor, labels={"action": "resolve"})

    def closed(self, intent: Record, actor: Actor, why: str) -> Record:
        """Nothing is left to do of what an intent promised."""
        return self._of("annotation", intent, actor, reason=why, labels={"action": "close"})

    def decision(
        self,
        request: Request,
        decision: Decision,
        seen: Observation | None,
        tool: ToolRef | None,
        manual: str = "",
    ) -> Record:
        """The gate's answer with all that it used, so that it can be replayed; with the way by hand."""
        verdict = Verdict(
            verdict=decision.verdict.value,
            stage=decision.stage,
            rule=decision.rule,
            policy_sha256=decision.policy_digest,
            detail=decision.detail[:4096],
        )
        labels = {"manual": manual} if manual else None
        return self._draft(
            "policy.decision", request, seen, whole=True, tool=tool, decision=verdict, labels=labels
        )

    def intent(
        self,
        request: Request,
        seen: Observation,
        decided: Record,
        diff: str,
        verify: Mapping[str, Any] | None = None,
    ) -> Record:
        """What is about to be written; its id is the marker that the write carries. `verify`: what it owes after
        that (tools.path.verification). The observation holds the effect that it `expects`, a label its strategy, a
        parent `under` the envelope that it is a move in."""
        drafted = self._draft(
            "action.intent",
            request,
            seen,
            args=dict(request.args),
            before=dict(seen.view),
            labels={"tool": request.tool, "diff": diff} | _chosen_by(request),
            parents=(Parent(rel="decision", id=decided.id), *_followed(request)),
        )
        also = {"verify": verify, "expects": request.expects and dict(request.expects)}
        known = {name: value for name, value in also.items() if value is not None}
        if not known:
            return drafted
        return drafted.model_copy(update={"observation": {**(drafted.observation or {}), **known}})

    def outcome(
        self, request: Request, intent: Record, outcome: Outcome, after: dict[str, Any] | None = None
    ) -> Record:
        """How the write ended, as the cluster answered."""
        return self._end("action.outcome", request, intent, outcome, after)

    def resolved(
        self,
        request: Request,
        intent: Record,
        outcome: Outcome,
        actor: Actor,
        evidence: dict[str, Any],
        after: dict[str, Any] | None = None,
    ) -> Record:
        """How an in-doubt intent ended, and the evidence that was looked at."""
        return self._end("action.in_doubt_resolved", request, intent, outcome, after, actor, evidence)

    def ended(self, request: Request, outcome: Outcome, seen: Observation | None) -> Record:
        """An end without a write (failed on the way)."""
        return self._draft("action.outcome", request, seen, outcome=outcome)

    def afterwards(
        self,
        kind: Kind,
        intent: Record,
        observation: dict[str, Any],
        labels: dict[str, str],
        actor: Actor | None = None,
    ) -> Record:
        """What was seen of a change after its write, or done about it."""
        same = {name: getattr(intent, name) for name in ("run_id", "view_digest", "mode")}
        return self._of(kind, intent, actor or intent.actor, observation=observation, labels=labels, **same)

    def asked(
        self,
        request: Request,
        decision: Decision,
        seen: Observation,
        diff: str,
        expires_ms: int,
        decided: Record,
    ) -> Record:
        """A request for approval; holds the whole request, so that an approver's process can carry it out."""
        needs = [
            {"rule": n.rule, "role": n.role, "count": n.count, "local": n.local} for n in decision.approvals
        ]
        approval = {
            "view": dict(seen.view),
            "diff": diff,
            "needs": needs,
            "expires_ms": expires_ms,
        }
        parents = (Parent(rel="decision", id=decided.id),)
        return self._draft("approval.requested", request, seen, approval=approval, parents=parents)

    def vote(
        self, kind: Kind, asked: Entry, request: Request, voter: Principal, reason: str, expires_ms: int
    ) -> Record:
        """A person's yes or no to exactly what was asked: bound to the request's and the view's digest."""
        return self.log.draft(
            kind,
            actor=actor_of(voter),
            resource=asked.record.resource,
            request_id=request.id,
            request_digest=request.digest,
            view_digest=asked.record.view_digest,
            mode=request.mode,
            reason=storable(reason, MAX_TEXT) or None,
            parents=(Parent(rel="asked", id=asked.record.id),),
            approval=ballot(voter, expires_ms),
        )

    def _end(
        self,
        kind: Kind,
        request: Request,
        intent: Record,
        outcome: Outcome,
        after: dict[str, Any] | None,
        actor: Actor | None = None,
        evidence: dict[str, Any] | None = None,
    ) -> Record:
        return self._of(
            kind,
            intent,
            actor or actor_of(request.principal),
            view_digest=intent.view_digest,
            mode=request.mode,
            run_id=request.run_id,
            outcome=outcome,
            after=after,
            observation=evidence,
        )

    def _of(self, kind: Kind, intent: Record, actor: Actor, **fields: Any) -> Record:
        """A record that follows from an intent: of its workload and its request."""
        return self.log.draft(
            kind,
            actor=actor,
            resource=intent.resource,
            request_id=intent.request_id,
            request_digest=intent.request_digest,
            parents=(Parent(rel="intent", id=intent.id),),
            **fields,
        )

    def _draft(
        self, kind: Kind, request: Request, seen: Observation | None, *, whole: bool = False, **fields: Any
    ) -> Record:
        observed = _observed(seen) if seen else None
        return self.log.draft(
            kind,
            actor=actor_of(request.principal),
            run_id=request.run_id,
            resource=resource_of(request.target, seen),
            mode=request.mode,
            reason=request.reason or None,
            request_id=request.id,
            request_digest=request.digest,
            view_digest=seen.view_digest if seen else None,
            observation=observed,
            request=request.document if whole else None,
            **fields,
        )


def _followed(request: Request) -> tuple[Parent, ...]:
    """The earlier intents that it undoes or is a move under."""
    earlier = {"undoes": request.undoes, "under": request.under}
    return tuple(Parent(rel=rel, id=id) for rel, id in earlier.items() if id)


def _chosen_by(request: Request) -> dict[str, str]:
    return {"strategy": request.strategy} if request.strategy else {}


def _observed(seen: Observation) -> dict[str, Any]:
    """What was decided on: the view, and what was looked at around it."""
    around = {name: getattr(seen, name) for name in ("peers", "alerts", "rolling_out")}
    known = {name: value for name, value in around.items() if value is not None}
    return {"generation": seen.generation, "at_ms": seen.at_ms, "view": dict(seen.view), **known}
