"""The Toolbox: a model's calls, parsed strictly, and typed ones; each through the governed path, to a card."""

import json
from dataclasses import replace
from typing import Any

from audit.errors import RecordInvalid
from audit.record import Actor, Tool
from base.text import harmless
from policies.asking import asking_keys, asking_refused
from policies.decision import VerdictKind
from policies.evaluate import names_kind
from policies.guards.taint import session_key
from policies.types import Claim, Principal, Request, digest_of
from tools.actions import registry
from tools.arguments import Args
from tools.cluster_types import Workload
from tools.errors import (
    ArgumentsInvalid,
    ClusterUnavailable,
    MetricsUnavailable,
    NeverHappened,
    NotFound,
    ReadRefused,
    ToolError,
    UnknownTool,
)
from tools.metrics.types import MetricsReader
from tools.path.context import Context
from tools.path.executor import Executor
from tools.path.journal import actor_of
from tools.path.outcome import Applied, Failed, Result, Unknown
from tools.path.requests import build
from tools.path.taint import marked
from tools.path.undo import UndoArgs, proposal
from tools.ports import UsageReader
from tools.reading.desk import Desk
from tools.reading.governed_reads import GovernedReads
from tools.spec import schema_digest
from tools.toolbox.cards import card_of, printable, told
from tools.toolbox.port import Answer, Call, Card, Room, TypedCall
from tools.toolbox.schema import decode, strict_schema

UNDO = "undo"
OUTRIGHT = frozenset({"names", "rules", "ownership", "envelope"})
"""Stages whose no is about what is asked for: not about its figures, the moment, or how far the agent acts."""
_AWAY = (NotFound, NeverHappened, ClusterUnavailable, MetricsUnavailable)
"""What a call fails with, told to the model as a card."""
_OF_SCHEDULES = ("set_envelope", "keep_scale_point")
"""Tools that a small context is not shown; a call that names one is judged like any other."""
_UNDO_SUMMARY = "Put back what one of your own applied changes changed, by its record number."


