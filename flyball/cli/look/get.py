"""`flyball get [KIND | KIND/NAME]`: the workloads as kubectl prints them, with the figures that matter here."""

import dataclasses
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from flyball.cli.kit.options import Options, command
from flyball.cli.kit.output import abbreviated, age, document, fitted, note, say, yaml_document
from flyball.exits import UsageError

if TYPE_CHECKING:
    from flyball.cli.look.person import Looking
    from flyball.wiring import App
    from policies.types import Target
    from tools.diagnosis.snapshot import Row

app = typer.Typer()

What = Annotated[
    list[str] | None,
    typer.Argument(metavar="[KIND|KIND/NAME]", help="deploy, sts, deploy/web; nothing: all."),
]
Selector = Annotated[str, typer.Option("-l", "--selector", help="Only those with these labels: tier=web.")]
Shape = Annotated[
    Literal["table", "wide", "json", "yaml", "name"],
    typer.Option("-o", "--output", help="How it is printed."),
]
Watch = Annotated[bool, typer.Option("-w", "--watch", help="Go on, and print what changes.")]

WATCH_S = 5.0
HEAD = ("NAME", "READY", "UP-TO-DATE", "CPU", "CPU%", "MEM", "P95", "HPA", "OWNER", "AGE")
WIDE_HEAD = (*HEAD[:3], "AVAILABLE", *HEAD[3:], "RATE", "ERRORS", "THROTTLED", "CONTAINERS", "IMAGES")
LESS = ("UP-TO-DATE", "P95", "HPA", "OWNER", "MEM", "CPU%")
"""What a narrow terminal goes without, the first first."""


@app.command()
@command
def get(
    opts: Options,
    what: What = None,
    selector: Selector = "",
    output: Shape = "table",
    watch: Watch = False,
) -> None:
    """List workloads with CPU, memory, latency and autoscaler. Example: flyball get deploy/web -o wide"""
    opts = dataclasses.replace(opts, output="json" if output == "json" else "table")
    if watch and output not in ("table", "wide"):
        raise UsageError(f"--watch prints a table, not {output}", hint="leave -o or --watch out")

    async def work(app: "App") -> None:
        from flyball.cli.look.person import Looking

        kind, target = _asked(app, what or [])
        asked = _Asked(Looking(app), app.place.namespace, kind, target, selector, output == "wide")
        rows = await asked.rows()
        if watch:
            await _watch(app, asked, rows)
        else:
            _print(app, rows, output, single=target is not None)

    opts.run(work)


@dataclasses.dataclass(frozen=True, slots=True)
class _Asked:
    looking: "Looking"
    namespace: str
    kind: str | None
    target: "Target | None"
    selector: str
    wide: bool

    async def rows(self) -> "list[Row]":
        from flyball.cli.look.person import OVERVIEW, WIDE

        metrics = WIDE if self.wide else OVERVIEW
        if self.target is not None:
            return [await self.looking.row(self.target, metrics)]
        found = await self.looking.rows(self.namespace, self.selector, metrics)
        return [row for row in found if self.kind in (None, row.workload.target.kind)]


def _asked(app: "App", words: list[str]) -> "tuple[str | None, Target | None]":
    """The kind or the one workload that is meant. Raises UsageError, ArgumentsInvalid."""
    from tools.cluster.names import ALIASES, SHORT, target

    if len(words) > 2:
        raise UsageError(
            f"`{' '.join(words)[:80]}` is more than one workload", hint="give KIND/NAME, or KIND"
        )
    if len(words) == 2 or (words and "/" in words[0]):
        return None, target(app.place.context, app.place.namespace, "/".join(words))
    if not words or words[0] in ("all", "workloads"):
        return None, None
    if words[0] not in ALIASES:
        raise UsageError(f"`{words[0][:80]}` is no kind of workload", hint=f"kinds: {SHORT}; or KIND/NAME")
    return ALIASES[words[0]], None


def _print(app: "App", rows: "list[Row]", output: str, *, single: bool) -> None:
    now = app.context.now_ms()
    if output in ("json", "yaml"):
        items = [_item(row) for row in rows]
        value = {"kind": "Workload", **items[0]} if single else {"kind": "WorkloadList", "items": items}
        (document if output == "json" else yaml_document)(value)
    elif output == "name":
        for row in rows:
            say(_group_name(str(row.workload.target)))
    elif not rows:
        note(f"no workloads in {app.place}")
    else:
        cells = [_cells(row, now, wide=output == "wide") for row in rows]
        for line in fitted(WIDE_HEAD if output == "wide" else HEAD, cells, LESS):
            say(line)
    if output != "name":
        _gaps(rows)


async def _watch(app: "App", asked: _Asked, rows: "list[Row]") -> None:
    """As `kubectl get -w`: the table, then each line that has changed; until Ctrl-C."""
    shown = dict[str, tuple[object, ...]]()
    head = WIDE_HEAD if asked.wide else HEAD
    while True:
        now = app.context.now_ms()
        cells = [_cells(row, now, wide=asked.wide) for row in rows]
        fresh = [one for one in cells if shown.get(str(one[0])) != one[:-1]]
        lines = fitted(head, fresh, LESS)
        for line in lines[1:] if shown else lines:
            say(line)
        shown |= {str(one[0]): one[:-1] for one in cells}
        await app.context.clock.sleep(WATCH_S)
        rows = await asked.rows()


def _cells(row: "Row", now: int, *, wide: bool) -> tuple[object, ...]:
    from tools.cluster.objects import unix_ms
    from tools.diagnosis.figures import figure, percent
    from tools.metrics.types import Metric, share

    w, n = row.workload, row.numbers
    used = share(n, Metric.CPU_USAGE, Metric.CPU_REQUESTS)
    ready, old = f"{w.ready}/{w.replicas}", age((now - unix_ms(w.created_at)) / 1000)
    figures = (
        figure(n.get(Metric.CPU_USAGE)),
        None if used is None else percent(used),
        figure(n.get(Metric.MEMORY_USAGE)),
        figure(n.get(Metric.LATENCY_P95)),
    )
    base = (str(w.target), ready, w.updated)
    if not wide:
        return (*base, *figures, _hpa(row), abbreviated(w.owner or ""), old)
    more = (figure(n.get(m)) for m in (Metric.REQUEST_RATE, Metric.ERROR_RATE, Metric.THROTTLED_RATIO))
    names, images = (",".join(c.name for c in w.containers), ",".join(c.image for c in w.containers))
    return (*base, w.available, *figures, _hpa(row), w.owner, old, *more, names, images)


def _hpa(row: "Row") -> str | None:
    """`2-4`, and a word where it cannot do what it wants."""
    hpa = row.autoscaler
    if hpa is None:
        return None
    word = ",unable" if not hpa.able else ",no-metrics" if not hpa.active else ""
    if not word and hpa.limited:
        word = ",at-max" if hpa.current >= hpa.maximum else ",at-min"
    return f"{hpa.minimum}-{hpa.maximum}{word}"


def _item(row: "Row") -> dict[str, Any]:
    from flyball.cli.kit import shapes

    return {
        **shapes.workload(row.workload),
        "autoscaler": shapes.autoscaler(row.autoscaler),
        "metrics": shapes.numbers(row.numbers),
        "missing": dict(row.missing),
    }


def _group_name(target: str) -> str:
    """As `kubectl get -o name`: `deployment.apps/web`."""
    kind, _, name = target.partition("/")
    return f"{kind}.apps/{name}"


def _gaps(rows: "list[Row]") -> None:
    """One line for each reason why figures are missing."""
    from flyball.cli.kit.missing import lines

    for line in lines(rows):
        note(line)
