"""`flyball act ACTION TARGET …`: one governed action by hand; a subcommand per ActionSpec, generated."""

import inspect
import re
import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, get_args

import typer

from base.interrupts import interrupted
from flyball.cli.change import envelope_options
from flyball.cli.kit.numbers import whole
from flyball.cli.kit.options import Options, Target, command
from flyball.cli.kit.waiting import span
from flyball.exits import Exit, Interrupted, Stop, UsageError

if TYPE_CHECKING:
    from flyball.wiring import App
    from policies.types import Mode, Request

DryRun = Annotated[str | None, typer.Option("--dry-run", help="Go the whole path without effect (`server`).")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask before writing.")]
Reason = Annotated[str, typer.Option("--reason", help="The reason, recorded in the log.")]
RequestId = Annotated[
    str | None, typer.Option("--request-id", help="Your own id: a retry is the same request.")
]
Wait = Annotated[
    str | None,
    typer.Option(
        "--wait", help="Wait for an approval, then for the rollout: 10m, 1h30m; 5m without a value."
    ),
]


def build() -> typer.Typer:
    """The subcommands, made from the registry."""
    from tools.actions.registry import ACTIONS

    app = typer.Typer(
        help="Carry out one governed action by hand. Example: flyball act scale deploy/web --replicas 6",
        no_args_is_help=True,
    )
    for spec in ACTIONS.values():
        summary = f"{spec.summary}\n\nExample: {spec.example}"
        app.command(spec.name.replace("_", "-"), help=summary)(command(_subcommand(spec)))
    return app


def _subcommand(spec: Any) -> Callable[..., None]:
    def run(
        opts: Options,
        target: list[str],
        dry_run: str | None,
        yes: bool,
        reason: str,
        request_id: str | None,
        wait: str | None,
        **fields: Any,
    ) -> None:
        from flyball.cli.kit.naming import one

        perform(opts, spec, {"workload": one(target), **fields}, mode(dry_run), yes, reason, request_id, wait)

    parameters = [
        inspect.Parameter("opts", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=Options),
        _parameter("target", Target),
        *[
            _option(
                name, field, filled=spec.name == envelope_options.TOOL and name in envelope_options.LEFT_OUT
            )
            for name, field in spec.args.model_fields.items()
            if name != "workload"
        ],
        *(envelope_options.parameters() if spec.name == envelope_options.TOOL else ()),
        _parameter("dry_run", DryRun, None),
        _parameter("yes", Yes, False),
        _parameter("reason", Reason, ""),
        _parameter("request_id", RequestId, None),
        _parameter("wait", Wait, None),
    ]
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return run


def _option(name: str, field: Any, *, filled: bool) -> inspect.Parameter:
    """`filled`: what the command finds by itself where it is left out."""
    optional = filled or type(None) in get_args(field.annotation)
    counts = int in (field.annotation, *get_args(field.annotation))
    if bool in (field.annotation, *get_args(field.annotation)):  # a flag: what is not given is null, or false
        told = typer.Option("--" + name.replace("_", "-"), help=_meaning(field.description or ""))
        return _parameter(name, Annotated[bool | None, told], None if optional else False)
    number: dict[str, Any] = {"parser": whole, "metavar": "INTEGER"} if counts else {}
    flag = typer.Option("--" + name.replace("_", "-"), help=_without_null(field.description or ""), **number)
    if optional:
        return _parameter(name, Annotated[field.annotation | None, flag], None)
    return _parameter(name, Annotated[field.annotation, flag])


def _meaning(description: str) -> str:
    """What a flag does, from `true: … ; null: …` as models read it."""
    first = description.partition(";")[0].strip()
    return first.removeprefix("true:").strip() or description


def _without_null(description: str) -> str:
    """What an option means, from `e.g. 250m; null leaves it` as models read it: an option is left out instead."""
    plain = re.sub(r"[;,]? (?:or null|else null|null leaves it)$", "", description)
    return plain.replace("null: ", "unset: ")


def _parameter(name: str, annotation: Any, default: Any = inspect.Parameter.empty) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


def mode(dry_run: str | None) -> "Mode":
    """kubectl's `--dry-run[=server]`; `none` and `client` are mistakes, never read as something else."""
    if dry_run not in (None, "server"):
        raise UsageError(f"--dry-run={dry_run} is not known", hint="write --dry-run, or leave it out")
    return "live" if dry_run is None else "dry_run"


def perform(
    opts: Options,
    spec: Any,
    fields: dict[str, Any],
    how: str,
    yes: bool,
    reason: str,
    request_id: str | None,
    wait: str | None,
) -> None:
    """Carry out one action by hand and end the command with its result."""
    patience = span(wait, "--wait") if wait else 0

    async def work(app: "App") -> None:
        from tools.actions import registry
        from tools.path.requests import build as build_request

        given = await envelope_options.filled(app, fields) if spec.name == envelope_options.TOOL else fields
        request = build_request(
            spec.name,
            registry.parse(spec.args, given),
            id=request_id or str(uuid.uuid4()),
            principal=app.identity.by_hand(),
            cluster=app.place.context,
            namespace=app.place.namespace,
            mode=how,  # type: ignore[arg-type]
            reason=reason,
        )
        await carry_out(opts, app, request, yes, patience)

    opts.run(work)


async def carry_out(opts: Options, app: "App", request: "Request", yes: bool, patience: int) -> None:
    """Ask (unless --yes is given), act, wait if wanted for an approval and for the cluster, print, and end with
    the exit code."""
    from flyball.cli.kit import output, render, result_json, verdicts
    from flyball.cli.kit.waiting import until_decided, until_settled

    confirmed = None
    if request.mode == "live" and not yes:
        confirmed = await _asked(opts, app, request)
    result = await app.executor.execute(request, confirmed=confirmed)
    if interrupted():  # the write ran to its end and is shown; nothing is waited for
        patience = 0
    until_us = app.context.clock.mono_us() + patience * 1_000_000
    if patience:
        result = await until_decided(app, result, patience)
    if not opts.json:
        render.show(result)
    ended = verified = None
    try:
        ended = await until_settled(app, result, patience) if patience else None
        if ended is not None and not opts.json:
            output.say(render.settled_line(ended))
        verified = await verdicts.until_verified(app, result, until_us) if patience else None
    except Interrupted:
        if opts.json:
            output.document(result_json.document(result, ended))
        raise
    if opts.json:
        output.document(result_json.document(result, ended) | verdicts.document(verified))
    elif verified is not None:
        output.advise("\n".join(verdicts.lines(verified)))
    raise Stop(Exit.FAILED if verdicts.worse(verified) else result_json.code(result, ended))


async def _asked(opts: Options, app: "App", request: "Request") -> str:
    """Show what would be done and ask; returns the digest of the view that the yes holds for.

    Nothing is asked where policy refuses, or where an approval decides: the digest is empty then, which confirms
    nothing.
    """
    from flyball.cli.kit.confirm import confirm, somebody

    somebody("give --yes, or --dry-run to see what it would do")
    decision, diff = await app.executor.preview(request)
    if decision.permit is None:
        return ""
    confirm(opts, f"{app.place}  {request.action} {request.target} {diff}", "")
    return str(decision.permit.view_digest)
