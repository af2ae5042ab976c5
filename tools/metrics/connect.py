"""From settings to a MetricsReader: Prometheus where one is configured, else metrics.k8s.io.

It is one or the other, never a mixture: where Prometheus is away or has no series, that is what is said. A figure
of another source in its place would have another meaning (a latest sample for an average of five minutes), and
what a decision rests on would depend on who was up.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from audit.clock import Clock
from tools.metrics.kubernetes import KubernetesMetrics
from tools.metrics.template_file import MetricsConfigInvalid, load
from tools.metrics.types import MetricsReader
from tools.ports import ClusterReader, UsageReader

if TYPE_CHECKING:
    from tools.metrics.prometheus.access import Access

HISTORY = "metrics.db"
_NEED_ADDRESS = (
    "prometheus_token",
    "prometheus_token_file",
    "prometheus_ca",
    "prometheus_cert",
    "prometheus_key",
)


class Resolved(Protocol):
    """Settings by name; empty where not set."""

    def __getitem__(self, name: str) -> str: ...


class Metrics(MetricsReader, Protocol):
    """A reader that holds connections and files: close it at the end."""

    async def close(self) -> None: ...


async def open_metrics(
    settings: Resolved, reader: ClusterReader, usage: UsageReader, clock: Clock, folder: Path
) -> Metrics:
    """The reader that the settings prometheus_* and `metrics` describe; its history is stored in `folder`.

    Nothing is asked of Prometheus yet. Raises MetricsConfigInvalid for settings, files and templates that are
    not as documented, and what ClusterReader.identity raises.
    """
    file = _path(settings, "metrics")
    templates = load(file)
    if not settings["prometheus_url"]:
        if alone := next((name for name in (*_NEED_ADDRESS, "prometheus_tenant") if settings[name]), None):
            hint = "set prometheus_url too, or take it out"
            raise MetricsConfigInvalid(
                "there is no prometheus_url that it could be for", where=alone, hint=hint
            )
        return KubernetesMetrics(reader, usage)
    from tools.metrics.cached_reader import CachedReader
    from tools.metrics.history import HistoryStore
    from tools.metrics.prometheus.reader import PrometheusMetrics

    identity = await reader.identity()
    source = PrometheusMetrics(_access(settings), templates, clock)
    try:
        return CachedReader(source, HistoryStore(folder / HISTORY), clock, identity.uid)
    except BaseException:
        await source.close()
        raise


def _access(settings: Resolved) -> "Access":
    from tools.metrics.prometheus.access import Access
    from tools.metrics.prometheus.address import parse

    return Access(
        address=parse(settings["prometheus_url"]),
        token=settings["prometheus_token"],
        token_file=_path(settings, "prometheus_token_file"),
        ca=_path(settings, "prometheus_ca"),
        cert=_path(settings, "prometheus_cert"),
        key=_path(settings, "prometheus_key"),
        tenant=settings["prometheus_tenant"],
    )


def _path(settings: Resolved, name: str) -> Path | None:
    return Path(settings[name]).expanduser() if settings[name] else None
