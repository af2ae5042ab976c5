"""From a typed query to PromQL: templates with placeholders, filled for one workload.

A Template has up to four expressions. `value` is the figure and gives ONE series. `sample` is a plain selector of
the series that it rests on: the time of their newest sample is the figure's, since an instant query's own time
is that of the evaluation, and its lookback would let a source that has been silent for minutes look fresh.
`measured` and `expected` count what the figure rests on and what it should (pods, containers or samples).

Placeholders: $namespace, $workload, $kind, $pods (a pattern of the pods' names), $window, $scrape and $step
(durations; a step is a fourth of a scrape), $window_s and $scrape_s (seconds), $samples (scrapes within a window),
$labels (matchers that an operator adds), $replicas (labels that tell the replicas of a Prometheus apart); `${kind}`
within a name, `$$` for a dollar. $namespace, $workload and $pods stand within double quotes. Templates of a fleet
have $namespaces (a pattern of several) in place of $namespace, $workload and $pods; they give a series a pod, or,
where they name $kind, a series a workload, told by the label of that name.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from policies.types import Target, digest_of
from tools.metrics.pods import any_pod, literal, pattern
from tools.metrics.types import Metric

PLACEHOLDERS = frozenset(
    {"namespace", "workload", "kind", "pods", "labels"}
    | {"window", "scrape", "step", "window_s", "scrape_s", "samples", "replicas"}
)
SCRAPE_S = 30
"""How often a source is scraped, where an operator says nothing else (kube-prometheus' default)."""
WINDOW_S = 300
COUNTED_S: Mapping[Metric, int] = {Metric.RESTARTS: 3600, Metric.OOM_KILLS: 3600}
"""What is counted over an hour, where one figure is asked for."""
REPLICA_LABELS = ("prometheus_replica", "replica")
"""What prometheus-operator and Thanos' own documentation call the label of a replica."""
PER_WINDOW = 4
"""Scrapes that a window holds at least, so that a rate survives one that is lost."""
CLUSTER = "cluster"
"""The label by which a store of several clusters tells them apart (kubernetes-mixin, Thanos, Mimir)."""
BY = ("namespace", "pod")
"""The labels by which a fleet's answer tells its pods apart."""
OWNED = ("namespace", "workload")
"""The labels by which a fleet's points tell its workloads apart."""
COVERED = "0.9"
"""Of what is expected, so much must be measured for a point to count (numbers.COVERED_PPM)."""
_SELECTOR = re.compile(r'([a-zA-Z_:][a-zA-Z0-9_:]*)\{((?:[^"{}]|"(?:[^"\\]|\\.)*")*)\}')
_PLACEHOLDER = re.compile(r"\$(?:(\$)|\{([a-z_]+)\}|([a-z_]+))")
_LEADS = 300


@dataclass(frozen=True, slots=True)
class Template:
    """PromQL with placeholders. Without `measured` and `expected` nothing is counted: the figure is a count
    that is exact or absent."""

    value: str
    sample: str
    measured: str = ""
    expected: str = ""

    @property
    def texts(self) -> tuple[str, str, str, str]:
        return self.value, self.sample, self.measured, self.expected


@dataclass(frozen=True, slots=True)
class Query:
    """Filled-in PromQL: `instant` answers with the parts value, newest, measured and expected at one time,
    `ranged` with value, measured and expected over a span; both with `clusters`, where the series behind it are of
    more than one, whose names `clusters` asks for. `window_s` is 0 where the figure is of an instant. A fleet's have
    `first` too: since when, within the window, a pod was expected."""

    instant: str
    ranged: str
    window_s: int
    clusters: str


@dataclass(frozen=True, slots=True)
class Templates:
    """One Template for each Metric, and what holds for all: extra labels, the seconds between two scrapes, the
    seconds that a rate is taken over, and the labels that tell the replicas of a Prometheus apart."""

    by_metric: Mapping[Metric, Template]
    labels: Mapping[str, str] = field(default_factory=dict)
    scrape_s: int = SCRAPE_S
    window_s: int = WINDOW_S
    where: str = "the shipped templates"
    replica_labels: tuple[str, ...] = REPLICA_LABELS
    fleet: Mapping[Metric, Template] = field(default_factory=dict)
    """Those that ask for many workloads at once, by the labels namespace and pod; of no metric for which an operator
    has a Template of their own."""

    def over_s(self, metric: Metric, step_s: int | None = None) -> int:
        """Over how many seconds a figure is taken: one alone over `window_s` (restarts and kills: an hour), the
        points of a series over the step; never over less than four scrapes."""
        wanted = step_s if step_s is not None else COUNTED_S.get(metric, self.window_s)
        return max(wanted, PER_WINDOW * self.scrape_s)

    def query(self, metric: Metric, target: Target, step_s: int | None = None) -> Query:
        """The PromQL for one workload; with `step_s` for the points of a series on that grid.

        Raises MetricsUnavailable for a kind whose pods cannot be named.
        """
        window_s = self.over_s(metric, step_s)
        return self._query(self.by_metric[metric], self._filler(_words_of(target), window_s), window_s)

    def fleet_query(self, metric: Metric, namespaces: Sequence[str], step_s: int | None = None) -> Query:
        """As `query`, for all pods of these namespaces: each part has a series a pod, with the labels of BY. Raises
        KeyError for a metric that is not among `fleet`."""
        window_s = self.over_s(metric, step_s)
        words = {"namespaces": escaped("|".join(literal(name) for name in namespaces))}
        return self._query(
            self.fleet[metric], self._filler(words, window_s), window_s, f" by ({', '.join(BY)}) "
        )

    def fleet_points(self, metric: Metric, kind: str, namespaces: Sequence[str], step_s: int) -> str:
        """The PromQL for points of all workloads of one kind in these namespaces, a series each with the labels of
        OWNED: the figure alone, and only where enough of what it should rest on is measured. Raises KeyError for a
        metric that is not among `fleet`, MetricsUnavailable for a kind whose pods cannot be named."""
        window_s, template = self.over_s(metric, step_s), self.fleet[metric]
        words = {"namespaces": escaped("|".join(literal(name) for name in namespaces)), "kind": kind}
        fill = self._filler(words, window_s)
        label, names = (kind, "(.+)") if self.by_workload(metric) else ("pod", escaped(any_pod(kind)))
        value, sample, measured, expected = (fill(text) for text in template.texts)

        def owned(how: str, text: str) -> str:
            told = f'label_replace({text}, "{OWNED[1]}", "$1", "{label}", "{names}")'
            return f"{how} by ({', '.join(OWNED)}) ({told})"

        points = owned("sum", value)
        if measured:
            covered, due = owned("sum", measured), owned("sum", expected)
            if "$window" in template.value:
                begun = f"min by ({', '.join(BY)}) (min_over_time(timestamp({expected}){fill('[$window:$step]')}))"
                covered = f"({covered} * {self._lived(owned('min', begun), window_s)} or {covered})"
            points = f"({points} and {covered} >= {COVERED} * {due} - 1e-9)"
        return _joined({"value": points, "clusters": _clusters(sample)})

    def _lived(self, first: str, window_s: int) -> str:
        """The share of the window that a workload was there for, as `coverage.kept` makes it of a number."""
        lost, there = f"4 / {window_s // self.scrape_s}", self.scrape_s / 4
        share = f"clamp_max((time() - {first} + {there:g}) / {window_s}, 1)"
        return f"clamp((1 + {lost}) * {share} - {lost}, 0, 1)"

    def by_workload(self, metric: Metric) -> bool:
        """Whether a fleet's template gives series of workloads, not of pods."""
        return "$kind" in self.fleet[metric].value or "${kind}" in self.fleet[metric].value

    def _query(self, template: Template, fill: Callable[[str], str], window_s: int, by: str = "") -> Query:
        value, sample, measured, expected = (fill(text) for text in template.texts)
        newest = f"max{by}(timestamp({sample} offset -{_LEADS}s)) or max{by}(timestamp({sample}))"
        counted = {"measured": measured, "expected": expected} if measured else {}
        over_time = window_s if "$window" in template.value else 0
        if by and counted and over_time:
            steps = fill("[$window:$step]")
            counted["first"] = f"min{by}(min_over_time(timestamp({expected}){steps}))"
        counted["clusters"] = _clusters(sample)
        return Query(
            instant=_joined({"value": value, "newest": newest, **counted}),
            ranged=_joined({"value": value, **counted}),
            window_s=over_time,
            clusters=_joined({"clusters": _of_clusters(sample)}),
        )

    def series(self, metric: Metric, target: Target) -> Mapping[str, str]:
        """A selector of each series that the figure asks for, by the series' name, filled in for one workload."""
        fill = self._filler(_words_of(target), self.over_s(metric))
        found: dict[str, str] = {}
        for text in self.by_metric[metric].texts:
            for name, matchers in _SELECTOR.findall(fill(text)):
                if name not in found or len(matchers) < len(found[name]):
                    found[name] = matchers
        return found

    def digest(self, metric: Metric) -> str:
        """What a stored answer depends on: another template is another series."""
        texts = self.by_metric[metric].texts
        labels = sorted(self.labels.items())
        return digest_of([*texts, labels, self.scrape_s, list(self.replica_labels)])

    def counts(self, metric: Metric) -> bool:
        """Whether the answer says how much it covers."""
        return bool(self.by_metric[metric].measured)

    def _filler(self, of: Mapping[str, str], window_s: int) -> Callable[[str], str]:
        words = {
            **of,
            "window": f"{window_s}s",
            "scrape": f"{self.scrape_s}s",
            "step": f"{self.scrape_s * 250}ms",
            "window_s": str(window_s),
            "scrape_s": str(self.scrape_s),
            "samples": str(window_s // self.scrape_s),
            "replicas": ", ".join(self.replica_labels),
            "labels": "".join(f',{name}="{escaped(value)}"' for name, value in sorted(self.labels.items())),
        }

        def put(found: re.Match[str]) -> str:
            return "$" if found[1] else words[found[2] or found[3]]

        return lambda text: _PLACEHOLDER.sub(put, text)


def _words_of(target: Target) -> dict[str, str]:
    return {
        "namespace": escaped(target.namespace or ""),
        "workload": escaped(target.name),
        "kind": target.kind,
        "pods": escaped(pattern(target)),
    }


def escaped(text: str) -> str:
    """Text within PromQL's double quotes, so that it cannot end them (the escapes are Go's)."""
    return "".join(_ESCAPES.get(c, c if c.isprintable() else f"\\U{ord(c):08x}") for c in text)


_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n"}


def placeholders(text: str) -> frozenset[str]:
    """The names of the placeholders that a text uses."""
    return frozenset(found[2] or found[3] for found in _PLACEHOLDER.finditer(text) if not found[1])


def _of_clusters(sample: str) -> str:
    return f"count by ({CLUSTER}) ({sample})"


def _clusters(sample: str) -> str:
    """How many clusters the series are of, where they are of several."""
    told = f'label_replace({_of_clusters(sample)}, "told", "1", "{CLUSTER}", ".+")'
    return f"max(count by (told) ({told})) > 1"


PART = "flyball"
"""The label that tells the parts of one answer apart."""


def _joined(parts: Mapping[str, str]) -> str:
    """Several expressions in one query, so that all are evaluated at the same time: each is marked by a label.
    The line ends keep a comment in an operator's expression from swallowing what follows."""
    marked = (f'label_replace((\n{text}\n), "{PART}", "{name}", "", "")' for name, text in parts.items())
    return " or ".join(marked)
