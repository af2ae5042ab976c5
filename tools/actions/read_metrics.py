"""read_metrics: a measured figure of a workload, or how it went over a span of time."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from policies.types import ActionInfo, Target
from tools.actions.span import seconds
from tools.cluster.names import WorkloadName, target
from tools.errors import ArgumentsInvalid
from tools.metrics.series import buckets, step_for, summary
from tools.metrics.types import GROUPS, Metric, Number
from tools.spec import READ_USAGE, Args, Reads, ReadSpec

NAMES = (*(metric.value for metric in Metric), *GROUPS)


class MetricsArgs(Args):
    workload: WorkloadName
    metric: Annotated[
        str,
        Field(max_length=32, description="what was measured", json_schema_extra={"enum": list(NAMES)}),
    ]
    span: Annotated[
        str | None,
        Field(max_length=16, description="how far back, e.g. 30m, 3h, 7d; null: the latest figure"),
    ]

    @model_validator(mode="after")
    def _known(self) -> Self:
        if self.metric not in NAMES:
            raise ArgumentsInvalid(
                f"`{self.metric[:32]}` is not a metric", where="metric", hint="one of " + ", ".join(NAMES)
            )
        self.span_s()
        return self

    def span_s(self) -> int | None:
        """The span in seconds, at most 31 days; None for the latest figure. Raises ArgumentsInvalid."""
        if self.span is None:
            return None
        return seconds(self.span, "span", 300)

    def metrics(self) -> tuple[Metric, ...]:
        """What is asked for: one metric, or those of a group."""
        return GROUPS.get(self.metric) or (Metric(self.metric),)


def number(found: Number) -> dict[str, object]:
    """A figure in its unit, or why there is none."""
    return {
        "metric": found.metric.value,
        "unit": found.unit,
        "value": found.v,
        "missing": found.missing or None,
        "at_ms": found.at_ms,
        "age_ms": found.age_ms,
        "window_s": found.window_s,
        "coverage_ppm": found.coverage_ppm,
    }


async def _fetch(args: MetricsArgs, reads: Reads, cluster: str, namespace: str) -> dict[str, object]:
    where, span_s = target(cluster, namespace, args.workload), args.span_s()
    head: dict[str, object] = {"cluster": cluster, "namespace": namespace, "workload": str(where)}
    if span_s is None:
        return head | {"metrics": [number(await reads.metric(where, one)) for one in args.metrics()]}
    return head | {"series": [await _series(reads, where, one, span_s) for one in args.metrics()]}


async def _series(reads: Reads, where: Target, metric: Metric, span_s: int) -> dict[str, object]:
    found = await reads.series(where, metric, span_s, step_for(span_s))
    return summary(found) | buckets(found)


SPEC = ReadSpec(
    name="read_metrics",
    version="1",
    summary="Read a measured figure of a workload (with its age and coverage), or its course over a span. "
    "Missing is unknown, never zero.",
    args=MetricsArgs,
    actions=(ActionInfo("read_metrics", "read"),),
    fetch=_fetch,
    rbac=READ_USAGE,
)
