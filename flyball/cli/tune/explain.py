"""`flyball tune explain`: what a run weighed, why it took what it took, and what came of it; from the log alone."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from flyball.cli.kit.away import as_json
from flyball.cli.kit.options import Options, command
from flyball.cli.kit.output import advise, document, safe, say, table
from flyball.exits import UsageError

if TYPE_CHECKING:
    from audit.store.read import Entry
    from flyball.wiring import App

Run = Annotated[str, typer.Argument(help="The run, as `tune history` names it.")]
Which = Annotated[str | None, typer.Argument(help="Only this workload, e.g. deploy/web or web.")]
HEAD = ("STRATEGY", "CHANGE", "RISK", "SHORT", "CORE-H/D", "SCORE", "WHY-NOT")
ROWS = ("NAME", "STRATEGY", "CHANGE", "RISK", "CORE-H/D", "RECORD", "WHY")


@command
def explain(opts: Options, run: Run, workload: Which = None) -> None:
    """Show what a run weighed and why, with its figures. Example: flyball tune explain r-0142 deploy/web"""

    async def work(app: "App") -> None:
        from flyball.tuning_log import one_run, weighings

        found = await one_run(app, run)
        if found is None:
            raise UsageError(f"the log has no tuning run `{run[:80]}`", hint="flyball tune history")
        each = [e for e in await weighings(app, run) if _is(e, workload)]
        if workload is not None and not each:
            raise UsageError(f"the run saw no `{workload[:80]}`", hint=f"flyball tune explain {run}")
        details = [await _detail(app, run, entry) for entry in each]
        if opts.json:
            document(
                {"kind": "TuneExplain", **as_json(app), **found.document(), "items": [d for d, _ in details]}
            )
            return
        _shown(run, each, [lines for _, lines in details], workload)

    opts.run(work, for_log=True)


def _is(entry: "Entry", workload: str | None) -> bool:
    resource = entry.record.resource
    if workload is None or resource is None:
        return resource is not None
    kind, _, name = workload.rpartition("/")
    return resource.name == name and resource.kind.startswith(kind)


def _shown(run: str, each: "list[Entry]", lines: list[list[str]], workload: str | None) -> None:
    for line in table(ROWS, [_row(entry) for entry in each]):
        say(line)
    if workload is None:
        advise(f"  one of them: flyball tune explain {run} {each[0].record.resource.name}" if each else "")  # type: ignore[union-attr]
        return
    for line in (line for one in lines for line in one):
        say(line)


def _row(entry: "Entry") -> tuple[object, ...]:
    args, name = entry.record.args or {}, entry.record.resource.name if entry.record.resource else ""
    expects = args.get("expects") or {}
    risk = _arrow(expects.get("violations_before_ppm"), expects.get("violations_after_ppm"), _percent)
    cost = _arrow(expects.get("cost_before_mch"), expects.get("cost_after_mch"), _hours)
    change = (args.get("change") or {}).get("text")
    return name, args.get("strategy"), change, risk, cost, entry.seq, args.get("why")


async def _detail(app: "App", run: str, entry: "Entry") -> tuple[dict[str, Any], list[str]]:
    """One workload as JSON and as lines."""
    from flyball.tuning_log import came_of, read_for

    args, resource = entry.record.args or {}, entry.record.resource
    assert resource is not None
    reads, came = await read_for(app, run, resource.key), await came_of(app, run, resource.key)
    told = [{"record": e.seq, "kind": e.record.kind, "result": _result(e)} for e in came]
    seen = [{"record": e.seq, "read": _read(e)} for e in reads]
    item = {
        "target": f"{resource.kind}/{resource.name}",
        "record": entry.seq,
        **args,
        "reads": seen,
        "came": told,
    }
    lines = [
        *table(HEAD, [_candidate(c) for c in args.get("candidates", ())]),
        *([f"  reason   {safe(args['reason'])}"] if args.get("reason") else []),
        *([f"  text     {_text(args['advice'])}"] if args.get("advice") else []),
        *([f"  only recommended: {safe(args['hold'])}"] if args.get("hold") else []),
        *[f"  note     {safe(note)}" for note in args.get("notes", ())],
        *([f"  figures  {_figures(args)}"] if args.get("figures") else []),
        *[f"  read     record {one['record']}: {safe(str(one['read']))}" for one in seen],
        *[
            f"  came     record {one['record']}: {one['kind']} {safe(str(one['result']))}".rstrip()
            for one in told
        ],
    ]
    return item, lines


def _candidate(c: dict[str, Any]) -> tuple[object, ...]:
    change = (c.get("change") or {}).get("text")
    short, risk = c.get("short_ppm"), c.get("risk_ppm")
    return (
        c.get("strategy"), change, _percent(risk), _percent(short), _hours(c.get("cost_mch")),
        c.get("score"), c.get("why_not") or ("taken" if change else "kept"),
    )  # fmt: skip


def _text(advice: dict[str, Any]) -> str:
    """What a model wrote, who it was, and who chose."""
    by, chosen_by = safe(str(advice.get("by"))), safe(str(advice.get("chosen_by")))
    return f"{safe(str(advice.get('text')))} (written by {by}, chosen by {chosen_by})"


def _figures(args: dict[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in sorted(args["figures"].items()))


def _read(entry: "Entry") -> str:
    """Of metrics which, else the tool that read it."""
    record = entry.record
    return str((record.observation or {}).get("metric") or (record.labels or {}).get("action", "looked"))


def _result(entry: "Entry") -> str:
    record = entry.record
    if record.outcome is not None:
        return record.outcome.status
    if record.decision is None:
        return ""
    verdict, detail = record.decision.verdict, record.decision.detail
    return f"{verdict}: {detail}" if verdict == "deny" and detail else verdict


def _arrow(before: int | None, after: int | None, shown: Any) -> str | None:
    return None if before is None or after is None else f"{shown(before)}->{shown(after)}"


def _percent(ppm: int | None) -> str | None:
    return None if ppm is None else f"{ppm / 10_000:.2f}%"


def _hours(mch: int | None) -> str | None:
    """Core-hours a day."""
    return None if mch is None else f"{mch / 1_000:.1f}"
