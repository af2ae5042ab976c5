"""Cards: what a model and a person see of the result of a call. Texts are printable and bounded here."""

import json
from typing import Any, assert_never

from base.instants import utc_text
from base.text import harmless
from tools.errors import ToolError
from tools.path.outcome import Applied, Failed, Pending, Refused, Result, Simulated, Unknown
from tools.toolbox.port import Card, CardStatus

_ERROR = 2048


def printable(text: str) -> str:
    """Model-made text as log and terminal may hold it: no lone surrogates, no control or bidi characters."""
    return "".join(c if c.isprintable() else "?" for c in text.encode("utf-8", "replace").decode())


def told(status: CardStatus, e: ToolError, record: int | None) -> Card:
    """An error as the model and the person see it; `record` is where it is recorded, if it is."""
    what = harmless(e.what, _ERROR)
    text = {"status": status, "error": what, "where": e.where, "hint": e.hint, "record": record}
    return Card(status, printable(f"{e.where}: {what}" if e.where else what), json.dumps(text), record)


def card_of(result: Result) -> Card:
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
            retry = result.decision.retry_ms if result.decision else None
            facts |= {"allowed_now": room, "retry_at": utc_text(retry) if retry is not None else None}
            return _made("refused", f"denied  {head}  {why}", facts)
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
    facts |= {
        "status": result.status,
        "diff": result.diff,
        "ready": result.ready,
        "replicas": result.replicas,
        "not_done": harmless(result.partial, _ERROR) or None,
    }
    if result.partial:
        return _made(result.status, f"in part  {head}  not done: {facts['not_done']}", facts)
    return _made(result.status, f"{result.status}  {head}", facts)


def _made(status: CardStatus, line: str, facts: dict[str, Any], handle: str | None = None) -> Card:
    text = json.dumps(facts, separators=(",", ":"))
    return Card(status, printable(line), text, facts["record"], handle)
