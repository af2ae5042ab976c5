"""`flyball edit`: another figure in place of one that waits. It is a new request, with a digest of its own; the one
that waited is declined once the new one is taken."""

import uuid
from typing import TYPE_CHECKING, Annotated, Any, get_args

import typer

from flyball.cli.change.act import Reason, Yes, carry_out
from flyball.cli.change.deny import declined
from flyball.cli.kit.numbers import whole
from flyball.cli.kit.options import Options, command
from flyball.cli.kit.output import note
from flyball.exits import Exit, Stop, UsageError

if TYPE_CHECKING:
    from flyball.wiring import App
    from policies.types import Request

app = typer.Typer()

_TAKEN = (Exit.DONE, Exit.WAITING)


@app.command()
@command
def edit(
    opts: Options,
    handle: Annotated[str, typer.Argument(help="From `flyball pending`.")],
    fields: Annotated[
        list[str], typer.Argument(metavar="NAME=VALUE", help="What to change, e.g. replicas=12.")
    ],
    yes: Yes = False,
    reason: Reason = "",
) -> None:
    """Ask for another figure in place of one that waits. Example: flyball edit 9f3c41d2 replicas=12"""

    async def work(app: "App") -> None:
        waiting = await app.approvals.one(handle)
        request = _edited(app, waiting.request, fields, reason or f"in place of {waiting.handle}")
        try:
            await carry_out(opts, app, request, yes, 0)
        except Stop as end:
            if end.code in _TAKEN:
                record = await declined(app, waiting, f"edited: {request.digest[:8]}")
                note(f"declined {waiting.handle}, which it replaces   record {record}")
            raise

    opts.run(work)


def _edited(app: "App", old: "Request", fields: list[str], reason: str) -> "Request":
    """The same action on the same workload with other figures, asked for by the person. Raises UsageError,
    ArgumentsInvalid."""
    from tools.actions import registry
    from tools.path.requests import build

    spec = registry.action(old.action)
    given = dict(old.args) | dict(_field(spec.args.model_fields, one) for one in fields)
    return build(
        old.action, registry.parse(spec.args, given), id=str(uuid.uuid4()), principal=app.identity.by_hand(),
        cluster=old.target.cluster, namespace=old.target.namespace or "", mode="live", reason=reason,
    )  # fmt: skip


def _field(known: Any, text: str) -> tuple[str, Any]:
    """NAME=VALUE as one of the action's own arguments."""
    name, equals, value = text.partition("=")
    name = name.strip("- ").replace("-", "_")
    if not equals or name not in known or name == "workload":
        names = ", ".join(one.replace("_", "-") for one in known if one != "workload")
        raise UsageError(
            f"`{text[:64]}` changes nothing of this action", where="NAME=VALUE", hint=f"one of: {names}"
        )
    kinds = (known[name].annotation, *get_args(known[name].annotation))
    try:
        return name, whole(value) if int in kinds and bool not in kinds else value
    except typer.BadParameter as error:
        raise UsageError(str(error), where=name, hint=f"write {name}=12, say") from error
