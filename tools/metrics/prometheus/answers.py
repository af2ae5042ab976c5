"""The shapes of Prometheus' answers, checked strictly: what is not as documented raises, it is never guessed.

A sample is `[seconds, "figure"]`; the figure is text, so that NaN and infinities have a form. Every series of ours
carries the label `flyball`, which says which part of the question it answers.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from tools.errors import MetricsUnavailable
from tools.metrics.prometheus.failures import shown, strange
from tools.metrics.templates import BY, OWNED, PART

Sample = tuple[int, str]
"""Unix milliseconds, and the figure as text."""
_PARTS = frozenset({"value", "newest", "measured", "expected", "clusters"})


def instant(document: Mapping[str, Any], where: str) -> dict[str, str]:
    """The figure of each part that has one. Raises MetricsUnavailable."""
    return {part: _sample(series, where)[1] for part, series in _series(document, "vector", where).items()}


def ranged(document: Mapping[str, Any], where: str) -> dict[str, list[Sample]]:
    """The samples of each part, oldest first. Raises MetricsUnavailable."""
    return {part: samples(series, where) for part, series in _series(document, "matrix", where).items()}


def by_workload(document: Mapping[str, Any], where: str) -> dict[tuple[str, str], Mapping[str, Any]]:
    """Of a fleet's answer over a span the series by namespace and workload; `clusters` as in `by_pod`. What is of no
    workload (pods that nobody of the kind owns) is left out. Raises MetricsUnavailable."""
    found: dict[tuple[str, str], Mapping[str, Any]] = {}
    for labels, series in _labelled(document, "matrix", where):
        part, owner = labels.get(PART), tuple(str(labels.get(name, "")) for name in OWNED)
        if part not in ("value", "clusters"):
            raise strange("the answer holds a series that was not asked for", where)
        if part == "value" and not all(owner):
            continue
        if owner in found:
            raise _many(part, labels, where)
        found[owner[0], owner[1]] = series
    return found


def by_pod(document: Mapping[str, Any], where: str) -> dict[tuple[str, str], dict[str, Sample]]:
    """Of a fleet's answer at one time the sample of each part by namespace and pod; the part `clusters`, which is of
    all together, stands under two empty names. Raises MetricsUnavailable."""
    found: dict[tuple[str, str], dict[str, Sample]] = {}
    for labels, series in _labelled(document, "vector", where):
        part, pod = labels.get(PART), tuple(str(labels.get(name, "")) for name in BY)
        if part not in {*_PARTS, "first"} or (part != "clusters" and not all(pod)):
            raise strange("the answer holds a series that was not asked for", where)
        parts = found.setdefault((pod[0], pod[1]), {})
        if part in parts:
            raise _many(part, labels, where)
        parts[part] = _sample(series, where)
    return found


def named(document: Mapping[str, Any], parts: frozenset[str], where: str) -> frozenset[str]:
    """Those of the parts for which there is anything. Raises MetricsUnavailable."""
    return frozenset(_series(document, "vector", where, parts))


def label_values(document: Mapping[str, Any], label: str, where: str) -> list[str]:
    """The values that a label has, sorted, without none: anybody's text, fit to be shown. Raises
    MetricsUnavailable."""
    values = {labels.get(label) for labels, _ in _labelled(document, "vector", where)}
    return sorted(shown(str(value)) for value in values if value)


def warnings(document: Mapping[str, Any]) -> tuple[str, ...]:
    """What the source warns of, such as a store that gave no answer. Infos are none: Prometheus' documentation
    has them for what may be no problem at all, and it sends one for nearly every histogram_quantile()."""
    said = document.get("warnings") or []
    return tuple(shown(str(text)) for text in (said if isinstance(said, list) else [said]))


def _series(
    document: Mapping[str, Any], kind: str, where: str, parts: frozenset[str] = _PARTS
) -> dict[str, Mapping[str, Any]]:
    found: dict[str, Mapping[str, Any]] = {}
    for labels, series in _labelled(document, kind, where):
        part = labels.get(PART)
        if part not in parts:
            raise strange("the answer holds a series that was not asked for", where)
        if part in found:
            raise _many(part, labels, where)
        found[part] = series
    return found


def _labelled(
    document: Mapping[str, Any], kind: str, where: str
) -> list[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    """Each series with its labels."""
    data = document.get("data")
    if (
        not isinstance(data, dict)
        or data.get("resultType") != kind
        or not isinstance(data.get("result"), list)
    ):
        raise strange(f"the answer holds no {kind}", where)
    found: list[tuple[Mapping[str, Any], Mapping[str, Any]]] = []
    for series in data["result"]:
        labels = series.get("metric") if isinstance(series, dict) else None
        if not isinstance(labels, dict):
            raise strange("the answer holds a series that was not asked for", where)
        found.append((labels, series))
    return found


def _many(part: str, labels: Mapping[str, Any], where: str) -> MetricsUnavailable:
    names = ", ".join(sorted(shown(str(name)) for name in labels if name != PART)[:5]) or "none"
    return MetricsUnavailable(
        f"`{part}` gave more than one series (labels: {names})",
        where=where,
        hint="let the template aggregate to one, as sum(…) or max(…) do",
        code="ManySeries",
        quotes=True,
    )


def _sample(series: Mapping[str, Any], where: str) -> Sample:
    return _pair(series.get("value"), series, where)


def samples(series: Mapping[str, Any], where: str) -> list[Sample]:
    """Of a series over a span, oldest first. Raises MetricsUnavailable."""
    pairs = series.get("values")
    if not isinstance(pairs, list):
        raise _unreadable(series, where)
    return [_pair(pair, series, where) for pair in pairs]


def _pair(pair: object, series: Mapping[str, Any], where: str) -> Sample:
    match pair:
        case [int() | float() as seconds, str() as text] if not isinstance(seconds, bool):
            return int(Decimal(str(seconds)) * 1000), text
    raise _unreadable(series, where)


def _unreadable(series: Mapping[str, Any], where: str) -> MetricsUnavailable:
    if "histogram" in series or "histograms" in series:
        return MetricsUnavailable(
            "the template gives a native histogram, not a figure",
            where=where,
            hint="let it end in histogram_quantile(), histogram_count() or the like",
            code="Histogram",
        )
    return strange("a sample is not [seconds, text]", where)
