"""Many workloads in one question: their newest figures by pod, put together here (tools.metrics.fleet); the points of
a series put together by Prometheus, since those of each pod would be many times as many bytes."""

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from policies.types import Target
from tools.errors import MetricsUnavailable
from tools.metrics.coverage import kept
from tools.metrics.fleet import Pod, PodOwners, by_kind, by_namespace, grouped, together
from tools.metrics.numbers import Measured, number
from tools.metrics.prometheus import answers
from tools.metrics.prometheus.parts import count, moment, points
from tools.metrics.spans import chunks
from tools.metrics.templates import Templates
from tools.metrics.types import SPECS, Metric, Number, Series, Span

Ask = Callable[[str, Mapping[str, str], str], Awaitable[dict[str, Any]]]
"""An API call, its form, and what it is about, in words for an error."""

_ALL: Pod = ("", "")
_NOTHING = together([])
_PODS = 4_000
"""Workloads of one question about the newest figures: those of a pod take some 500 bytes of an answer."""
_POINTS = 200_000
"""Points of one question: one takes some 25 bytes of an answer."""
_LONGEST = 1440
"""Points a series, of one question."""


class Fleet:
    """Asks about the metrics that have a fleet's template. `warns`: whether the source warns of an answer."""

    def __init__(
        self, ask: Ask, templates: Templates, where: str, warns: Callable[[Mapping[str, Any], str], bool]
    ) -> None:
        self._ask, self._templates, self._where, self._warns = ask, templates, where, warns

    def knows_latest(self, metric: Metric) -> bool:
        """Whether there is a template for its newest figures: none where the operator has one of their own."""
        return metric in self._templates.fleet and not self._templates.by_workload(metric)

    def knows(self, metric: Metric) -> bool:
        """Whether there is one for its points."""
        return metric in self._templates.fleet

    async def latest(self, metric: Metric, targets: Sequence[Target], now_ms: int) -> dict[Target, Number]:
        """One figure each. Raises MetricsUnavailable."""
        found: dict[Target, Measured] = {}
        owners = PodOwners(targets)
        for group in by_namespace(targets, _PODS):
            query, subject = self._templates.fleet_query(metric, group), _subject(metric, group)
            document = await self._ask("query", {"query": query.instant}, subject)
            pods = answers.by_pod(document, f"{self._where} ({subject})")
            self._of_one_cluster(pods.pop(_ALL, None), subject)
            partial = self._warns(document, subject)
            for target, each in grouped(owners, pods).items():
                texts = [{name: sample[1] for name, sample in parts.items()} for parts in each]
                at_ms = max(sample[0] for parts in each for sample in parts.values())
                found[target] = self._together(texts, query.window_s, at_ms, partial)
        return {target: number(metric, found.get(target, _NOTHING), now_ms) for target in targets}

    async def history(
        self, metric: Metric, targets: Sequence[Target], span: Span, now_ms: int
    ) -> dict[Target, Series]:
        """On the grid of `span`; nothing ahead of `now_ms`. Of workloads whose names stand whole in their pods' (see
        `by_kind`). Raises MetricsUnavailable."""
        values: dict[Target, list[int | None]] = {target: [] for target in targets}
        for kind, these in by_kind(targets):
            for namespaces, some, piece in _questions(these, span):
                found = await self._points(metric, kind, namespaces, piece, now_ms)
                nothing = [None] * piece.points
                for target in some:
                    values[target] += found.get((target.namespace or "", target.name), nothing)
        unit = SPECS[metric].unit
        return {target: Series(metric, unit, span, tuple(line)) for target, line in values.items()}

    async def _points(
        self, metric: Metric, kind: str, namespaces: Sequence[str], span: Span, now_ms: int
    ) -> dict[tuple[str, str], list[int | None]]:
        """By namespace and name."""
        subject = _subject(metric, namespaces)
        form = {
            "query": self._templates.fleet_points(metric, kind, namespaces, span.step_s),
            "start": str(span.start_ms // 1000),
            "end": str(span.end_ms // 1000),
            "step": str(span.step_s),
        }
        document = await self._ask("query_range", form, subject)
        where = f"{self._where} ({subject})"
        lines = answers.by_workload(document, where)
        self._of_one_cluster(lines.pop(_ALL, None), subject)
        if self._warns(document, subject):
            return {}
        known = max(0, (now_ms - span.start_ms) // (span.step_s * 1000) + 1)
        ahead = max(0, span.points - known)
        found = {owner: points(metric, line, span, where) for owner, line in lines.items()}
        return {owner: [*line[: span.points - ahead], *[None] * ahead] for owner, line in found.items()}

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

    def _of_one_cluster(self, several: object, subject: str) -> None:
        if several:
            raise MetricsUnavailable(
                "its series are of several clusters",
                where=f"{self._where} ({subject})",
                hint='say which is meant, in the file of `metrics`: labels = { cluster = "…" }',
                code="ManyClusters",
            )


def _questions(targets: Sequence[Target], span: Span) -> Iterator[tuple[list[str], list[Target], Span]]:
    """Namespaces, the targets in them, and stretches of the span in order: no question about too many points."""
    for namespaces in by_namespace(targets, _POINTS // min(span.points, _LONGEST)):
        some = [target for target in targets if (target.namespace or "") in namespaces]
        for piece in chunks(span, max(1, min(_LONGEST, _POINTS // len(some)))):
            yield namespaces, some, piece


def _subject(metric: Metric, namespaces: Sequence[str]) -> str:
    few = ", ".join(namespaces[:3]) + (", …" if len(namespaces) > 3 else "")
    return f"{metric} of {few}"
