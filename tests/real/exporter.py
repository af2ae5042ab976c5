"""What kubelets, cAdvisor and OpenTelemetry's SDKs would export of the running pods: `python -m tests.real.exporter`.

    container_cpu_usage_seconds_total, container_memory_working_set_bytes, container_oom_events_total,
    container_cpu_cfs_periods_total, container_cpu_cfs_throttled_periods_total: as the kubelet's /metrics/cadvisor,
    once a container and once a pod (an empty `container`), as cAdvisor does
    http_server_request_duration_seconds_bucket, _sum and _count: OpenTelemetry's semantic conventions for HTTP
    kubelet_volume_stats_used_bytes, _available_bytes, _capacity_bytes: as the kubelet's /metrics, of each claim

Counters integrate each pod's share of its workload's demand over real time, from the pod's first sight on.
"""

import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.real.demand import Share, shares
from tests.real.rest import Refused, Rest
from tools.cluster.objects import claims_of

PERIODS_A_SECOND = 10
"""The kernel's CFS period is 100 ms."""
BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)
"""The boundaries that the semantic conventions advise."""
_HTTP = "http_server_request_duration_seconds"


@dataclass
class Counters:
    """What one pod has used and served since it was first seen."""

    cpu_s: float = 0
    periods: float = 0
    throttled: float = 0
    served: dict[str, float] = field(default_factory=lambda: {"200": 0.0, "500": 0.0})

    def run(self, share: Share, seconds: float) -> None:
        """Let that time pass under that share of the load."""
        demand, part = share.demand, float(share.of)
        periods = PERIODS_A_SECOND * seconds if part else 0
        self.cpu_s += demand.cpu / 1000 * part * seconds
        self.periods += periods
        self.throttled += periods * demand.throttled_ppm / 1e6
        requests = demand.rps * part * seconds
        self.served["500"] += requests * demand.errors_ppm / 1e6
        self.served["200"] += requests * (1 - demand.errors_ppm / 1e6)


class Meter:
    """Looks at the cluster again and again; between two looks the last one holds."""

    def __init__(self, api: Rest) -> None:
        self._api, self._lock = api, threading.Lock()
        self._shares: list[Share] = []
        self._counters: dict[str, Counters] = {}
        self._at = time.monotonic()

    def look(self) -> None:
        """Take over who runs now, and what each has to do."""
        found = shares(self._api)
        with self._lock:
            self._pass()
            self._shares = found

    def text(self) -> str:
        """The exposition, as of now."""
        with self._lock:
            self._pass()
            lines = [line for share in self._shares for line in _lines(share, self._of(share))]
        return "\n".join([*dict.fromkeys(lines), ""])  # two pods of a node mount one claim once

    def _pass(self) -> None:
        now = time.monotonic()
        for share in self._shares:
            self._of(share).run(share, now - self._at)
        self._at = now

    def _of(self, share: Share) -> Counters:
        return self._counters.setdefault(share.pod["metadata"]["uid"], Counters())


def _lines(share: Share, counters: Counters) -> Iterator[str]:
    meta, spec = share.pod["metadata"], share.pod["spec"]
    pod = f'namespace="{meta["namespace"]}",pod="{meta["name"]}"'
    first = spec["containers"][0]
    used = float(share.demand.memory * share.of)
    for name, image in ((first["name"], first["image"]), ("", "")):
        labels = f'{pod},container="{name}",image="{image}",node="{spec["nodeName"]}"'
        yield f"container_cpu_usage_seconds_total{{{labels}}} {counters.cpu_s!r}"
        yield f"container_memory_working_set_bytes{{{labels}}} {used!r}"
        yield f"container_cpu_cfs_periods_total{{{labels}}} {counters.periods!r}"
        yield f"container_cpu_cfs_throttled_periods_total{{{labels}}} {counters.throttled!r}"
        yield f"container_oom_events_total{{{labels}}} {_killed(share)}"
    yield from _volume_lines(share)
    if share.demand.latency_us:
        yield from _http_lines(pod, share.demand.latency_us / 1e6, counters)


def _http_lines(pod: str, longest_s: float, counters: Counters) -> Iterator[str]:
    """Latencies are spread evenly from zero to the longest, so the part below a boundary is a proportion."""
    for status, count in counters.served.items():
        labels = f'{pod},http_request_method="GET",http_route="/",http_response_status_code="{status}"'
        for boundary in BUCKETS_S:
            below = count * min(1.0, boundary / longest_s)
            yield f'{_HTTP}_bucket{{{labels},le="{boundary}"}} {below!r}'
        yield f'{_HTTP}_bucket{{{labels},le="+Inf"}} {count!r}'
        yield f"{_HTTP}_sum{{{labels}}} {count * longest_s / 2!r}"
        yield f"{_HTTP}_count{{{labels}}} {count!r}"


def _volume_lines(share: Share) -> Iterator[str]:
    """Of each claim that the pod mounts, by the node, as each kubelet is scraped by itself."""
    meta, spec, demand = share.pod["metadata"], share.pod["spec"], share.demand
    parts = {"used": demand.disk, "available": demand.holds - demand.disk, "capacity": demand.holds}
    for claim in claims_of(spec) if demand.holds else ():
        labels = (
            f'namespace="{meta["namespace"]}",persistentvolumeclaim="{claim}",instance="{spec["nodeName"]}"'
        )
        yield from (f"kubelet_volume_stats_{part}_bytes{{{labels}}} {value}" for part, value in parts.items())


def _killed(share: Share) -> int:
    """How often the kubelet says that memory ended its first container."""
    first = share.pod["status"]["containerStatuses"][0]
    reason = first.get("lastState", {}).get("terminated", {}).get("reason")
    return int(first["restartCount"]) if reason == "OOMKilled" else 0


def serve(kubeconfig: Path, port: int, look_s: float) -> None:
    """Run until the process ends; who runs is looked at every `look_s` seconds."""
    meter = Meter(Rest(kubeconfig))

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = meter.text().encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing is printed."""

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    while True:
        try:
            meter.look()
        except (Refused, OSError) as error:
            print(f"look: {error!r}", flush=True)
        time.sleep(look_s)


if __name__ == "__main__":
    serve(Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]))
