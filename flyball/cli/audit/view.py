"""The output of records and reports: one dictionary for JSON, one line or a few for people.

What an attacker may have put into a record (names, reasons, labels) is escaped before it meets a terminal.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

import orjson

from audit.canonical import encode
from audit.proof_file import Proven
from audit.record import Record, Verdict
from audit.report import Finding, Report
from audit.store.read import Entry
from flyball.cli.kit.output import safe

HEAD = ("RECORD", "TIME", "KIND", "ACTOR", "RESOURCE", "RESULT", "REASON")


def entry_json(entry: Entry) -> dict[str, Any]:
    """The record exactly as it is stored, with its number and leaf hash."""
    record: dict[str, Any] = orjson.loads(encode(entry.record))
    return {"seq": entry.seq, "leaf_sha256": entry.leaf_hash.hex(), "record": record}


def row(entry: Entry) -> tuple[str, ...]:
    """The cells of one line of `tail`, as HEAD names them; `output.table` escapes them."""
    record = entry.record
    who = record.actor.id
    if record.actor.on_behalf_of:
        who += f" for {record.actor.on_behalf_of}"
    return (
        str(entry.seq),
        local(record.world_ts or record.ts),
        record.kind,
        who,
        _resource(entry),
        _result(entry),
        " ".join((record.reason or "").split()),
    )


def local(ts: str) -> str:
    """A record's time as a person reads it: local, with its zone; what is no time, as it stands there."""
    try:
        return f"{datetime.fromisoformat(ts).astimezone():%Y-%m-%d %H:%M:%S %Z}"
    except (ValueError, OverflowError):
        return ts


def _resource(entry: Entry) -> str:
    resource = entry.record.resource
    if not resource:
        return ""
    place = f"{resource.cluster}/{resource.namespace}" if resource.namespace else resource.cluster
    return f"{place} {resource.kind}/{resource.name}"


def _result(entry: Entry) -> str:
    record = entry.record
    if record.outcome:
        ended = record.outcome.status.replace("_", " ")
        return f"{ended} (dry run)" if record.mode == "dry_run" else ended
    if record.decision:
        return _decided(record, record.decision)
    labels = record.labels or {}
    if record.kind == "killswitch":
        return " ".join(labels.get(name, "") for name in ("state", "scope"))
    return next((labels[name] for name in ("diff", "verdict", "status") if name in labels), "")


def _decided(record: Record, said: Verdict) -> str:
    """What was asked for and the rule; of a refusal also the limit or the reason that stood in the way."""
    asked = str((record.request or {}).get("action", ""))
    by = (
        f"{said.rule}: {said.detail}" if said.rule and said.detail else said.detail or said.rule or said.stage
    )
    rest = by if said.verdict != "allow" else said.rule or said.stage
    return " ".join(f"{said.verdict} {asked} {rest}".split())


def headline(entry: Entry) -> str:
    """The record in one sentence: who did what to which workload, and how it ended."""
    record = entry.record
    who = record.actor.id + (f" for {record.actor.on_behalf_of}" if record.actor.on_behalf_of else "")
    where = f" on {_resource(entry)}" if record.resource else ""
    result = f": {_result(entry)}" if _result(entry) else ""
    why = f' ("{" ".join(record.reason.split())}")' if record.reason else ""
    return safe(f"{record.kind} by {who}{where}{result}{why}, {local(record.world_ts or record.ts)}")


def lines(entry: Entry) -> Iterator[str]:
    """One record in full: a sentence, then a field a line, nested fields with their path."""
    yield headline(entry)
    yield f"record {entry.seq}"
    yield f"leaf {entry.leaf_hash.hex()}"
    yield from lines_of(entry.record)


def lines_of(record: Record) -> Iterator[str]:
    """The fields of a record."""
    yield from _flat("", orjson.loads(encode(record)))


def _flat(path: str, value: Any) -> Iterator[str]:
    if isinstance(value, dict) and value:
        for key, part in value.items():
            yield from _flat(f"{path}.{key}" if path else key, part)
    elif isinstance(value, list) and value:
        for at, part in enumerate(value):
            yield from _flat(f"{path}[{at}]", part)
    else:
        text = value if isinstance(value, str) else orjson.dumps(value).decode()
        yield f"{safe(path)} {safe(text)}"


def _finding(finding: Finding) -> dict[str, Any]:
    return {"check": finding.check, "seq": finding.seq, "what": finding.what}


def report_json(report: Report) -> dict[str, Any]:
    return {
        "whole": report.whole,
        "origin": report.origin,
        "records": report.records,
        "root_sha256": report.root,
        "checkpoints": report.checkpoints,
        "signatures_verified": report.signatures,
        "pinned_records": report.pinned_records,
        "last_ts": report.last_ts,
        "findings": [_finding(finding) for finding in report.findings],
        "notes": [_finding(note) for note in report.notes],
        "unlisted": report.unlisted,
    }


def report_lines(report: Report) -> list[str]:
    """Answer first, evidence below."""
    if report.whole:
        when = f", {local(report.last_ts)}" if report.last_ts else ""
        first = f"log whole to {report.records - 1}, signed by {report.origin}{when}"
    else:
        number = len(report.findings)
        first = f"TAMPERED  {number} finding{'s' * (number != 1)}; verified to {report.records - 1}"
    compared = "no pinned checkpoint was compared"
    if report.pinned_records is not None:
        compared = f"pinned checkpoint agrees to {report.pinned_records - 1}"
    signatures = f"{report.signatures} signature{'s' * (report.signatures != 1)}"
    evidence = f"  {report.checkpoints} checkpoints, {signatures} verified; {compared}"
    unlisted = [f"  and {report.unlisted} more"] if report.unlisted else []
    return [safe(first), safe(evidence), *_found(report.findings), *_noted(report.notes), *unlisted]


def _found(findings: Sequence[Finding], prefix: str = "") -> list[str]:
    return [
        f"  {prefix}{finding.check:<10} {'log' if finding.seq is None else f'record {finding.seq}'}"
        f"  {safe(finding.what)}"
        for finding in findings
    ]


def _noted(notes: Sequence[Finding]) -> list[str]:
    """What the pinned checkpoint does not prove is a warning; the rest tells of what is tolerated."""
    return [
        line for note in notes for line in _found((note,), "warning " if note.check == "pinned" else "note ")
    ]


def proven_json(proven: Proven) -> dict[str, Any]:
    return {
        "holds": True,
        "origin": proven.origin,
        "vkey": proven.vkey,
        "seq": proven.seq,
        "records": proven.size,
        "root_sha256": proven.root.hex(),
        "record": orjson.loads(encode(proven.record)),
    }
