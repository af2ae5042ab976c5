"""Prometheus through the command line: what it measured is what get, describe and `metrics check` say; when it is
away that is said with its hint, and what nobody measured lowers nothing.
"""

from pathlib import Path
from typing import Any

import pytest

from tests.e2e.consoles import measured
from tests.kit.console import Console
from tests.real.cluster import Namespace, eventually
from tests.real.monitoring import SCRAPE_S, Prometheus
from tools.metrics.types import OF_EVERY

pytestmark = pytest.mark.real
WINDOW_S = 8
MIB = 2**20


@pytest.fixture
def console(kube: Namespace, prometheus: Prometheus, tmp_path: Path) -> Console:
    """Pods that use 300m between them, measured every second, with windows of seconds."""
    templates = tmp_path / "metrics.toml"
    templates.write_text(f"scrape_s = {SCRAPE_S}\nwindow_s = {WINDOW_S}\n")
    kube.workload("web", 2)
    kube.settled("web")
    kube.demand("web", "300m", "128Mi", rps=20, latency_us=100_000)
    return measured(kube, tmp_path, prometheus.url, metrics=str(templates))


def test_every_figure_is_told_with_its_age_and_coverage(console: Console, prometheus: Prometheus) -> None:
    found = eventually(lambda: _whole(console), "a whole window of samples", 60)
    assert {name for name, one in found.items() if one["value"] is None} == set()
    assert abs(found["cpu_usage"]["value"] - 300) <= 60, "as in tests/real/test_metrics.py"
    assert found["memory_usage"]["value"] == 128 * MIB
    assert found["replicas"]["value"] == 2
    assert all(one["age_ms"] < 10_000 for one in found.values())
    described = console.ask("describe", "deploy/web", code=0)
    assert described["source"] == "prometheus"
    assert abs(described["metrics"]["cpu_usage"]["value"] - 300) <= 60
    listed = console.ask("get", code=0)
    assert "cpu_usage" in str(listed)
    with prometheus.stopped():
        away = console.ask("metrics", "check", "deploy/web", code=7)
        assert "prometheus_url" in str(away)
        described = console.ask("describe", "deploy/web", code=0)
        assert described["ready"] == 2, "what the cluster says is still shown"
        assert "cpu_usage" in described["missing"]


def _whole(console: Console) -> dict[str, Any] | None:
    """The figures that any workload has, once each has a value: web mounts no volume."""
    told = console.ask("metrics", "check", "deploy/web")["metrics"]
    found = {name: told[name] for name in OF_EVERY}
    return found if all(one["value"] is not None for one in found.values()) else None


def test_a_pod_that_nobody_measures_keeps_the_workload_as_large(kube: Namespace, console: Console) -> None:
    """Three of four pods are idle and the fourth has no sample: it might be the one that works."""
    kube.scale("web", 4)
    kube.settled("web")
    kube.demand("web", "40m", "64Mi")
    hidden = kube.pods("web")[0]["metadata"]["name"]
    kube.unmeasured(hidden)
    for _ in range(3):
        ran = console.ask("tune", "run", "--yes", code=0)
        assert not ran["counts"].get("applied"), ran
    assert kube.get("web")["spec"]["replicas"] == 4
