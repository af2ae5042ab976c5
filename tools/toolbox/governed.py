"""The Toolbox: a model's calls, parsed strictly, and typed ones; each through the governed path, to a card."""

import json
from dataclasses import replace
from typing import Any, assert_never

from audit.errors import RecordInvalid
from audit.record import Actor
from base.text import harmless
from policies.decision import VerdictKind
from policies.evaluate import names_kind
from policies.types import Principal, Request
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
from tools.path.outcome import Applied, Failed, Pending, Refused, Result, Simulated, Unknown
from tools.path.requests import build
from tools.path.taint import marked
from tools.path.undo import UndoArgs, proposal
from tools.ports import UsageReader
from tools.reading.governed_reads import GovernedReads
from tools.toolbox.port import Answer, Call, Card, CardStatus, Room, TypedCall
from tools.toolbox.schema import decode, strict_schema

UNDO = "undo"
_ERROR = 2048
_UNDO_SUMMARY = "Put back what one of your own applied changes changed, by its record number."


class GovernedToolbox:
    """Implements Toolbox over the executor; itself it holds neither writer nor reader."""

    def __init__(
        self, context: Context, executor: Executor, usage: UsageReader, metrics: MetricsReader
    ) -> None:
        self._c, self._executor, self._usage, self._metrics = context, executor, usage, metrics

    def schemas(self) -> list[dict[str, object]]:
        """The tools in OpenAI's format, strict, in a fixed order."""
        models: dict[str, tuple[str, type[Args]]] = {
            **{s.name: (s.summary, s.args) for s in registry.READS.values()},
            **{s.name: (s.summary, s.args) for s in registry.ACTIONS.values()},
            UNDO: (_UNDO_SUMMARY, UndoArgs),
        }
        return [strict_schema(name, summary, model) for name, (summary, model) in models.items()]

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
            return _card(await self._carry_out(await self._request(call, values)))
        except (ArgumentsInvalid, UnknownTool) as e:
            return await self._rejected(call, call.name, len(call.arguments), e)
        except ReadRefused as e:
            return _told("refused", e, e.record)
        except (NotFound, NeverHappened, ClusterUnavailable, MetricsUnavailable) as e:
            return _told("failed", e, None)

    async def propose(self, call: TypedCall) -> Answer:
        """One typed call to its answer. Raises what `call` raises."""
        try:
            result = await self._carry_out(self._typed(call))
        except (ArgumentsInvalid, UnknownTool) as e:
            size = len(repr(dict(call.args)))
            return Answer(await self._rejected(call, call.action, size, e), None)
        except (NotFound, NeverHappened, ClusterUnavailable) as e:
            return Answer(_told("failed", e, None), None)
        return Answer(_card(result), _without_permit(result))

    async def room(self, call: TypedCall, workload: Workload) -> Room:
        """As the gate judges it by the given workload. Raises ArgumentsInvalid, UnknownTool, LogUnavailable."""
        request = await marked(self._c, self._typed(call))
        said = await self._executor.foresee(request, workload)
        gate = await self._c.gate()
        refused = said.detail if said.verdict is VerdictKind.DENY else ""
        named = names_kind(gate.snapshot, request, workload.labels)
        return Room(refused, said.headroom, named)

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
        )

    async def _read(self, call: Call, values: dict[str, Any]) -> Card:
        spec = registry.READS[call.name]
        args = registry.parse(spec.args, values)
        reads = self.reads(call.principal, call.run_id, untrusted=spec.untrusted)
        try:
            found = await spec.fetch(args, reads, self._c.cluster.name, _namespace(call, call.name))
        except RecordInvalid as e:  # what cannot be recorded is not released
            what = f"what was read cannot be recorded: {e.what}"
            return _told("failed", ToolError(what, where=call.name, hint="ask for less"), None)
        text = json.dumps({"status": "ok", **found}, separators=(",", ":"))
        return Card("ok", f"{call.name}  {_words(values)}", text)

    async def _rejected(self, call: Call | TypedCall, name: str, size: int, e: ToolError) -> Card:
        actor: Actor = actor_of(call.principal)
        record = self._c.log.draft(
            "tool.rejected",
            actor=actor,
            run_id=call.run_id,
            request_id=call.request_id,
            mode=call.mode,
            reason=printable(f"{e.where}: {e.what}"[:4096]),
            labels={"tool": printable(name[:64]), "bytes": str(size)},
        )
        (entry,) = await self._c.log.commit((record,))
        return _told("invalid", e, entry.seq)


