"""`flyball tune`: a tuning pass, each proposal down the governed path as `agent:tuner`; and applying a plan.

The offline commands (no cluster is asked) are a line in LATER and a module each, imported when they are called.
"""

import uuid
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flyball.cli.change import plan_view
from flyball.cli.change.act import DryRun, Yes, mode
from flyball.cli.change.plan_view import Exclude, Stop
from flyball.cli.kit.confirm import somebody
from flyball.cli.kit.options import Options, command
from flyball.cli.kit.tree import Group, adopt
from flyball.exits import Exit, UsageError
from flyball.exits import Stop as End

if TYPE_CHECKING:
    from agents.tuner.run import Pass, Row
    from flyball.wiring import App
    from policies.types import Principal, Request
    from tools.plans.plan import Plan

TUNER = "agent:tuner"

LATER = {
    "backtest": "Backtest replica policies on recorded demand.",
    "backtest-cpu": "Backtest CPU requests on recorded usage.",
    "train": "Train the forecast's weights on generated demand.",
}
"""Subcommands with a module each, whose `app` has that one command."""


def _later(name: str) -> typer.Typer:
    match name:
        case "backtest":
            from flyball.cli.backtest.replicas import app as later
        case "backtest-cpu":
            from flyball.cli.backtest.cpu import app as later
        case _:
            from flyball.cli.backtest.train import app as later
    return later


class LazyGroup(Group):
    """Imports a subcommand's module when it is looked up, so that the others stay fast."""

    def list_commands(self, ctx: Any) -> list[str]:
        return [*super().list_commands(ctx), *LATER]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in LATER:
            return super().get_command(ctx, cmd_name)
        later = _later(cmd_name)
        later.rich_markup_mode = None  # plain help, as kubectl prints it
        later._add_completion = False
        loaded = typer.main.get_command(adopt(later))
        loaded.name = cmd_name
        return loaded

    def summaries(self, ctx: Any) -> dict[str, str]:  # noqa: ARG002
        return {name: one.get_short_help_str(80) for name, one in self.commands.items()} | LATER

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([*self.summaries(ctx).items()])


app = typer.Typer(
    cls=LazyGroup,
    help="Run a tuning pass, or apply a plan. Example: flyball tune run -n shop --dry-run",
    no_args_is_help=True,
)

Percent = Annotated[
    int, typer.Option("--cpu-percent", min=1, max=1000, help="The CPU target, percent of requests.")
]


@app.command()
@command
def run(opts: Options, dry_run: DryRun = None, cpu_percent: Percent = 80) -> None:
    """Scale workloads whose CPU is off its target, by the HPA's formula. Example: flyball tune run -n shop"""
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
        plan = await _plan(app, found, who) if how == "dry_run" else None
        _document(app, found, plan) if opts.json else _print(app, found, plan)
        raise End(code_of(found))

    opts.run(work)


@app.command()
@command
def apply(
    opts: Options,
    handle: Annotated[str, typer.Argument(help="The plan's handle, as printed.")],
    exclude: Exclude = None,
    stop_on: Stop = "failure",
    yes: Yes = False,
) -> None:
    """Carry out a plan exactly as it was shown. Example: flyball tune apply 77ab41c9 --exclude deploy/web"""

    async def work(app: "App") -> None:
        from tools.plans.plan import excluded

        plans = app.approvals.plans
        plan = await plans.one(handle)
        plans.may_apply(plan, app.identity.by_hand())
        shown = plan_view.lines(app, plan, excluded(plan, exclude or ()))
        if not yes:
            somebody("give --yes")
        plan_view.ask(opts, shown, "apply? ", yes)
        by, told = app.identity.by_hand(), plan_view.teller(opts)
        carried = await plans.carry_out(plan.digest, by, exclude=exclude or (), stop_on=stop_on, told=told)
        raise End(plan_view.report(opts, app, carried))

    opts.run(work)


async def _plan(app: "App", found: "Pass", who: "Principal") -> "Plan | None":
    """What the pass would do live, looked at once more as it would be carried out; None where that is nothing."""
    requests = [_live(app, row, who, found.run_id) for row in found.rows if row.proposal.proposed is not None]
    if not requests:
        return None
    return await app.approvals.plans.propose(
        requests, who, f"tuning pass {found.run_id}", run_id=found.run_id
    )


def _live(app: "App", row: "Row", who: "Principal", run_id: str) -> "Request":
    from agents.request_id import of_step
    from tools.actions import registry
    from tools.path.requests import build

    p = row.proposal
    values = {"workload": str(p.target), "replicas": p.proposed, "current_replicas": p.now}
    return build(
        "scale",
        registry.parse(registry.action("scale").args, values),
        id=of_step(run_id, "plan", p.target),
        principal=who,
        cluster=app.place.context,
        namespace=p.target.namespace or app.place.namespace,
        mode="live",
        reason=p.reason,
    )


async def _principal(app: "App", run_id: str) -> "Principal":
    agents = (await app.context.gate()).snapshot.agents
    if TUNER not in agents:
        raise UsageError(
            f"policy names no `{TUNER}`", hint="agents: " + (", ".join(sorted(agents)) or "none")
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
        from tools.path.journal import actor_of

        record = self._log.draft(kind, actor=actor_of(self._who), run_id=run_id, args=dict(detail))
        await self._log.commit((record,))


def code_of(found: "Pass") -> Exit:
    """In doubt, or failed; what was refused or waits is a count, not a code."""
    counts = found.counts()
    if counts.get("in_doubt"):
        return Exit.IN_DOUBT
    return Exit.FAILED if counts.get("failed") or counts.get("invalid") else Exit.DONE


def _print(app: "App", found: "Pass", plan: "Plan | None") -> None:
    from flyball.cli.kit.output import safe, say, table

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
    if plan is not None:
        say(plan_view.summary(plan))
        say(f"  apply exactly this: flyball tune apply {plan.handle}")
    say(f"  look: flyball audit tail --run {found.run_id}")


def _row(row: "Row") -> tuple[object, ...]:
    p, card = row.proposal, row.card
    cpu = None if p.cpu is None else f"{p.cpu}%"
    record = card.record if card else None
    return (p.target.name, p.now, p.proposed, cpu, row.status.replace("_", "-"), record, p.why)


def _document(app: "App", found: "Pass", plan: "Plan | None") -> None:
    from flyball.cli.kit import output

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
            "plan": plan_view.as_json(plan) if plan is not None else None,
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
