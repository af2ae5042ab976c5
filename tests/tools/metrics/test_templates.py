"""Templates: each metric has one, an operator's file is read strictly, pods are recognised by their names."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.types import Target
from tests.tools.metrics.kit import WEB
from tools.errors import MetricsUnavailable
from tools.metrics.numbers import whole
from tools.metrics.pods import SAFE, pattern
from tools.metrics.shipped_templates import PRESETS
from tools.metrics.template_file import MetricsConfigInvalid, load
from tools.metrics.templates import Templates, escaped, placeholders
from tools.metrics.types import OF_VOLUMES, Metric

SELECTOR = 'nginx_requests_total{namespace="$namespace",pod=~"$pods"$labels}'
GOOD = f"""
preset = "istio"
scrape_s = 60
labels = {{ cluster = 'prod "eu"' }}
[templates.request_rate]
value = 'sum(rate({SELECTOR}[$window])) # per second'
sample = '{SELECTOR}'
"""


def target(kind: str, name: str) -> Target:
    return Target(cluster="prod", namespace="shop", kind=kind, name=name)


def generated(replicaset: str, suffix: str) -> str:
    """As kube-apiserver makes a pod's name of generateName `<replicaset>-`."""
    return f"{replicaset}-"[:58] + suffix


names = st.from_regex(r"[a-z0-9]([-a-z0-9.]{0,60}[a-z0-9])?", fullmatch=True)
hashes = st.text(SAFE, min_size=1, max_size=10)
suffixes = st.text(SAFE, min_size=5, max_size=5)


@given(names, hashes, suffixes)
def test_every_pod_of_a_deployment_is_matched(name: str, template_hash: str, suffix: str) -> None:
    pod = generated(f"{name}-{template_hash}", suffix)
    assert len(pod) <= 63
    assert re.fullmatch(pattern(target("deployment", name)), pod)


@given(names, names, hashes, suffixes)
def test_pods_of_another_name_are_not(name: str, other: str, template_hash: str, suffix: str) -> None:
    """Names that are alike in their first 47 characters can share pods' names: nothing tells these apart."""
    if name[:46] != other[:46] and not other.startswith(f"{name}-"):
        pod = generated(f"{other}-{template_hash}", suffix)
        assert not re.fullmatch(pattern(target("deployment", name)), pod)


@pytest.mark.parametrize(
    "pod",
    [
        "web-7f5b6c7d9f", "web-7f5b6c7d9f-x2v4", "web-7f5b6c7d9f-x2v4ka", "web-7f5b6c7d9f-aeiou", "web-0",
        "web-api-7f5b6c7d9f-x2v4k", "my-web-7f5b6c7d9f-x2v4k", "web7f5b6c7d9f-x2v4k", "web-7f5b6c7d9f22-x2v4k",
    ],
)  # fmt: skip
def test_near_misses_of_a_deployment(pod: str) -> None:
    assert not re.fullmatch(pattern(target("deployment", "web")), pod)


@pytest.mark.parametrize(
    ("pod", "own"), [("db-0", True), ("db-10", True), ("db-01", False), ("db-a", False), ("db-", False)]
)
def test_a_statefulsets_pods_have_ordinals(pod: str, own: bool) -> None:
    assert bool(re.fullmatch(pattern(target("statefulset", "db")), pod)) is own


def test_a_dot_is_a_dot() -> None:
    assert not re.fullmatch(pattern(target("statefulset", "a.b")), "axb-0")


@pytest.mark.parametrize(("kind", "name", "pod", "own"), [
    ("daemonset", "agent", "agent-x2v4k", True),
    ("daemonset", "agent", "agent-other-x2v4k", False),
    ("daemonset", "agent", "agent-0", False),
    ("daemonset", "a" * 60, "a" * 58 + "x2v4k", True),
    ("job", "migrate", "migrate-x2v4k", True),
    ("job", "migrate", "migrate-0-x2v4k", True),
    ("job", "migrate", "migrate-01-x2v4k", False),
    ("job", "migrate", "migrate-again-x2v4k", False),
])  # fmt: skip
def test_a_daemonsets_and_a_jobs_pods_have_generated_names(kind: str, name: str, pod: str, own: bool) -> None:
    assert bool(re.fullmatch(pattern(target(kind, name)), pod)) is own


def test_other_kinds_are_refused() -> None:
    with pytest.raises(MetricsUnavailable, match="cronjob"):
        pattern(target("cronjob", "web"))


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("metric", Metric)
@pytest.mark.parametrize("kind", ["deployment", "statefulset"])
def test_every_metric_has_a_query_for_this_workload_alone(preset: str, metric: Metric, kind: str) -> None:
    query = Templates(PRESETS[preset], labels={"cluster": "eu"}).query(metric, target(kind, "web"))
    assert "$" not in query.instant
    selectors = re.findall(r"\{([^{}]*=[^{}]*(?:\{[0-9,]+\}[^{}]*)*)\}", query.instant)
    assert selectors
    assert all('namespace="shop"' in s and 'cluster="eu"' in s for s in selectors)
    if metric in OF_VOLUMES:  # by what its pods mount; a claim's name is in no query
        selectors = re.findall(r"kube_pod_\w+\{([^{}]*(?:\{[0-9,]+\}[^{}]*)*)\}", query.instant)
        assert "persistentvolumeclaim=" not in query.instant
    assert all("web" in s for s in selectors)
    assert query.window_s in (0, 300, 3600)


