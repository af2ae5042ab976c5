"""Message: one record as a person is told of it. What records hold is untrusted text: it is cleaned here, once.

A title, a few lines, and the command that shows more or answers: never a link made of what a record holds.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from audit.record import Record
from base.text import harmless
from flyball.notify.topics import Topic, topic_of
from tools.cluster.names import is_handle, is_object_name
from tools.cluster.objects import unix_ms

Severity = Literal["info", "waits", "bad"]
_LINE, _TITLE = 300, 150
_SCHEME = re.compile(r":(?=/)")
_AT = re.compile(r"@(?=\w)")
_AGENT = re.compile(r"agent:[a-z0-9][-.a-z0-9]{0,62}")
_RUN = re.compile(r"[a-z0-9][-.a-z0-9]{0,79}")


@dataclass(frozen=True, slots=True)
class Message:
    """`id` is the record's: the same message sent twice has the same one. `seq` is the record's number, `at_ms` its
    time (Unix ms of the world)."""

    id: str
    topic: Topic
    severity: Severity
    seq: int
    at_ms: int
    cluster: str
    about: str
    title: str
    lines: tuple[str, ...]
    command: str


def at_ms(record: Record) -> int:
    """When it was recorded, by the time that policy goes by."""
    return unix_ms(record.world_ts or record.ts)


def message_of(record: Record, seq: int, cluster: str) -> Message | None:
    """What a person is told of record `seq`; None where nobody is."""
    topic = topic_of(record)
    if topic is None:
        return None
    severity, title, lines, command = _TOLD[record.kind](record, seq)
    where = record.resource
    about = f"{where.namespace or ''} {where.kind}/{where.name}".strip() if where else record.run_id or ""
    place = f"{cluster} {about}".strip()
    return Message(
        id=record.id,
        topic=topic,
        severity=severity,
        seq=seq,
        at_ms=at_ms(record),
        cluster=cluster,
        about=clean(about, _TITLE),
        title=clean(f"{title}: {place}", _TITLE),
        lines=tuple(clean(line, _LINE) for line in (*lines, f"by {_who(record)}") if line),
        command=command,
    )


def clean(text: str, most: int) -> str:
    """Untrusted text for a message: harmless, and with nothing in it that a client makes a link or a mention of."""
    return _AT.sub("@ ", _SCHEME.sub("[:]", harmless(text, most)))


_Told = tuple[Severity, str, tuple[str, ...], str]


def _pending(record: Record, seq: int) -> _Told:
    asked, digest = record.approval or {}, record.request_digest or ""
    needs = ", ".join(f"{need.get('count')} of {need.get('role')}" for need in asked.get("needs", ()))
    command = f"flyball approve {digest[:8]}" if is_handle(digest[:8]) else _shown(seq)
    lines = (str(asked.get("diff", "")), f"needs {needs}", _why(record))
    return "waits", "waits for an approval", lines, command


def _denied(record: Record, seq: int) -> _Told:
    said = record.decision
    detail, rule = (said.detail or "", said.rule or "") if said else ("", "")
    return "waits", "refused: no room left", (detail, f"rule {rule}" if rule else ""), _shown(seq)


def _rolled_back(record: Record, seq: int) -> _Told:
    told, status = record.observation or {}, (record.labels or {}).get("status", "")
    title = "rolled back" if status == "applied" else "made it worse, and is not rolled back"
    manual = f"by hand: {told['manual']}" if told.get("manual") else ""
    return "bad", title, (str(told.get("why", "")), manual), _shown(seq)


def _level(record: Record, seq: int) -> _Told:
    word = record.kind.partition(".")[2]
    name = record.actor.id if record.actor.type == "agent" else (record.labels or {}).get("agent", "an agent")
    command = f"flyball agent show {name.removeprefix('agent:')}" if _AGENT.fullmatch(name) else _shown(seq)
    return (
        "bad" if word == "demoted" else "info",
        f"{name} was {word}",
        (_why(record), *_labels(record)),
        command,
    )


def _in_doubt(record: Record, _: int) -> _Told:
    diff = (record.labels or {}).get("diff", "")
    lines = (f"{_tool(record)} {diff}", "sent, and no answer for a minute: do not repeat it")
    return "bad", "in doubt", lines, "flyball audit in-doubt"


def _no_doubt(record: Record, seq: int) -> _Told:
    status = record.outcome.status if record.outcome else "resolved"
    return "info", f"no longer in doubt, {status}", (_why(record),), _shown(seq)


def _finding(record: Record, _: int) -> _Told:
    opened, labels = record.kind == "finding.opened", record.labels or {}
    title = f"{labels.get('what', '')} {'foreseen' if opened else 'is over'}"
    tried = f"dry run: {labels['tried']}" if labels.get("tried") else ""
    lines = (str((record.observation or {}).get("said", "")), labels.get("advice", ""), tried)
    return "bad" if opened else "info", title, lines, "flyball sentinel status"


def _event(record: Record, _: int) -> _Told:
    args, title = record.args or {}, "declared" if record.kind == "event.declared" else "ended"
    name = str(args.get("name", ""))
    command = f"flyball event show {name}{_in(record)}" if is_object_name(name) else "flyball event list"
    factor = f"at least {int(args.get('at_least_ppm') or 0) / 1_000_000:g}x"
    return (
        "info",
        f"event {title}",
        (str(args.get("title", "")), factor, _why(record)),
        command,
    )


def _run(record: Record, _: int) -> _Told:
    counts = [
        f"{name} {value}" for name, value in (record.args or {}).items() if type(value) is int and value
    ]
    run = record.run_id or ""
    command = f"flyball audit trace {run}" if _RUN.fullmatch(run) else "flyball audit tail"
    return "info", "run finished", (", ".join(counts), _why(record)), command


def _service(record: Record, seq: int) -> _Told:
    title = record.kind.replace(".", " ")
    return (
        "bad" if title == "schedule missed" else "info",
        title,
        (_why(record), *_labels(record)),
        _shown(seq),
    )


_TOLD: dict[str, Callable[[Record, int], _Told]] = {
    "approval.requested": _pending,
    "policy.decision": _denied,
    "action.rolled_back": _rolled_back,
    "agent.demoted": _level,
    "agent.promoted": _level,
    "agent.retired": _level,
    "action.intent": _in_doubt,
    "action.in_doubt_resolved": _no_doubt,
    "finding.opened": _finding,
    "finding.resolved": _finding,
    "event.declared": _event,
    "event.ended": _event,
    "run.finished": _run,
    "service.started": _service,
    "service.stopped": _service,
    "schedule.missed": _service,
}


def _in(record: Record) -> str:
    where = record.resource
    return f" -n {where.namespace}" if where and where.namespace and is_object_name(where.namespace) else ""


def _shown(seq: int) -> str:
    return f"flyball audit show {seq}"


def _why(record: Record) -> str:
    return f"reason: {record.reason}" if record.reason else ""


def _labels(record: Record) -> tuple[str, ...]:
    return tuple(f"{key}: {value}" for key, value in (record.labels or {}).items())


def _tool(record: Record) -> str:
    return str((record.labels or {}).get("tool", ""))


def _who(record: Record) -> str:
    behind = record.actor.on_behalf_of
    return f"{record.actor.id} for {behind}" if behind else record.actor.id
