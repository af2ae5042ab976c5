"""The Toolbox: an agent's calls, parsed strictly, each down the governed path; a card for whatever comes of it."""

import json
from typing import Any

from audit.record import Actor
from policies.types import Principal, Request
from tools import registry
from tools.context import Context
from tools.errors import ArgumentsInvalid, ClusterAway, NeverHappened, NotFound, ToolError, UnknownTool
from tools.executor import Executor
from tools.journal import actor_of
from tools.outcome import Applied, Failed, Pending, Refused, Result, Simulated
from tools.ports import UsageReader
from tools.reads import GovernedReads, ReadRefused
from tools.requests import build
from tools.schema import decode, strict_schema
from tools.spec import Args
from tools.toolbox import Call, Card
from tools.undo import UndoArgs, proposal

UNDO = "undo"
_UNDO_SUMMARY = "Put back what one of your own applied changes changed, by its record number."


class GovernedToolbox:
    """Implements Toolbox over the executor; itself it holds neither writer nor reader."""

    def __init__(self, context: Context, executor: Executor, usage: UsageReader) -> None:
        self._c, self._executor, self._usage = context, executor, usage

    def schemas(self) -> list[dict[str, object]]:
        """The tools in OpenAI's format, strict, in a fixed order."""
        models: dict[str, tuple[str, type[Args]]] = {
            **{s.name: (s.summary, s.args) for s in registry.READS.values()},
            **{s.name: (s.summary, s.args) for s in registry.ACTIONS.values()},
            UNDO: (_UNDO_SUMMARY, UndoArgs),
        }
        return [strict_schema(name, summary, model) for name, (summary, model) in models.items()]

    def reads(self, principal: Principal, run_id: str | None = None) -> GovernedReads:
        """The governed reads of one principal (the tuner's eyes)."""
        return GovernedReads(self._c, self._usage, principal, run_id)

    async def call(self, call: Call) -> Card:
        """One call to its card. Infrastructure that is away (log, lease) raises; nothing was sent then."""
        try:
            values = decode(call.arguments)
            if call.name in registry.READS:
                return await self._read(call, values)
            return _card(await self._executor.execute(await self._request(call, values)))
        except (ArgumentsInvalid, UnknownTool) as e:
            return await self._rejected(call, e)
        except ReadRefused as e:
            return _told("refused", e, e.record)
        except (NotFound, NeverHappened, ClusterAway) as e:
            return _told("failed", e, None)

    async def _request(self, call: Call, values: dict[str, Any]) -> Request:
        namespace = _namespace(call)
        if call.name == UNDO:
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
        return build(
            spec.name,
            registry.parse(spec.args, values),
            id=call.request_id,
            principal=call.principal,
            cluster=self._c.cluster.name,
            namespace=namespace,
            mode=call.mode,
            reason=call.reason,
            run_id=call.run_id,
        )

    async def _read(self, call: Call, values: dict[str, Any]) -> Card:
        spec = registry.READS[call.name]
        args = registry.parse(spec.args, values)
        reads = self.reads(call.principal, call.run_id)
        found = await spec.fetch(args, reads, self._c.cluster.name, _namespace(call))
        text = json.dumps({"status": "ok", **found}, separators=(",", ":"))
        return Card("ok", f"{call.name}  {_words(values)}", text)

    async def _rejected(self, call: Call, e: ToolError) -> Card:
        actor: Actor = actor_of(call.principal)
        record = self._c.log.draft(
            "tool.rejected",
            actor=actor,
            run_id=call.run_id,
            request_id=call.request_id,
            mode=call.mode,
            reason=printable(f"{e.where}: {e.what}"[:4096]),
            labels={"tool": printable(call.name[:64]), "bytes": str(len(call.arguments))},
        )
        (entry,) = await self._c.log.commit((record,))
        return _told("invalid", e, entry.seq)


def printable(text: str) -> str:
    """Model-made text as log and terminal may hold it: no lone surrogates, no control or bidi characters."""
    return "".join(c if c.isprintable() else "?" for c in text.encode("utf-8", "replace").decode())


def _namespace(call: Call) -> str:
    if call.namespace is None:
        raise ArgumentsInvalid("no namespace is pinned", where=call.name, mend="give -n NAMESPACE")
    return call.namespace


def _words(values: dict[str, Any]) -> str:
    return printable(" ".join(str(v) for v in values.values() if v is not None)[:80])


def _told(status: Any, e: ToolError, record: int | None) -> Card:
    text = {"status": status, "error": e.what, "where": e.where, "mend": e.mend, "record": record}
    return Card(status, printable(f"{e.where}: {e.what}" if e.where else e.what), json.dumps(text), record)


def _card(result: Result) -> Card:
    """An outcome as the model and the person see it."""
    target, action = result.request.target, result.request.tool
    head = f"{action} {target} {getattr(result, 'diff', '')}".rstrip()
    facts: dict[str, Any] = {"action": action, "workload": str(target), "record": result.record}
    match result:
        case Applied():
            facts |= {
                "status": "applied",
                "diff": result.diff,
                "ready": result.ready,
                "replicas": result.replicas,
            }
            return _made("applied", f"applied  {head}", facts)
        case Simulated():
            return _made("simulated", f"would  {head}", facts | {"status": "simulated", "diff": result.diff})
        case Refused():
            room = [
                {"dimension": r.dimension, "low": r.low, "high": r.high, "without_approval": r.alone}
                for r in (result.decision.room if result.decision else ())
            ]
            facts |= {"status": "refused", "stage": result.stage, "rule": result.rule, "why": result.detail}
            return _made("refused", f"denied  {head}  {result.detail}", facts | {"allowed_now": room})
        case Pending():
            facts |= {
                "status": "pending",
                "handle": result.handle,
                "note": "a person must approve; you cannot",
            }
            return _made("pending", f"needs approval {result.handle}  {head}", facts, result.handle)
        case Failed():
            facts |= {"status": "failed", "error": result.what, "mend": result.mend}
            return _made("failed", f"failed  {head}  {result.what}", facts)
        case _:
            facts |= {"status": "in_doubt", "why": result.why, "note": "do not repeat; it is being resolved"}
            return _made("in_doubt", f"IN DOUBT  {head}  {result.why}", facts)


def _made(status: Any, line: str, facts: dict[str, Any], handle: str | None = None) -> Card:
    text = json.dumps(facts, separators=(",", ":"))
    return Card(status, printable(line), text, facts["record"], handle)