def printable(text: str) -> str:
    """Model-made text as log and terminal may hold it: no lone surrogates, no control or bidi characters."""
    return "".join(c if c.isprintable() else "?" for c in text.encode("utf-8", "replace").decode())


def _namespace(call: Call | TypedCall, tool: str) -> str:
    if call.namespace is None:
        raise ArgumentsInvalid("no namespace is pinned", where=tool, hint="give -n NAMESPACE")
    return call.namespace


def _words(values: dict[str, Any]) -> str:
    return printable(" ".join(str(v) for v in values.values() if v is not None)[:80])


def _told(status: CardStatus, e: ToolError, record: int | None) -> Card:
    what = harmless(e.what, _ERROR)
    text = {"status": status, "error": what, "where": e.where, "hint": e.hint, "record": record}
    return Card(status, printable(f"{e.where}: {what}" if e.where else what), json.dumps(text), record)


def _without_permit(result: Result) -> Result:
    """For an agent: it sees what was decided, and holds nothing that a writer would take."""
    if isinstance(result, Unknown | Failed) or result.decision is None:
        return result
    return replace(result, decision=replace(result.decision, permit=None))


def _card(result: Result) -> Card:
    """An outcome as the model and the person see it."""
    target, action = result.request.target, result.request.tool
    head = f"{action} {target} {getattr(result, 'diff', '')}".rstrip()
    facts: dict[str, Any] = {"action": action, "workload": str(target), "record": result.record}
    match result:
        case Applied():
            return _applied(result, head, facts)
        case Simulated():
            return _made("simulated", f"would  {head}", facts | {"status": "simulated", "diff": result.diff})
        case Refused():
            room = [
                {"dimension": r.dimension, "low": r.low, "high": r.high, "without_approval": r.alone}
                for r in (result.decision.headroom if result.decision else ())
            ]
            why = harmless(result.detail, _ERROR)
            facts |= {"status": "refused", "stage": result.stage, "rule": result.rule, "why": why}
            return _made("refused", f"denied  {head}  {why}", facts | {"allowed_now": room})
        case Pending():
            facts |= {
                "status": "pending",
                "handle": result.handle,
                "note": "a person must approve; you cannot",
            }
            return _made("pending", f"needs approval {result.handle}  {head}", facts, result.handle)
        case Failed():
            what = harmless(result.what, _ERROR)
            facts |= {"status": "failed", "error": what, "hint": harmless(result.hint, _ERROR)}
            return _made("failed", f"failed  {head}  {what}", facts)
        case Unknown():
            why = harmless(result.why, _ERROR)
            facts |= {"status": "in_doubt", "why": why, "note": "do not repeat; it is being resolved"}
            return _made("in_doubt", f"IN DOUBT  {head}  {why}", facts)
        case never:
            assert_never(never)


def _applied(result: Applied, head: str, facts: dict[str, Any]) -> Card:
    """Done, done in part, or so already: a model must not take one for another."""
    status: CardStatus = "in_part" if result.partial else "unchanged" if result.unchanged else "applied"
    facts |= {
        "status": status,
        "diff": result.diff,
        "ready": result.ready,
        "replicas": result.replicas,
        "not_done": harmless(result.partial, _ERROR) or None,
    }
    if result.partial:
        return _made(status, f"in part  {head}  not done: {facts['not_done']}", facts)
    return _made(status, f"{status}  {head}", facts)


def _made(status: CardStatus, line: str, facts: dict[str, Any], handle: str | None = None) -> Card:
    text = json.dumps(facts, separators=(",", ":"))
    return Card(status, printable(line), text, facts["record"], handle)
