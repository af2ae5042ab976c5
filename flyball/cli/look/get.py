"""`flyball get [KIND | KIND/NAME | NAME]`: workloads as kubectl prints them, with the figures that matter here."""

import asyncio
import dataclasses
import sys
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from flyball.cli.kit.completion import workloads
from flyball.cli.kit.options import Options, command
from flyball.cli.kit.output import document, fitted, note, say, yaml_document
from flyball.cli.look.kind_tables import Layout, layout
from flyball.exits import Interrupted, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flyball.cli.kit.naming import Named
    from flyball.cli.look.reads import PersonReads
    from flyball.place import Place
    from flyball.wiring import App
    from policies.types import Target
    from tools.diagnosis.snapshot import Row
    from tools.metrics.types import Metric

app = typer.Typer()

What = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[KIND|KIND/NAME|NAME]...",
        help="deploy, deploy/web, deploy a b, a b; nothing: all.",
        autocompletion=workloads,
    ),
]
Selector = Annotated[
    str, typer.Option("-l", "--selector", help="List only workloads with these labels: tier=web.")
]
Shape = Annotated[
    Literal["table", "wide", "json", "yaml", "name"],
    typer.Option("-o", "--output", help="The format of the output."),
]
Every = Annotated[bool, typer.Option("-A", "--all-namespaces", help="List the workloads of all namespaces.")]
Watch = Annotated[bool, typer.Option("-w", "--watch", help="Keep watching, and print what changes.")]

WATCH_S = 5.0


@app.command()
@command
def get(
    opts: Options,
    what: What = None,
    selector: Selector = "",
    output: Shape = "table",
    all_namespaces: Every = False,
    watch: Watch = False,
) -> None:
    """List workloads with CPU, memory, latency and autoscaler. Example: flyball get deploy/web -o wide"""
    from flyball.cli.kit.naming import parse

    opts = dataclasses.replace(opts, output="json" if output == "json" else "table")
    if watch and output not in ("table", "wide"):
        raise UsageError(f"--watch prints a table, not {output}", hint="leave -o or --watch out")

    named = parse(what or [])
    if all_namespaces:
        _no_namespace(opts, named)
    if selector and named.single is not None:
        raise UsageError("a workload is named, and -l selects by labels", hint="leave one of the two out")

    async def work(app: "App") -> None:
        from flyball.cli.look.reads import PersonReads

        asked = _Asked(PersonReads(app), app.place, named, selector, all_namespaces, output == "wide")
        rows = await asked.rows()
        if watch:
            await _watch(app, asked, rows)
        else:
            _print(app, asked, rows, output)
            _notes(asked, rows, output)

    opts.run(work)


def _no_namespace(opts: Options, named: "Named") -> None:
    """What -A cannot be said beside, as with kubectl. Raises UsageError."""
    if opts.settings.values["namespace"].source == "flag":
        raise UsageError("-A is all namespaces, and -n is one", hint="leave one of the two out")
    if named.single is not None:
        raise UsageError("a workload is named, and -A is all namespaces", hint="name it with -n NAMESPACE")


@dataclasses.dataclass(slots=True)
class _Asked:
    """What is looked at; `left_out` are the namespaces that may not be listed, of the last look."""

    looking: "PersonReads"
    place: "Place"
    named: "Named"
    selector: str
    everywhere: bool
    wide: bool
    left_out: int = 0

    @property
    def layout(self) -> Layout:
        """That of the one kind that is asked for, if it has its own."""
        kinds = {name.partition("/")[0] for name in self.named.names} or {self.named.kind or ""}
        return layout(kinds.pop() if len(kinds) == 1 and not self.named.bare else "")

    @property
    def kinds(self) -> tuple[str, ...]:
        """Which the list is asked for."""
        from tools.cluster_types import LISTED

        kind = self.named.kind
        return LISTED if kind is None or kind in LISTED else (kind,)

    @property
    def head(self) -> tuple[str, ...]:
        """The titles of its table."""
        head = self.layout.wide_head if self.wide else self.layout.head
        return ("NAMESPACE", *head) if self.everywhere else head

    async def rows(self) -> "list[Row]":
        from flyball.cli.look.reads import OVERVIEW, WIDE

        metrics = WIDE if self.wide else OVERVIEW
        if self.named.single is None:
            found = await self._found(metrics)
            return [row for row in found if self.named.kind in (None, row.workload.target.kind)]
        return [await self.looking.row(target, metrics) for target in await self._targets()]

    async def _found(self, metrics: "Sequence[Metric]") -> "Sequence[Row]":
        if not self.everywhere:
            return await self.looking.rows(self.place.namespace, self.selector, metrics, self.kinds)
        found = await self.looking.everywhere(self.place.namespace, self.selector, metrics, self.kinds)
        self.left_out = found.left_out
        return found.rows

    async def _targets(self) -> "list[Target]":
        """The workloads that were named, bare names by the namespace's list. Raises UsageError."""
        from flyball.cli.kit.naming import kinds_of
        from tools.cluster.names import target

        names = self.named.names
        if self.named.bare:
            known = await self.looking.workloads(self.place.namespace)
            names = kinds_of(self.named.bare, [str(one) for one in known])
        return [target(self.place.context, self.place.namespace, name) for name in names]


