"""`flyball metrics check`: what the source of metrics reports on a workload, figure by figure, and any errors."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from flyball.cli.kit.completion import workloads
from flyball.cli.kit.options import Options, command
from flyball.cli.kit.output import age, document, error, say, table, tone
from flyball.exits import Exit, Stop, UsageError

if TYPE_CHECKING:
    from flyball.wiring import App
    from policies.types import Target
    from tools.errors import MetricsUnavailable
    from tools.metrics.types import Metric, Number
    from tools.reading.governed_reads import GovernedReads

app = typer.Typer(help="Check the source of metrics. Example: flyball metrics check", no_args_is_help=True)
Name = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[KIND/NAME]",
        help="E.g. deploy/web; unset: the namespace's first workload.",
        autocompletion=workloads,
    ),
]


@app.callback()
def metrics() -> None:
    """Check the source of metrics. Example: flyball metrics check"""


@app.command()
@command
def check(opts: Options, target: Name = None) -> None:
    """Run every metric query for one workload. Example: flyball metrics check deploy/web"""
    from flyball.cli.kit.naming import one

    name = one(target) if target else None

    async def work(app: "App") -> None:
        reads = app.toolbox.reads(app.identity.by_hand())
        where = await _target(app, reads, name)
        found, silent = await _asked(reads, where)
        if opts.json:
            document(_document(where, found, silent))
        else:
            _print(where, found, silent)
        if silent:
            raise Stop(Exit.UNAVAILABLE)

    opts.run(work)


async def _target(app: "App", reads: "GovernedReads", given: str | None) -> "Target":
    from tools.cluster.names import target

    if given is not None:
        return target(app.place.context, app.place.namespace, given)
    workloads = await reads.workloads(app.place.namespace)
    if not workloads:
        hint = "name one, as deploy/web, or another namespace with -n"
        raise UsageError("there is no workload to ask about", where=str(app.place), hint=hint)
    named: Target = workloads[0].target
    return named


async def _asked(
    reads: "GovernedReads", where: "Target"
) -> "tuple[dict[Metric, tuple[Number, str]], dict[Metric, MetricsUnavailable]]":
    """Each figure with what to do about it, and those for which the source could not be asked."""
    from tools.errors import MetricsUnavailable
    from tools.metrics.hints import hint
    from tools.metrics.types import Metric

    found: dict[Metric, tuple[Number, str]] = {}
    silent: dict[Metric, MetricsUnavailable] = {}
    for metric in Metric:
        try:
            number = await reads.metric(where, metric)
        except MetricsUnavailable as e:
            silent[metric] = e
            if e.code in _HOPELESS:
                break  # the others would wait as long for the same answer
        else:
            found[metric] = (number, hint(number, reads.source))
    return found, silent


_HOPELESS = frozenset(
    {"Unavailable", "Unresolved", "ForbiddenAddress", "Redirect", "Token", "HTTP401", "HTTP403"}
)


def _print(
    where: "Target", found: "dict[Metric, tuple[Number, str]]", silent: "dict[Metric, MetricsUnavailable]"
) -> None:
    from tools.metrics.hints import shared

    say(f"{where.cluster}/{where.namespace}  {where}")
    rows = [_row(number, what) for number, what in found.values()]
    for line in table(("METRIC", "VALUE", "AGE", "WINDOW", "COVERAGE", "MISSING", "HINT"), rows):
        say(line)
    told = {metric.value: f"{e.what}\0{e.where}\0{e.hint}" for metric, e in silent.items()}
    for why, names in shared(told).items():
        what, place, hint = why.split("\0")
        error(f"{tone(', '.join(names), 'bad')}: {what}", place, hint)


def _row(number: "Number", what: str) -> tuple[object, ...]:
    from tools.diagnosis.figures import figure, percent
    from tools.metrics.hints import reason

    old = None if number.age_ms is None else age(number.age_ms / 1000)
    window = f"{number.window_s}s" if number.window_s else None
    covered = None if number.v is None else percent(number.coverage_ppm)
    return (number.metric.value, figure(number), old, window, covered, reason(number), what)


def _document(
    where: "Target", found: "dict[Metric, tuple[Number, str]]", silent: "dict[Metric, MetricsUnavailable]"
) -> dict[str, Any]:
    from flyball.cli.kit.workload_json import number as shape
    from tools.metrics.hints import reason

    return {
        "kind": "Metrics",
        "context": where.cluster,
        "namespace": where.namespace,
        "target": str(where),
        "metrics": {
            metric.value: shape(one) | {"reason": reason(one) or None, "hint": what or None}
            for metric, (one, what) in found.items()
        },
        "unavailable": [
            {"metric": metric.value, "what": e.what, "where": e.where, "hint": e.hint}
            for metric, e in silent.items()
        ],
    }
