"""Verdicts on changes, as a person reads them: those that were owed, and the one that a command waits for."""

import asyncio
from typing import TYPE_CHECKING, Any

from audit.errors import LogTampered, LogUnavailable
from flyball.cli.kit.output import guide, note, safe, tone
from flyball.exits import Interrupted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from audit.clock import Clock
    from flyball.wiring import App
    from tools.path.outcome import Applied, Result
    from tools.path.put_back import Tried
    from tools.path.verifier import Verified

POLL_S = 0.5
EARLY_MS = 5_000
"""How often a change is looked at before its verdict is due: what shows harm is undone at once."""


async def give_due(app: "App") -> None:
    """Carry out what policy's `verify` owes by now, and tell it on stderr; a log that takes nothing keeps it owed."""
    try:
        async for verified in app.verifier.sweep():
            for line in lines(verified):
                guide(line)
    except (LogUnavailable, LogTampered) as e:
        _stays_owed(e)


def _stays_owed(e: "LogUnavailable | LogTampered") -> None:
    note(f"what is to be verified stays so: {safe(e.what)}")
    guide(f"  {safe(e.hint)}")


async def until_verified(app: "App", result: "Result", until_us: int) -> "Verified | None":
    """Wait for the change's verdict, whoever gives it, until `until_us` of the clock's microseconds at most;
    None where it is not given by then, or none is owed. A log that is away or tampered with keeps it owed, and does
    not hide that the change was made; so does Ctrl-C, and says so (Interrupted)."""
    from tools.path.outcome import Applied

    if not isinstance(result, Applied) or not result.due_ms:
        return None
    try:
        return await _polled(app, result, until_us)
    except (LogUnavailable, LogTampered) as e:
        _stays_owed(e)
        return None


async def _polled(app: "App", result: "Applied", until_us: int) -> "Verified | None":
    clock, intent, verifier = app.context.clock, await app.log.entry(result.record), app.verifier
    look_ms = app.context.now_ms() + EARLY_MS
    while True:
        now_ms = app.context.now_ms()
        due = now_ms >= result.due_ms
        if due or now_ms >= look_ms:
            look_ms = now_ms + EARLY_MS
            if (verified := await verifier.verify(intent)) is not None:
                return verified
        if clock.mono_us() >= until_us:
            if due:
                note(f"the verdict on record {result.record} is still owed: it cannot be given now")
                guide("  flyball status")
            return None
        await _next_look(clock)


async def _next_look(clock: "Clock") -> None:
    try:
        await clock.sleep(POLL_S)
    except asyncio.CancelledError:
        note("the verdict stays owed; only the waiting ended")
        guide("  flyball status")
        raise Interrupted from None


def lines(verified: "Verified") -> list[str]:
    """The verdict, and where it was `worse` what became of the rollback."""
    from tools.path.outcome import Applied, Pending

    record, back = verified.intent.record, verified.rollback
    where = record.resource
    what = f"{where.cluster}/{where.namespace}  " if where else ""
    change = f"{where.kind}/{where.name} {(record.labels or {}).get('diff', '')}" if where else ""
    said = f"  record {verified.intent.seq}: {safe(verified.verdict.why)}"
    if verified.verdict.word != "worse":
        how = tone(verified.verdict.word, "good" if verified.verdict.word == "verified" else "wait")
        return [f"{what}{how}  {safe(change)}", said]
    if isinstance(back, Applied):
        return [f"{what}{tone('ROLLED BACK', 'bad')}  {safe(change)}", said, f"  by record {back.record}"]
    head = f"{what}{tone('WORSE, NOT ROLLED BACK', 'bad')}  {safe(change)}"
    if isinstance(back, Pending):
        return [head, said, f"  its undo waits for an approval: flyball approve {back.handle}"]
    return [head, said, *(_not_done(verified.tried) if verified.tried else ())]


def _not_done(tried: "Tried") -> "Iterator[str]":
    """Why there is no undo, and the ways that are left."""
    from tools.path.outcome import Failed, Refused, Unknown

    match tried.result:
        case Refused(detail=why) | Failed(what=why):
            yield f"  its undo: {safe(why)}"
        case Unknown(why=why):
            yield f"  its undo: {safe(why)}: flyball audit in-doubt"
        case _:
            yield f"  its undo: {safe(tried.left)}"
    if tried.owed:
        yield "  it stays owed: each command tries again"
    if tried.manual:
        yield f"  by hand: {safe(tried.manual)}"


def worse(verified: "Verified | None") -> bool:
    """Whether the change made the workload worse, rolled back or not."""
    return verified is not None and verified.verdict.word == "worse"


def document(verified: "Verified | None") -> dict[str, Any]:
    """The verdict as JSON; nothing where none was given."""
    from tools.path.outcome import Applied

    if verified is None:
        return {}
    return {
        "verdict": {
            "word": verified.verdict.word,
            "why": verified.verdict.why,
            "rolled_back": isinstance(verified.rollback, Applied),
        }
    }
