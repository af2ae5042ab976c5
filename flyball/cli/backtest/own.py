"""A workload's own demand, from the metrics history, through the governed reads."""

from typing import TYPE_CHECKING

from flyball.cli.kit.options import Options

if TYPE_CHECKING:
    from base.errors import FlyballError
    from flyball.wiring import App
    from forecasting.backtest.trace import Trace
    from tools.metrics.types import Series

STEP_S = 60
LEAST_S = 300


def read(opts: Options, workload: str, since: str) -> "Trace":
    """One trace of the last `since` (e.g. 14d). Raises BadTrace where less than half of it was measured."""
    return opts.run(lambda app: _trace(app, workload, since))


async def _trace(app: "App", workload: str, since: str) -> "Trace":
    from forecasting.backtest.trace import of_millicores
    from tools.actions.span import seconds
    from tools.cluster.names import target
    from tools.metrics.types import Metric

    span_s = seconds(since, "--since", LEAST_S)
    where = target(app.place.context, app.place.namespace, workload)
    reads = app.toolbox.reads(app.identity.by_hand())
    found = await reads.series(where, Metric.CPU_USAGE, span_s, STEP_S)
    _say_coverage(found, since, str(where))
    start, values = _begun(found)
    if len(values) * STEP_S * 2 < span_s:
        raise _too_little(str(where), since, len(values))
    return of_millicores(f"{where.namespace}-{where.name}", start, values)


def _begun(found: "Series") -> "tuple[int, list[int | None]]":
    """From the first figure on: what lies before is not a gap, but before the history begins."""
    values = list(found.values)
    first = next((i for i, value in enumerate(values) if value is not None), len(values))
    return found.span.start_ms // 1000 + first * STEP_S, values[first:]


def _too_little(where: str, since: str, minutes: int) -> "FlyballError":
    """Less than half of what was asked for says nothing about the time that was asked about."""
    from base.durations import written
    from forecasting.errors import BadTrace

    there = written(minutes * STEP_S, 2)
    hint = (
        f"ask for what there is: --since {there}"
        if minutes * STEP_S >= LEAST_S
        else "let it be measured first"
    )
    return BadTrace(f"of the last {since} only the last {there} were measured", where, hint)


def _say_coverage(found: "Series", since: str, where: str) -> None:
    from flyball.cli.kit.output import note

    present = sum(1 for value in found.values if value is not None)
    note(
        f"{where}: {found.coverage_ppm // 10_000}% of the last {since} measured "
        f"({present} of {len(found.values)} minutes)"
    )
