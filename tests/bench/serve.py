"""`./dev bench serve [--seconds N]`: what a service costs that has little to do, on a sandbox of 100 workloads more.

Its memory and its share of a core while it serves, and how long a second one takes to work once the first is killed.
"""

import argparse
import os
import subprocess
import tempfile
import time
from pathlib import Path

from tests.bench.report import Row
from tests.flyball.service.serving import Served, flyball, served

WORKLOADS = 100
_MANIFEST = """apiVersion: apps/v1
kind: Deployment
metadata: {{name: idle-{n:03}, namespace: shop}}
spec:
  replicas: 2
  selector: {{matchLabels: {{app: idle-{n:03}}}}}
  template:
    metadata: {{labels: {{app: idle-{n:03}}}}}
    spec: {{containers: [{{name: app, image: "app:1", resources: {{requests: {{cpu: 20m, memory: 16Mi}}}}}}]}}
"""


def run(argv: list[str]) -> list[Row]:
    options = argparse.ArgumentParser(prog="bench serve")
    options.add_argument("--seconds", type=int, default=60)
    seconds: int = options.parse_args(argv).seconds
    with tempfile.TemporaryDirectory(prefix="flyball-bench-") as folder:
        home = Path(folder)
        _world(home)
        with served(home) as first:
            first.line("active: ")
            with served(home) as second:
                second.line("standby: ")
                busy, memory = _share(first, seconds), _memory_mb(first)
                took = _taken_over(first, second)
                second.end()
    return [
        Row("memory of the service (MB)", memory, bar="<= 250"),
        Row(f"share of a core over {seconds} s (%)", 100 * busy, bar="<= 2"),
        Row("until the standby works after kill -9 (s)", took, bar="<= 10"),
    ]


def _world(home: Path) -> None:
    manifests = home / "idle.yaml"
    manifests.write_text("---\n".join(_MANIFEST.format(n=n) for n in range(WORKLOADS)))
    code, _, said = flyball(home, "sandbox", "load", str(manifests))
    if code:
        raise subprocess.SubprocessError(said)


def _share(one: Served, seconds: int) -> float:
    """Of a core, after a moment in which it settles."""
    time.sleep(5)
    before = _cpu_s(one)
    time.sleep(seconds)
    return (_cpu_s(one) - before) / seconds


def _cpu_s(one: Served) -> float:
    fields = Path(f"/proc/{one.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _memory_mb(one: Served) -> float:
    status = Path(f"/proc/{one.process.pid}/status").read_text()
    (peak,) = [line for line in status.splitlines() if line.startswith("VmHWM")]
    return int(peak.split()[1]) / 1024


def _taken_over(first: Served, second: Served) -> float:
    begun = time.monotonic()
    first.process.kill()
    second.line("active: ")
    return time.monotonic() - begun