class GovernedToolbox:
    """Implements Toolbox over the executor; itself it holds neither writer nor reader."""

    def __init__(
        self, context: Context, executor: Executor, usage: UsageReader, metrics: MetricsReader
    ) -> None:
        self._c, self._executor, self._usage, self._metrics = context, executor, usage, metrics

    def schemas(self, *, compact: bool = False) -> list[dict[str, object]]:
        """The tools in OpenAI's format, strict, in a fixed order; `compact`: their fields by name and type only, and
        without the tools that schedules use."""
        models: dict[str, tuple[str, type[Args]]] = {
            **{s.name: (s.summary, s.args) for s in registry.READS.values()},
            **{s.name: (s.summary, s.args) for s in registry.ACTIONS.values()},
            UNDO: (_UNDO_SUMMARY, UndoArgs),
        }
        shown = {name: told for name, told in models.items() if not compact or name not in _OF_SCHEDULES}
        return [strict_schema(name, *told, described=not compact) for name, told in shown.items()]

    def only_reads(self, name: str) -> bool:
        """Whether this is one of the reads."""
        return name in registry.READS

    def reads(
        self, principal: Principal, run_id: str | None = None, *, untrusted: bool = False
    ) -> GovernedReads:
        """The governed reads of one principal (for the tuner)."""
        return GovernedReads(self._c, self._usage, self._metrics, principal, run_id, untrusted=untrusted)

    async def call(self, call: Call) -> Card:
        """One call to its card. Infrastructure that is away (log, lease) raises; nothing was sent then."""
        try:
            values = decode(call.arguments)
            if call.name in registry.READS:
                return await self._read(call, values)
            result = await self._carry_out(await self._request(call, values))
            return await self._released(call, card_of(result), quotes=_quotes(result))
        except (ArgumentsInvalid, UnknownTool) as e:
            return await self._rejected(call, call.name, len(call.arguments), e)
        except ReadRefused as e:
            return told("refused", e, e.record)
        except _AWAY as e:
            return await self._released(call, told("failed", e, None), quotes=e.quotes)

    async def asking_refused(self, who: Principal, model: str) -> str | None:
        """As the policy is now, and as the kill switch stands."""
        if (why := self._c.identity.refuses(who)) is not None:
            return why
        gate, cluster = await self._c.gate(), self._c.cluster.name
        values = await self._c.values(asking_keys(who, cluster))
        return asking_refused(gate.snapshot, who, cluster, model, values)

    async def propose(self, call: TypedCall) -> Answer:
        """One typed call to its answer. Raises what `call` raises."""
        try:
            result = await self._carry_out(self._typed(call))
        except (ArgumentsInvalid, UnknownTool) as e:
            size = len(repr(dict(call.args)))
            return Answer(await self._rejected(call, call.action, size, e), None)
        except (NotFound, NeverHappened, ClusterUnavailable) as e:
            return Answer(told("failed", e, None), None)
        return Answer(card_of(result), _without_permit(result))

    async def room(self, call: TypedCall, workload: Workload) -> Room:
        """As the gate judges it by the given workload. Raises ArgumentsInvalid, UnknownTool, LogUnavailable."""
        request = await marked(self._c, self._typed(call))
        named = names_kind((await self._c.gate()).snapshot, request, workload.labels)
        try:
            said = await self._executor.foresee(request, workload)
        except (ArgumentsInvalid, NotFound, NeverHappened, ClusterUnavailable) as e:
            return Room(e.what, (), named)  # this workload cannot be changed so: the path will say it
        if said.verdict is not VerdictKind.DENY:
            return Room("", said.headroom, named)
        return Room(said.detail, said.headroom, named, outright=said.stage in OUTRIGHT)

    def _typed(self, call: TypedCall) -> Request:
        """Raises ArgumentsInvalid for what is not the action's own argument model, or not valid in it."""
        spec = registry.action(call.action)
        if type(call.args) is not spec.args:
            what = f"`{call.action}` takes {spec.args.__name__}, not {type(call.args).__name__}"
            raise ArgumentsInvalid(what, where=call.action, hint="give the action's own argument model")
        args = registry.parse(spec.args, dict(call.args))  # pydantic can make a model unvalidated
        return self._built(call, spec.name, args)

    async def _carry_out(self, request: Request) -> Result:
        return await self._executor.execute(await marked(self._c, request))

    async def _request(self, call: Call, values: dict[str, Any]) -> Request:
        if call.name == UNDO:
            _namespace(call, UNDO)
            args = registry.parse(UndoArgs, values)
            return await proposal(
                self._c,
                args.record,  # type: ignore[attr-defined]
                id=call.request_id,
                principal=call.principal,
                mode=call.mode,
                reason=call.reason,
                run_id=call.run_id,
            )
        spec = registry.action(call.name)
        return self._built(call, spec.name, registry.parse(spec.args, values))

    def _built(self, call: Call | TypedCall, action: str, args: Args) -> Request:
        return build(
            action,
            args,
            id=call.request_id,
            principal=call.principal,
            cluster=self._c.cluster.name,
            namespace=_namespace(call, action),
            mode=call.mode,
            reason=call.reason,
            run_id=call.run_id,
            strategy=call.strategy if isinstance(call, TypedCall) else None,
            expects=call.expects if isinstance(call, TypedCall) else None,
        )

    async def _read(self, call: Call, values: dict[str, Any]) -> Card:
        """A reading tool gets a counter and no reader, and what it returns is recorded here, not by the tool."""
        spec = registry.READS[call.name]
        args = registry.parse(spec.args, values)
        desk = Desk(self.reads(call.principal, call.run_id, untrusted=spec.untrusted))
        try:
            found = await desk.serve(spec, args, self._c.cluster.name, _namespace(call, call.name))
        except RecordInvalid as e:  # what cannot be recorded is not released
            what = f"what was read cannot be recorded: {e.what}"
            no = ToolError(what, where=call.name, hint="ask for less")
            rejected = await self._rejected(call, call.name, len(call.arguments), no)
            return told("failed", no, rejected.record)
        except _AWAY as e:
            return await self._released(call, told("failed", e, None), quotes=e.quotes or desk.quotes)
        text = json.dumps({"status": "ok", **found}, separators=(",", ":"))
        card = Card("ok", f"{call.name}  {_words(values)}", text)
        tool = Tool(name=spec.name, version=spec.version, schema_sha256=schema_digest(spec))
        untrusted = spec.untrusted or desk.quotes
        return await self._recorded(call, card, untrusted=untrusted, tool=tool, args=registry.plain(args))

    async def _released(self, call: Call, card: Card, *, quotes: bool) -> Card:
        """The card of what has its records, with one more where a server's words are in it."""
        return await self._recorded(call, card, untrusted=True) if quotes else card

    async def _recorded(self, call: Call, card: Card, *, untrusted: bool, **more: Any) -> Card:
        """What a model is about to be told, recorded first; untrusted text taints its session in that commit."""
        key = session_key(call.principal) if untrusted else None
        labels = {"action": call.name[:64]} | ({"untrusted": "yes"} if untrusted else {})
        seen = {"status": card.status, "characters": len(card.text), "sha256": digest_of(card.text)}
        record = self._c.log.draft(
            "tool.read",
            actor=actor_of(call.principal),
            run_id=call.run_id,
            observation=seen,
            labels=labels,
            **more,
        )
        claims = (Claim("set", key, self._c.now_ms()),) if key else ()
        (entry,) = await self._c.log.commit((record,), claims)
        return card if card.record is not None else replace(card, record=entry.seq)

    async def _rejected(self, call: Call | TypedCall, name: str, size: int, e: ToolError) -> Card:
        actor: Actor = actor_of(call.principal)
        record = self._c.log.draft(
            "tool.rejected",
            actor=actor,
            run_id=call.run_id,
            request_id=call.request_id,
            mode=call.mode,
            reason=harmless(f"{e.where}: {e.what}", 4096),
            labels={"tool": harmless(name, 64), "bytes": str(size)},
        )
        (entry,) = await self._c.log.commit((record,))
        return told("invalid", e, entry.seq)


def _namespace(call: Call | TypedCall, tool: str) -> str:
    if call.namespace is None:
        raise ArgumentsInvalid("no namespace is pinned", where=tool, hint="give -n NAMESPACE")
    return call.namespace


def _words(values: dict[str, Any]) -> str:
    return printable(" ".join(str(v) for v in values.values() if v is not None)[:80])


def _quotes(result: Result) -> bool:
    """Whether a server's words are in it."""
    return isinstance(result, Failed | Unknown | Applied) and result.quotes


def _without_permit(result: Result) -> Result:
    """For an agent: it sees what was decided, and holds nothing that a writer would take."""
    if isinstance(result, Unknown | Failed) or result.decision is None:
        return result
    return replace(result, decision=replace(result.decision, permit=None))