def _print(app: "App", asked: _Asked, rows: "list[Row]", output: str) -> None:
    now = app.context.now_ms()
    if output in ("json", "yaml"):
        items = [_item(row) for row in rows]
        listed: dict[str, Any] = {"kind": "WorkloadList", "items": items}
        if asked.everywhere:
            listed["namespaces_left_out"] = asked.left_out
        value = {"kind": "Workload", **items[0]} if asked.named.single else listed
        (document if output == "json" else yaml_document)(value)
    elif output == "name":
        for row in rows:
            say(_group_name(str(row.workload.target)))
    elif not rows:
        note(_nothing(app, asked))
    else:
        for line in fitted(asked.head, [_cells(asked, row, now) for row in rows], asked.layout.less):
            say(line)


async def _watch(app: "App", asked: _Asked, rows: "list[Row]") -> None:
    """As `kubectl get -w`: the table, then each line that has changed; until Ctrl-C, which needs no word."""
    try:
        await _followed(app, asked, rows)
    except asyncio.CancelledError:
        raise Interrupted from None


async def _followed(app: "App", asked: _Asked, rows: "list[Row]") -> None:
    shown, first = dict[object, tuple[object, ...]](), True
    while True:
        now = app.context.now_ms()
        cells = {row.workload.target.key: _cells(asked, row, now) for row in rows}
        fresh = [one for key, one in cells.items() if shown.get(key) != one[:-1]]
        lines = fitted(asked.head, fresh, asked.layout.less)
        for line in lines if first else lines[1:]:
            say(line)
        if first:
            _notes(asked, rows)
        sys.stdout.flush()
        shown, first = shown | {key: one[:-1] for key, one in cells.items()}, False
        await app.context.clock.sleep(WATCH_S)
        rows = await asked.rows()


def _nothing(app: "App", asked: _Asked) -> str:
    """That there is none, and of which kind where that is not the usual list."""
    from tools.cluster_types import LISTED

    what = "workloads" if asked.kinds == LISTED else f"{asked.named.kind}s"
    never = f"; the sandbox never has {what}" if app.world is not None and what != "workloads" else ""
    return f"no {what} in {app.place.context if asked.everywhere else app.place}{never}"


def _cells(asked: _Asked, row: "Row", now: int) -> tuple[object, ...]:
    """A line of the table."""
    cells = asked.layout.line(row, now, asked.wide)
    return (row.workload.target.namespace, *cells) if asked.everywhere else cells


def _item(row: "Row") -> dict[str, Any]:
    from flyball.cli.kit import workload_json

    return {
        **workload_json.workload(row.workload),
        "autoscaler": workload_json.autoscaler(row.autoscaler),
        "metrics": workload_json.numbers(row.numbers),
        "missing": dict(row.missing),
    }


def _group_name(target: str) -> str:
    """As `kubectl get -o name`: `deployment.apps/web`, `job.batch/migrate`."""
    kind, _, name = target.partition("/")
    return f"{kind}.{'batch' if kind == 'job' else 'apps'}/{name}"


def _notes(asked: _Asked, rows: "list[Row]", output: str = "table") -> None:
    """Behind the table, once: one line for each reason why figures are missing, and what is not listed."""
    from flyball.cli.kit.missing import lines

    for line in lines(rows) if output != "name" else ():
        note(line)
    if asked.left_out:
        spaces = f"{asked.left_out} namespace{'s' * (asked.left_out != 1)}"
        note(f"left out: {spaces} that policy does not let you list")
