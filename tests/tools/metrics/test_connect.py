"""open_metrics: which source the settings mean, and settings that mean none."""

import asyncio
from collections import defaultdict
from pathlib import Path

import pytest

from flyball.settings import TABLE
from tests.tools.metrics.fake_prometheus import FakePrometheus
from tests.tools.metrics.kit import NOW, WEB, SetClock
from tests.tools.metrics.test_kubernetes_metrics import cluster
from tools.metrics.connect import Metrics, open_metrics
from tools.metrics.template_file import MetricsConfigInvalid
from tools.metrics.types import Metric, Span


async def opened(folder: Path, **given: str) -> Metrics:
    on = cluster()
    return await open_metrics(defaultdict(str, given), on, on, SetClock(), folder)  # type: ignore[arg-type]


def test_without_an_address_it_is_the_clusters_own(tmp_path: Path) -> None:
    async def run() -> None:
        reader = await opened(tmp_path)
        assert reader.source == "metrics.k8s.io"
        assert (await reader.latest(Metric.CPU_USAGE, WEB, NOW)).v == 321
        await reader.close()

    asyncio.run(run())
    assert not list(tmp_path.iterdir())


def test_with_an_address_it_is_prometheus_with_a_history(tmp_path: Path) -> None:
    async def run() -> None:
        fake = FakePrometheus(NOW)
        fake.grow(NOW - 3_600_000, NOW, 60, lambda _: "0.25")
        async with fake.up():
            reader = await opened(
                tmp_path, prometheus_url=f"http://localhost:{fake.port}", prometheus_token="t"
            )
            assert reader.source == "prometheus"
            assert (await reader.latest(Metric.CPU_USAGE, WEB, NOW)).v == 250
            series = await reader.history(Metric.CPU_USAGE, WEB, Span(NOW - 3_600_000, NOW, 60))
            assert set(series.values) == {250}
            await reader.close()

    asyncio.run(run())
    assert (tmp_path / "metrics.db").exists()


def test_what_prometheus_has_not_is_not_taken_from_elsewhere(tmp_path: Path) -> None:
    async def run() -> None:
        fake = FakePrometheus(NOW)
        async with fake.up():
            reader = await opened(tmp_path, prometheus_url=f"http://127.0.0.1:{fake.port}")
            assert (await reader.latest(Metric.CPU_USAGE, WEB, NOW)).missing == "no_data"
            await reader.close()

    asyncio.run(run())


@pytest.mark.parametrize(
    "given",
    [
        {"prometheus_token": "t"},
        {"prometheus_tenant": "t"},
        {"prometheus_url": "prometheus:9090"},
        {"prometheus_url": "https://p", "prometheus_ca": "/nowhere/ca.pem"},
        {"metrics": "/nowhere/metrics.toml"},
    ],
)
def test_settings_that_mean_nothing_are_told(given: dict[str, str], tmp_path: Path) -> None:
    with pytest.raises(MetricsConfigInvalid) as caught:
        asyncio.run(opened(tmp_path, **given))
    assert caught.value.where
    assert caught.value.hint


def test_the_settings_are_in_the_table() -> None:
    names = {setting.name for setting in TABLE if setting.name.startswith("prometheus_")}
    assert names == {
        f"prometheus_{part}" for part in ("url", "token", "token_file", "ca", "cert", "key", "tenant")
    }
    assert next(setting for setting in TABLE if setting.name == "prometheus_token").secret