@pytest.mark.parametrize("preset", PRESETS)
def test_counters_are_read_through_functions_that_know_resets(preset: str) -> None:
    """What restarts at zero is read by rate(); the only other counter is taken from the pod's status."""
    for template in PRESETS[preset].values():
        bare = re.sub(r"rate\([^()]*\)", "", template.value)
        assert not re.findall(r"\b(?!kube_)\w+_(?:total|count|bucket)\{", bare)


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("metric", Metric)
def test_what_is_taken_over_a_window_says_what_it_covers(preset: str, metric: Metric) -> None:
    template = PRESETS[preset][metric]
    assert bool(template.measured) is bool(template.expected)
    assert template.measured or "$window" not in template.value


def test_a_figure_and_a_point_have_their_windows() -> None:
    templates = load(None)
    assert templates.over_s(Metric.CPU_USAGE) == 300
    assert templates.over_s(Metric.RESTARTS) == 3600
    assert templates.over_s(Metric.RESTARTS, 600) == 600
    assert templates.over_s(Metric.CPU_USAGE, 15) == 120


def test_an_operators_file_changes_what_it_names(tmp_path: Path) -> None:
    file = tmp_path / "metrics.toml"
    file.write_text(GOOD)
    templates = load(file)
    query = templates.query(Metric.REQUEST_RATE, WEB)
    assert 'nginx_requests_total{namespace="shop"' in query.instant
    assert 'cluster="prod \\"eu\\""' in query.instant
    assert "[300s]" in query.instant
    assert "istio_request_duration" in templates.query(Metric.LATENCY_P95, WEB).instant
    assert templates.digest(Metric.REQUEST_RATE) != load(None).digest(Metric.REQUEST_RATE)


BOUND = 'x{n="$namespace",p=~"$pods"}'


def own(**fields: str) -> str:
    """A file with a template of its own for cpu_usage."""
    return "\n".join(["[templates.cpu_usage]", *(f"{name} = '{text}'" for name, text in fields.items())])


BAD = {
    "broken = ": ("metrics.toml", "correct the file"),
    "colour = 'x'": ("colour", "preset"),
    "preset = 'linkerd'": ("preset", "istio"),
    "scrape_s = '30'": ("scrape_s", "write scrape_s"),
    "scrape_s = true": ("scrape_s", "write scrape_s"),
    "scrape_s = 0": ("scrape_s", "write scrape_s"),
    "window_s = 60": ("window_s", "120 or more"),
    "labels = 'x'": ("labels", "[labels]"),
    "labels = { 'a-b' = 'x' }": ("labels", "letters"),
    "labels = { __name__ = 'x' }": ("labels", "letters"),
    "labels = { a = 1 }": ("labels.a", 'a = "1"'),
    "templates = 1": ("templates", "[templates]"),
    "[templates.cpu]\nvalue = 'x'": ("templates.cpu", "cpu_usage"),
    "[templates]\ncpu_usage = 'sum(x)'": ("templates.cpu_usage", "[templates.cpu_usage]"),
    own(value=BOUND): ("templates.cpu_usage", "sample"),
    own(sample=BOUND): ("templates.cpu_usage", "value"),
    own(query=BOUND): ("templates.cpu_usage.query", "value"),
    own(value="sum(x)", sample=BOUND): ("templates.cpu_usage.value", "namespace"),
    own(value=" ", sample=BOUND): ("templates.cpu_usage.value", "write"),
    own(value='x{n="$namespace",p="$pod"}', sample=BOUND): ("cpu_usage.value", "$pods"),
    own(value='x{n="$namespace"}', sample=BOUND): ("cpu_usage.value", "$pods"),
    own(value='x{p="$pods"}', sample=BOUND): ("cpu_usage.value", "$namespace"),
    own(value=BOUND, sample=f"sum({BOUND})"): ("cpu_usage.sample", "selector"),
    own(value=BOUND, sample=f"{BOUND} offset 5m"): ("cpu_usage.sample", "selector"),
    own(value=BOUND, sample=BOUND, measured="y"): ("templates.cpu_usage", "both"),
}


@pytest.mark.parametrize("text", BAD)
def test_a_file_that_is_not_understood_is_an_error(text: str, tmp_path: Path) -> None:
    where, hint = BAD[text]
    file = tmp_path / "metrics.toml"
    file.write_text(text)
    with pytest.raises(MetricsConfigInvalid) as caught:
        load(file)
    error = caught.value
    assert str(file) in error.where
    assert where in error.where + error.what
    assert any(part in error.hint for part in hint.split("|")), error.hint


@pytest.mark.parametrize("content", [None, b"\xff\xfe", b"#" * 2_000_000])
def test_a_file_that_cannot_be_read_is_an_error(content: bytes | None, tmp_path: Path) -> None:
    file = tmp_path / "metrics.toml"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(MetricsConfigInvalid):
        load(file)


def test_a_dollar_can_be_written() -> None:
    assert placeholders("a$$b ${kind} $pods") == {"kind", "pods"}


@given(st.text())
def test_escaped_text_never_ends_its_quotes(text: str) -> None:
    inside = escaped(text)
    assert "\n" not in inside
    assert re.fullmatch(r'(?:[^"\\]|\\(?:\\|"|n|U[0-9a-f]{8}))*', inside)


@pytest.mark.parametrize(
    ("metric", "text", "v"),
    [
        (Metric.CPU_USAGE, "0.18000000000000002", 180),
        (Metric.CPU_USAGE, "0.1801", 181),
        (Metric.CPU_USAGE, "1e-7", 1),
        (Metric.CPU_REQUESTS, "0.2509", 250),
        (Metric.MEMORY_USAGE, "1.34217728e+08", 134_217_728),
        (Metric.LATENCY_P95, "0.0123456789", 12_346),
        (Metric.ERROR_RATE, "0", 0),
        (Metric.RESTARTS, "3", 3),
    ],
)
def test_figures_are_rounded_to_the_safer_side(metric: Metric, text: str, v: int) -> None:
    assert whole(metric, text) == v
