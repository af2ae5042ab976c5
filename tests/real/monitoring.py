"""kube-state-metrics, the exporter, and a Prometheus that scrapes both, beside a control plane."""

import contextlib
import http.client
import json
import sys
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlencode

from tests.real.controlplane import ControlPlane
from tests.real.pace import QUICK, Pace
from tests.real.processes import Processes, free_ports
from tests.real.written import Scrapes, write

SCRAPE_S = QUICK.scrape_s
_RESOURCES = "pods,deployments,statefulsets,replicasets,horizontalpodautoscalers"
_CONFIG = """global: {{scrape_interval: {scrape}s, scrape_timeout: {scrape}s}}
storage: {{tsdb: {{retention: {{time: {keeps}}}, out_of_order_time_window: {keeps}}}}}
scrape_configs:
- {{job_name: kube-state-metrics, honor_labels: true, static_configs: [{{targets: ["127.0.0.1:{state}"]}}]}}
- {{job_name: pods, honor_labels: true, static_configs: [{{targets: ["127.0.0.1:{exporter}"]}}]}}
"""


class Prometheus:
    """One Prometheus and what it scrapes. They die with this process. `keeps` (a duration) is how far back its
    samples go, also those that are written to it."""

    def __init__(
        self,
        plane: ControlPlane,
        folder: Path,
        binaries: dict[str, Path],
        keeps: str = "1h",
        pace: Pace = QUICK,
    ) -> None:
        folder.mkdir(parents=True)
        self._plane, self._folder, self._binaries, self._keeps = plane, folder, binaries, keeps
        self._pace = pace
        self._processes = Processes(folder / "log")
        names = ("prometheus", "kube-state-metrics", "telemetry", "exporter")
        self._ports = dict(zip(names, free_ports(len(names)), strict=True))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._ports['prometheus']}"

    def launch(self) -> "Prometheus":
        """Everything up and scraped, or DidNotStart with nothing left running."""
        try:
            config = _CONFIG.format(
                scrape=self._pace.scrape_s,
                keeps=self._keeps,
                state=self._ports["kube-state-metrics"],
                exporter=self._ports["exporter"],
            )
            (self._folder / "prometheus.yml").write_text(config)
            self._processes.run("kube-state-metrics", *self._state_metrics())
            words = (str(self._plane.kubeconfig), str(self._ports["exporter"]), str(self._pace.look_s))
            self._processes.run("exporter", sys.executable, "-m", "tests.real.exporter", *words)
            self.start()
            self._processes.wait("prometheus", self._scrapes)
        except BaseException:
            self.close()
            raise
        return self

    def start(self) -> None:
        """Start it (again, on the same port and data) and wait until it answers."""
        self._processes.run("prometheus", *self._prometheus())
        self._processes.wait("prometheus", lambda: self._get("/-/ready")[0] == 200)

    def stop(self) -> None:
        """As a crash would: what it serves is gone, what it scrapes goes on."""
        self._processes.end("prometheus")

    def restart(self) -> None:
        """It comes back with what it had stored, and a gap."""
        self.stop()
        self.start()

    @contextlib.contextmanager
    def stopped(self):  # type: ignore[no-untyped-def]
        """Away for a while."""
        self.stop()
        try:
            yield
        finally:
            self.start()

    def frozen(self) -> AbstractContextManager[None]:
        """SIGSTOP: connections stay open, nobody answers."""
        return self._processes.frozen("prometheus")

    def close(self) -> None:
        self._processes.end_all()

    def write(self, scrapes: Scrapes) -> None:
        """Samples of before it began, stored when this returns."""
        write(self._ports["prometheus"], scrapes)

    def value(self, query: str) -> float | None:
        """The one sample that a query has now, or None; for a test to wait on."""
        status, answer = self._get("/api/v1/query?" + urlencode({"query": query}))
        assert status == 200, answer
        found = json.loads(answer)["data"]["result"]
        return float(found[0]["value"][1]) if found else None

    def _scrapes(self) -> bool:
        return self.value("sum(up)") == 2

    def _get(self, path: str) -> tuple[int, str]:
        connection = http.client.HTTPConnection("127.0.0.1", self._ports["prometheus"], timeout=10)
        with contextlib.closing(connection):
            connection.request("GET", path)
            answer = cast(Any, connection.getresponse())
            return answer.status, answer.read().decode()

    def _state_metrics(self) -> list[str]:
        return [
            str(self._binaries["kube-state-metrics"]),
            f"--kubeconfig={self._plane.kubeconfig}",
            "--host=127.0.0.1",
            f"--port={self._ports['kube-state-metrics']}",
            "--telemetry-host=127.0.0.1",
            f"--telemetry-port={self._ports['telemetry']}",
            f"--resources={_RESOURCES}",
        ]

    def _prometheus(self) -> list[str]:
        return [
            str(self._binaries["prometheus"]),
            f"--config.file={self._folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={self._folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{self._ports['prometheus']}",
            "--web.enable-remote-write-receiver",
            "--log.level=warn",
        ]
