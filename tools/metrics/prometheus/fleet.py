"""Many workloads in one question: figures by pod, put together here by workload (tools.metrics.fleet)."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from policies.types import Target
from tools.errors import MetricsUnavailable
from tools.metrics.coverage import kept
from tools.metrics.fleet import Pod, PodOwners, by_namespace, grouped, together
from tools.metrics.numbers import COVERED_PPM, Measured, number, whole
from tools.metrics.prometheus import answers
from tools.metrics.prometheus.parts import count, moment, on_grid
from tools.metrics.templates import Templates
from tools.metrics.types import SPECS, Metric, Number, Series, Span

Ask = Callable[[str, Mapping[str, str], str], Awaitable[dict[str, Any]]]
"""An API call, its form, and what it is about, in words for an error."""

_ALL: Pod = ("", "")
_NOTHING = together([])
_POINTS = 4_000
"""Workloads times points of one question: a pod's point takes some 100 bytes of an answer."""


class Fleet:
    """Asks about the metrics that have a fleet's template. `warns`: whether the source warns of an answer."""

    def __init__(
        self, ask: Ask, templates: Templates, where: str, warns: Callable[[Mapping[str, Any], str], bool]
    ) -> None:
        self._ask, self._templates, self._where, self._warns = ask, templates, where, warns

    def knows(self, metric: Metric) -> bool:
        """Whether there is a template for it: none where the operator has one of their own for the metric."""
        return metric in self._templates.fleet

    async def latest(self, metric: Metric, targets: Sequence[Target], now_ms: int) -> dict[Target, Number]:
        """One figure each. Raises MetricsUnavailable."""
        found: dict[Target, Measured] = {}
        owners = PodOwners(targets)
        for group in by_namespace(targets, _POINTS):
            query, subject = self._templates.fleet_query(metric, group), _subject(metric, group)
            document = await self._ask("query", {"query": query.instant}, subject)
            pods = self._pods(document, "vector", subject)
            partial = self._warns(document, subject)
            for target, each in grouped(owners, pods).items():
                texts = [{name: samples[-1][1] for name, samples in parts.items()} for parts in each]
                at_ms = max(samples[-1][0] for parts in each for samples in parts.values())
                found[target] = self._together(texts, query.window_s, at_ms, partial)
        return {target: number(metric, found.get(target, _NOTHING), now_ms) for target in targets}

    async def history(
        self, metric: Metric, targets: Sequence[Target], span: Span, now_ms: int
    ) -> dict[Target, Series]:
        """On the grid of `span`; nothing ahead of `now_ms`. Raises MetricsUnavailable."""
        owners, unit = PodOwners(targets), SPECS[metric].unit
        values: dict[Target, list[int | None]] = {}
        for group in by_namespace(targets, max(1, _POINTS // span.points)):
            values |= await self._ranged(metric, owners, group, span, now_ms)
        nothing = (None,) * span.points
        return {
            target: Series(metric, unit, span, tuple(values[target]) if target in values else nothing)
            for target in targets
        }

    async def _ranged(
        self, metric: Metric, owners: PodOwners, group: Sequence[str], span: Span, now_ms: int
    ) -> dict[Target, list[int | None]]:
        query, subject = self._templates.fleet_query(metric, group, span.step_s), _subject(metric, group)
        form = {
            "start": str(span.start_ms // 1000),
            "end": str(span.end_ms // 1000),
            "step": str(span.step_s),
        }
        document = await self._ask("query_range", {"query": query.ranged, **form}, subject)
        pods = self._pods(document, "matrix", subject)
        if self._warns(document, subject):
            return {}
        lines = {
            pod: {name: on_grid(samples, span, self._where) for name, samples in parts.items()}
            for pod, parts in pods.items()
        }
        known = min(span.points, max(0, (now_ms - span.start_ms) // (span.step_s * 1000) + 1))
        found: dict[Target, list[int | None]] = {}
        for target, each in grouped(owners, lines).items():
            found[target] = [
                self._point(metric, each, i, span, query.window_s) if i < known else None
                for i in range(span.points)
            ]
        return found

    def _point(
        self,
        metric: Metric,
        pods: Sequence[Mapping[str, list[str | None]]],
        index: int,
        span: Span,
        window_s: int,
    ) -> int | None:
        """One point of a workload, None where it rests on too few of its pods."""
        texts = [
            {name: text for name, values in parts.items() if (text := values[index]) is not None}
            for parts in pods
        ]
        found = self._together(texts, window_s, span.start_ms + index * span.step_s * 1000, False)
        return None if found.text is None or found.coverage_ppm < COVERED_PPM else whole(metric, found.text)

    def _together(
        self, pods: Sequence[Mapping[str, str]], window_s: int, at_ms: int, partial: bool
    ) -> Measured:
        """What the pods of one workload come to at `at_ms`. A workload that was not there for all of the window is
        measured for the share of it that it was, as in a question about it alone."""
        each = [
            Measured(
                text=texts.get("value"),
                at_ms=moment(texts.get("newest"), self._where),
                covered_ppm=count(texts.get("measured"), self._where) or 0,
                expected_ppm=count(texts.get("expected"), self._where),
                window_s=window_s,
                partial=partial,
            )
            for texts in pods
        ]
        found = together(each)
        firsts = [first for texts in pods if (first := moment(texts.get("first"), self._where)) is not None]
        if not window_s or not firsts:
            return found
        lived_ms = at_ms - min(firsts) + self._templates.scrape_s * 250
        lived = kept(min(1.0, lived_ms / (window_s * 1000)), window_s // self._templates.scrape_s)
        return replace(found, covered_ppm=int(found.covered_ppm * lived))

    def _pods(
        self, document: Mapping[str, Any], kind: str, subject: str
    ) -> dict[Pod, dict[str, list[answers.Sample]]]:
        pods = answers.by_pod(document, kind, f"{self._where} ({subject})")
        if pods.pop(_ALL, None):
            raise MetricsUnavailable(
                "its series are of several clusters",
                where=f"{self._where} ({subject})",
                hint='say which is meant, in the file of `metrics`: labels = { cluster = "…" }',
                code="ManyClusters",
            )
        return pods


def _subject(metric: Metric, namespaces: Sequence[str]) -> str:
    few = ", ".join(namespaces[:3]) + (", …" if len(namespaces) > 3 else "")
    return f"{metric} of {few}"
