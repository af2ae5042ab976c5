"""A clock that is set by hand, a workload, and a reader on a fake Prometheus."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from audit.clock import SystemClock
from policies.types import Target
from tests.tools.metrics.fake_prometheus import FakePrometheus
from tools.metrics.prometheus.access import Access
from tools.metrics.prometheus.address import parse
from tools.metrics.prometheus.client import Caps
from tools.metrics.prometheus.reader import PrometheusMetrics
from tools.metrics.template_file import load
from tools.metrics.templates import Templates

NOW = 1_767_225_600_000
"""2026-01-01T00:00:00Z, on the grid of every step that divides a day."""
WEB = Target(cluster="prod", namespace="shop", kind="deployment", name="web")
PATIENT = Caps(connect_s=60.0, silent_s=60.0, total_s=120.0)
"""A busy machine is not a fault of the server: only tests of deadlines give shorter ones."""


class SetClock(SystemClock):
    def __init__(self, now_ms: int = NOW) -> None:
        self.now_ms = now_ms

    def wall_ms(self) -> int:
        return self.now_ms


@asynccontextmanager
async def asking(
    fake: FakePrometheus,
    *,
    clock: SetClock | None = None,
    templates: Templates | None = None,
    caps: Caps = PATIENT,
    **access: Any,
) -> AsyncIterator[PrometheusMetrics]:
    """The real adapter on the fake server."""
    address = parse(access.pop("url", f"http://127.0.0.1:{fake.port}"))
    reader = PrometheusMetrics(Access(address, **access), templates or load(None), clock or SetClock(), caps)
    try:
        yield reader
    finally:
        await reader.close()
