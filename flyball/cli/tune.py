"""`flyball tune run`: one tuning pass; it proposes as `agent:tuner`, each proposal down the governed path."""

import uuid
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flyball.cli.act import DryRun, mode
from flyball.cli.exits import Exit, Stop, UsageError
from flyball.cli.options import Options, command

if TYPE_CHECKING:
    from agents.tuner.run import Pass, Row
    from flyball.wiring import App
    from policies.types import Principal

TUNER = "agent:tuner"

app = typer.Typer(help="Run a tuning pass. Example: flyball tune run -n shop --dry-run", no_args_is_help=True)

Percent = Annotated[int, typer.Option("--cpu-percent", min=1, max=1000, help="Aim at this CPU, of requests.")]


@app.callback()
def tune() -> None:
    """A group: `flyball tune run`."""


@app.command()
@command
def run(opts: Options, dry_run: DryRun = None, cpu_percent: Percent = 80) -> None:
    """Look at CPU against requests and scale what is off, by the HPA's formula. Example: flyball tune run -n shop"""
    how = mode(dry_run)

    async def work(app: "App") -> None:
        from agents.tuner.run import TunerPass

        run_id = f"r-{uuid.uuid4().hex[:12]}"
        who = await _principal(app, run_id)
        tuner = TunerPass(
            app.toolbox,
            app.toolbox.reads(who, run_id),
            LogRecorder(app, who),
            principal=who,
            mode=how,  # type: ignore[arg-type]
            clock=app.context.clock,
            target_percent=cpu_percent,
        )
        found = await tuner.run(run_id, app.place.namespace)
        _document(app, found) if opts.json else _print(app, found)
        raise Stop(code_of(found))

    opts.run(work)


async def _principal(app: "App", run_id: str) -> "Principal":
    agents = (await app.context.gate()).snapshot.agents
    if TUNER not in agents:
        raise UsageError(
            f"policy names no `{TUNER}`", mend="agents: " + (", ".join(sorted(agents)) or "none")
        )
    return app.agent(TUNER, run_id)


class LogRecorder:
    """Writes `run.started` and `run.finished` into the log."""

    def __init__(self, app: "App", who: "Principal") -> None:
        self._log, self._who = app.log, who

    async def started(self, run_id: str, detail: Mapping[str, object]) -> None:
        await self._commit("run.started", run_id, detail)

    async def finished(self, run_id: str, detail: Mapping[str, object]) -> None:
        await self._commit("run.finished", run_id, detail)

    async def _commit(self, kind: Any, run_id: str, detail: Mapping[str, object]) -> None:
        from tools.journal import actor_of

        record = self._log.draft(kind, actor=actor_of(self._who), run_id=run_id, args=dict(detail))
        await self._log.commit((record,))


def code_of(found: "Pass") -> Exit:
    """In doubt, or failed; what was refused or waits is a count, not a code."""
    counts = found.counts()
    if counts.get("in_doubt"):
        return Exit.IN_DOUBT
    return Exit.FAILED if counts.get("failed") or counts.get("invalid") else Exit.DONE


def _print(app: "App", found: "Pass") -> None:
    from flyball.cli.output import safe, say, table

    human = app.identity.human
    dry = ", dry-run" if found.mode == "dry_run" else ""
    say(f"{app.place}  run {found.run_id}  {len(found.rows)} workloads, {TUNER} for {human}{dry}")
    head = ("NAME", "NOW", "PROPOSED", "CPU", "OUTCOME", "RECORD", "WHY")
    for line in table(head, [_row(row) for row in found.rows]):
        say(line)
    counts = ", ".join(f"{n} {status.replace('_', ' ')}" for status, n in found.counts().items())
    say(counts or "nothing to look at")
    for row in found.rows:
        if row.card is not None and row.card.status not in ("applied", "simulated"):
            say(f"  {safe(row.card.line)}")
            if row.card.handle:
                say(f"    flyball approve {row.card.handle}")
    say(f"  look: flyball audit tail --run {found.run_id}")


def _row(row: "Row") -> tuple[object, ...]:
    p, card = row.proposal, row.card
    cpu = None if p.cpu is None else f"{p.cpu}%"
    record = card.record if card else None
    return (p.target.name, p.now, p.proposed, cpu, row.status.replace("_", "-"), record, p.why)


def _document(app: "App", found: "Pass") -> None:
    from flyball.cli import output

    output.document(
        {
            "kind": "TuneRun",
            "run_id": found.run_id,
            "context": app.place.context,
            "namespace": app.place.namespace,
            "dry_run": found.mode == "dry_run",
            "exit_code": int(code_of(found)),
            "counts": dict(found.counts()),
            "items": [_item(row) for row in found.rows],
        }
    )


def _item(row: "Row") -> dict[str, Any]:
    p, card = row.proposal, row.card
    return {
        "target": str(p.target),
        "now": p.now,
        "proposed": p.proposed,
        "cpu_percent": p.cpu,
        "why": p.why,
        "reason": p.reason,
        "status": row.status,
        "record": card.record if card else None,
        "handle": card.handle if card else None,
        "detail": card.line if card else "",
    }
