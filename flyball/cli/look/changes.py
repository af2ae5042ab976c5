"""`flyball changes TARGET`: was it us, and who else; our log, managedFields and events as one timeline."""

import dataclasses
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flyball.cli.kit.options import Options, Target, command
from flyball.cli.kit.output import abbreviated, age, document, fitted, note, say
from flyball.cli.kit.waiting import span

if TYPE_CHECKING:
    from flyball.wiring import App
    from tools.cluster_types import Change
    from tools.diagnosis.types import Facts

app = typer.Typer()

Since = Annotated[str, typer.Option("--since", help="How far back: 30m, 1h30m, 7d.")]
HEAD = ("TIME", "AGO", "BY", "SOURCE", "ABOUT", "RECORD", "CHANGE")
LESS = ("SOURCE", "ABOUT", "TIME")


@app.command()
@command
def changes(opts: Options, target: Target, since: Since = "2h") -> None:
    """Show who changed a workload: Flyball and others. Example: flyball changes deploy/web --since 2h"""
    from flyball.cli.kit.naming import one

    name, seconds = one(target), span(since, "--since")

    async def work(app: "App") -> None:
        from flyball.cli.kit import missing
        from flyball.cli.look.reads import PersonReads
        from tools.cluster.names import target as named
        from tools.diagnosis.timeline import unmarked

        where = named(app.place.context, app.place.namespace, name)
        facts = await PersonReads(app).facts(where, (), since_ms=app.context.now_ms() - seconds * 1000)
        facts = dataclasses.replace(facts, missing={**facts.missing, **unmarked(facts.workload)})
        if opts.json:
            document(_document(facts, since))
        else:
            _print(app, facts, since)
        for line in missing.parts(facts.missing):
            note(line)

    opts.run(work)


def _print(app: "App", facts: "Facts", since: str) -> None:
    from tools.diagnosis.timeline import tally

    found, t = facts.changes, facts.workload.target
    n = tally(found)
    events = f"{n['events']} event{'s' * (n['events'] != 1)}"
    say(f"{app.place}  {t}   in the last {since}: {n['ours']} by Flyball, {n['others']} by others, {events}")
    if found:
        for line in fitted(HEAD, [_cells(change, facts.now_ms) for change in found], LESS):
            say(f"  {line}")
    for record in _undoable(found):
        say(f"  undo: flyball undo {record}")


def _undoable(found: "Sequence[Change]") -> list[int]:
    """The newest of ours that can still be put back."""
    return [change.record for change in found if change.undo and change.record is not None][-1:]


def _cells(change: "Change", now_ms: int) -> tuple[object, ...]:
    what = " ".join(change.what.split())
    if change.ours and (ended := _ended(change)) != "applied":
        what = f"{what} [{ended}]"
    who = change.who if not change.ours else f"{change.who} (us)"
    ago = age((now_ms - change.at_ms) / 1000) if change.at_ms else None
    return (
        _when(change.at_ms, now_ms),
        ago,
        who,
        change.source,
        abbreviated(change.about),
        change.record,
        what[:160],
    )


def _ended(change: "Change") -> str:
    """How ours ended; of what was applied, how the cluster carried it out, where that was waited for."""
    return (change.settled if change.status == "applied" and change.settled else change.status).replace(
        "_", " "
    )


def _when(at_ms: int, now_ms: int) -> str:
    """The local time, with its date where that is another day; a word where nobody says when."""
    from flyball.cli.kit.render import local

    if not at_ms:
        return "unknown"
    at, now = (datetime.fromtimestamp(ms / 1000, UTC).astimezone() for ms in (at_ms, now_ms))
    return local(at_ms) if at.date() == now.date() else f"{at:%m-%d} {local(at_ms)}"


def _document(facts: "Facts", since: str) -> dict[str, Any]:
    from flyball.cli.kit.render import instant
    from tools.diagnosis.timeline import document as entry

    t = facts.workload.target
    items = []
    for change in facts.changes:
        plain = entry(change)
        command = f"flyball undo {change.record}" if change.undo else None
        at = instant(change.at_ms) if change.at_ms else None
        items.append({**plain, "at": at, "undo": command})
    return {
        "kind": "Changes",
        "context": t.cluster,
        "namespace": t.namespace,
        "target": str(t),
        "since": since,
        "items": items,
        "missing": dict(facts.missing),
    }
