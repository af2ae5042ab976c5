"""PrometheusMetrics: the typed queries, asked of a Prometheus or of what speaks its API (Thanos, Mimir, Cortex).

`latest` evaluates at the server's own time and asks for the newest sample's time too, also a little ahead of it:
so a clock that is wrong on either side shows as `stale` or `future` instead of as a figure of another time.
Which series a Prometheus needs: tools/metrics/shipped_templates.py.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from audit.clock import Clock
from policies.types import Target, digest_of
from tools.errors import MetricsUnavailable
from tools.metrics.fleet import stands_whole
from tools.metrics.numbers import COVERED_PPM, Measured, number, whole
from tools.metrics.prometheus import answers
from tools.metrics.prometheus.absent import AbsentSeries
from tools.metrics.prometheus.access import Access
from tools.metrics.prometheus.fleet import Fleet
from tools.metrics.prometheus.parts import count, moment, on_grid
from tools.metrics.spans import aligned, chunks
from tools.metrics.templates import CLUSTER, Query, Templates
from tools.metrics.types import SKEW_S, SPECS, Metric, Number, Series, Span

if TYPE_CHECKING:
    from tools.metrics.prometheus.client import Caps, Client

CHUNK_POINTS = 1440
"""Points a request: a day at one a minute, some 150 kB. Prometheus refuses more than 11,000 (web/api/v1/api.go)."""
MAX_POINTS = 100_000
_REMEMBERED = 64
_logger = logging.getLogger(__name__)


class PrometheusMetrics:
    """A MetricsReader. Close it at the end. Raises MetricsConfigInvalid for certificates or a proxy that cannot
    be used."""

    source = "prometheus"

    def __init__(
        self, access: Access, templates: Templates, clock: Clock, caps: "Caps | None" = None
    ) -> None:
        self._access, self._templates, self._clock = access, templates, clock
        self._tls, self._proxy, self._caps = access.tls(), access.proxy(), caps
        self._opened: Client | None = None
        self._warned: dict[str, None] = {}
        self._fleet = Fleet(self._asked, templates, str(access.address), self._warns)

    async def close(self) -> None:
        if self._opened is not None:
            await self._opened.close()

    @property
    def _client(self) -> "Client":
        """Opened at the first question: most commands have none, and the HTTP library costs as much as they do."""
        if self._opened is None:
            from tools.metrics.prometheus.client import Caps, Client

            self._opened = Client(self._access, self._tls, self._proxy, self._caps or Caps())
        return self._opened

    def fingerprint(self, metric: Metric) -> str:
        """What an answer depends on besides target and span: where it comes from, and the template."""
        asked = [str(self._access.address), self._access.tenant, self._templates.digest(metric)]
        return digest_of([self.source, *asked])

    async def latest(self, metric: Metric, target: Target, now_ms: int) -> Number:
        """The newest figure. Raises MetricsUnavailable."""
        query = self._templates.query(metric, target)
        document = await self._ask("query", {"query": query.instant}, metric, target)
        parts = answers.instant(document, self._where(metric, target))
        if "clusters" in parts:
            raise await self._mixed(metric, target, query)
        found = number(metric, self._measured(metric, target, query, document, parts), now_ms)
        return await self._explained(found, target) if found.missing in ("no_data", "partial") else found

    async def _mixed(self, metric: Metric, target: Target, query: Query) -> MetricsUnavailable:
        """A namespace and a name are no workload where a store holds several clusters."""
        document = await self._ask("query", {"query": query.clusters}, metric, target)
        names = answers.label_values(document, CLUSTER, self._where(metric, target))
        few = ", ".join(names[:5]) + (", …" if len(names) > 5 else "")
        return MetricsUnavailable(
            f"its series are of several clusters: {few}",
            where=f"{self._access.address}, {self._templates.where}",
            hint=f'say which is meant, in the file of `metrics`: labels = {{ {CLUSTER} = "…" }}',
            code="ManyClusters",
        )

    async def _explained(self, found: Number, target: Target) -> Number:
        """With the series that are behind it and are absent; as it is where the source does not say."""
        wanted = self._templates.series(found.metric, target)
        asked = AbsentSeries(wanted)
        try:
            document = await self._ask("query", {"query": asked.query}, found.metric, target)
            there = answers.named(document, asked.parts, self._where(found.metric, target))
        except MetricsUnavailable:
            return found
        return replace(found, absent=asked.absent(there), exported=asked.exported(there))

    async def history(self, metric: Metric, target: Target, span: Span) -> Series:
        """The figures on the grid, `span` moved back onto it. None where there is none, where it rests on too
        few pods or on several clusters, where the source warns, and ahead of our clock.

        Raises MetricsUnavailable, also where the clocks differ.
        """
        whole_span = _bounded(metric, span, target.path)
        await self._same_time()
        query = self._templates.query(metric, target, span.step_s)
        values: list[int | None] = []
        for piece in chunks(whole_span, CHUNK_POINTS):
            values += await self._piece(metric, target, query, piece)
        return Series(metric, SPECS[metric].unit, whole_span, tuple(values))

    async def fleet_latest(
        self, metric: Metric, targets: Sequence[Target], now_ms: int
    ) -> Mapping[Target, Number]:
        """As `latest`, of all pods of the targets' namespaces in one question, put together by workload. Where the
        metric has a template of the operator's own, one question a workload. Raises MetricsUnavailable."""
        if self._fleet.knows_latest(metric):
            return await self._fleet.latest(metric, targets, now_ms)
        return {target: await self.latest(metric, target, now_ms) for target in targets}

    async def fleet_history(
        self, metric: Metric, targets: Sequence[Target], span: Span
    ) -> Mapping[Target, Series]:
        """As `history`, likewise. Raises MetricsUnavailable."""
        whole_span, found = _bounded(metric, span, "a fleet"), dict[Target, Series]()
        told = [t for t in targets if stands_whole(t)] if self._fleet.knows(metric) else []
        if told:
            await self._same_time()
            found = await self._fleet.history(metric, told, whole_span, self._clock.wall_ms())
        return {t: found[t] if t in found else await self.history(metric, t, span) for t in targets}

    async def _piece(self, metric: Metric, target: Target, query: Query, span: Span) -> list[int | None]:
        form = {
            "query": query.ranged,
            "start": str(span.start_ms // 1000),
            "end": str(span.end_ms // 1000),
            "step": str(span.step_s),
        }
        document = await self._ask("query_range", form, metric, target)
        where = self._where(metric, target)
        parts = answers.ranged(document, where)
        if self._warns(document, f"{metric} of {target.path}"):
            return [None] * span.points
        lines = {name: on_grid(samples, span, where) for name, samples in parts.items()}
        now_ms = self._clock.wall_ms()
        return [
            self._point(metric, lines, index, where)
            if span.start_ms + index * span.step_s * 1000 <= now_ms
            else None
            for index in range(span.points)
        ]

    def _point(
        self, metric: Metric, parts: Mapping[str, list[str | None]], index: int, where: str
    ) -> int | None:
        text = parts["value"][index] if "value" in parts else None
        if text is None or ("clusters" in parts and parts["clusters"][index] is not None):
            return None
        if self._templates.counts(metric):
            covered, expected = (
                count(parts[name][index] if name in parts else None, where)
                for name in ("measured", "expected")
            )
            if Measured(text, 0, covered or 0, expected).coverage_ppm < COVERED_PPM:
                return None
        return whole(metric, text)

    def _measured(
        self,
        metric: Metric,
        target: Target,
        query: Query,
        document: Mapping[str, Any],
        parts: Mapping[str, str],
    ) -> Measured:
        where = self._where(metric, target)
        covered: int | None = 1_000_000
        expected: int | None = 1_000_000
        if self._templates.counts(metric):
            covered, expected = (count(parts.get(name), where) for name in ("measured", "expected"))
        return Measured(
            text=parts.get("value"),
            at_ms=moment(parts.get("newest"), where),
            covered_ppm=covered or 0,
            expected_ppm=expected,
            window_s=query.window_s,
            partial=self._warns(document, f"{metric} of {target.path}"),
        )

    async def _same_time(self) -> None:
        """A server with a wrong clock has put all its samples at wrong times: a series of them misleads."""
        document = await self._client.ask(
            "/api/v1/query",
            {"query": 'label_replace(vector(time()), "flyball", "value", "", "")'},
            "its clock",
        )
        where = f"{self._access.address} (its clock)"
        theirs = moment(answers.instant(document, where).get("value"), where)
        ahead_ms = (theirs or 0) - self._clock.wall_ms()
        if abs(ahead_ms) > SKEW_S * 1000:
            side = "ahead of" if ahead_ms > 0 else "behind"
            raise MetricsUnavailable(
                f"its clock is {abs(ahead_ms) // 1000} s {side} ours",
                where=where,
                hint="set both clocks by NTP; which is wrong, `date -u` on both says",
                code="Skew",
            )

    async def _ask(
        self, call: str, form: Mapping[str, str], metric: Metric, target: Target
    ) -> dict[str, Any]:
        return await self._asked(call, form, f"{metric} of {target.path}")

    async def _asked(self, call: str, form: Mapping[str, str], about: str) -> dict[str, Any]:
        return await self._client.ask(f"/api/v1/{call}", form, f"{about}, {self._templates.where}")

    def _where(self, metric: Metric, target: Target) -> str:
        return f"{self._access.address} ({metric} of {target.path}, {self._templates.where})"

    def _warns(self, document: Mapping[str, Any], about: str) -> bool:
        """Whether the source warns. Each text is told once a process, beside the data."""
        said = answers.warnings(document)
        for text in said:
            if text not in self._warned and len(self._warned) < _REMEMBERED:
                self._warned[text] = None
                _logger.warning("%s warns about %s: %s", self._access.address, about, text)
        return bool(said)


def _bounded(metric: Metric, span: Span, of: str) -> Span:
    """The span moved back onto the grid. Raises MetricsUnavailable."""
    found = aligned(span)
    if found.points > MAX_POINTS:
        what, where = f"{found.points} points are too many", f"{metric} of {of}"
        raise MetricsUnavailable(what, where=where, hint="larger steps")
    return found
