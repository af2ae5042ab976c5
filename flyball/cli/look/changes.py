"""`flyball changes TARGET`: was it us, and who else; our log, managedFields and events as one timeline."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flyball.cli.kit.away import as_json
from flyball.cli.kit.options import Options, Target, command
from flyball.cli.kit.output import abbreviated, advise, age, document, fitted, note, say
from flyball.cli.kit.suggest import placed
from flyball.cli.kit.waiting import span

if TYPE_CHECKING:
    from flyball.wiring import App
    from policies.types import Target as Named
    from tools.cluster_types import Change

app = typer.Typer()

Since = Annotated[str, typer.Option("--since", help="How far back: 30m, 1h30m, 7d.")]
HEAD = ("TIME", "AGO", "BY", "SOURCE", "ABOUT", "RECORD", "CHANGE")
LESS = ("SOURCE", "ABOUT", "TIME")


@dataclass(frozen=True, slots=True)
class _Told:
    """The changes of one workload; `missing` names the parts that could not be read, with why."""

    target: "Named"
    changes: "Sequence[Change]"
    now_ms: int
    missing: Mapping[str, str]


@app.command()
@command
def changes(opts: Options, target: Target, since: Since = "2h") -> None:
    """Show who changed a workload: Flyball and others. Example: flyball changes deploy/web --since 2h"""
    from flyball.cli.kit.naming import one

    name, seconds = one(target), span(since, "--since")

    async def work(app: "App") -> None:
        from flyball.cli.kit import missing
        from tools.cluster.names import target as named

        where = named(app.place.context, app.place.namespace, name)
        told = await _told(app, where, app.context.now_ms() - seconds * 1000)
        if opts.json:
            document(_document(told, since) | as_json(app))
        else:
            _print(app, told, since)
        for line in missing.parts(told.missing):
            note(line)

    opts.run(work, for_log=True)


async def _told(app: "App", target: "Named", since_ms: int) -> _Told:
    """From cluster and log; from the log alone where the cluster is away, or goes away meanwhile."""
    from flyball.cli.look.reads import PersonReads
    from tools.diagnosis.snapshot import why
    from tools.diagnosis.timeline import unmarked
    from tools.errors import ClusterUnavailable

    reads = PersonReads(app)
    try:
        facts = await reads.facts(target, (), since_ms=since_ms)
    except ClusterUnavailable as e:
        own = await reads.own_changes(target, since_ms=since_ms)
        return _Told(target, own, app.context.now_ms(), {"cluster": why(e)})
    return _Told(target, facts.changes, facts.now_ms, {**facts.missing, **unmarked(facts.workload)})


def _print(app: "App", told: _Told, since: str) -> None:
    say(f"{app.place}  {told.target}   in the last {since}: {_counted(told)}")
    if told.changes:
        for line in fitted(HEAD, [_cells(change, told.now_ms) for change in told.changes], LESS):
            say(f"  {line}")
    for record in _undoable(told.changes):
        advise(f"  undo: flyball undo {record}")


def _counted(told: _Told) -> str:
    """How many of whom. Of others, and of what still stands, nothing is known while the cluster is away."""
    from tools.diagnosis.timeline import tally

    n = tally(told.changes)
    if "cluster" in told.missing:
        return f"{n['ours']} by Flyball; of others nothing is known now"
    events = f"{n['events']} event{'s' * (n['events'] != 1)}"
    return f"{n['ours']} by Flyball, {n['others']} by others, {events}"


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
    from flyball.cli.kit.instants import local

    if not at_ms:
        return "unknown"
    at, now = (datetime.fromtimestamp(ms / 1000, UTC).astimezone() for ms in (at_ms, now_ms))
    return local(at_ms) if at.date() == now.date() else f"{at:%m-%d} {local(at_ms)}"


def _document(told: _Told, since: str) -> dict[str, Any]:
    from flyball.cli.kit.instants import instant
    from tools.diagnosis.timeline import document as entry

    t = told.target
    items = []
    for change in told.changes:
        plain = entry(change)
        command = placed(f"flyball undo {change.record}") if change.undo else None
        at = instant(change.at_ms) if change.at_ms else None
        items.append({**plain, "at": at, "undo": command})
    return {
        "kind": "Changes",
        "context": t.cluster,
        "namespace": t.namespace,
        "target": str(t),
        "since": since,
        "items": items,
        "missing": dict(told.missing),
    }
