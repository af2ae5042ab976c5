"""`./dev bench tuning_pass [--workloads N] [--strategies NAME…] [--passes N]`: an agent's whole pass.

The product as it is installed: the real adapters of Kubernetes and Prometheus over HTTP, policy, gate and a log on
disk. Cluster and Prometheus are a process of their own (tests/bench/fleet_server.py); CPU and memory are those of
Flyball's. The first pass fetches all of the past, the others what has come since. The raw limit in the same run is to
fetch the bytes that Prometheus sent and to parse their JSON.
"""

import argparse
import asyncio
import cProfile
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import orjson

from flyball.settings import load
from flyball.tuning_pass import plan_as
from flyball.wiring import App, open_app
from tests.bench.report import Row
from tests.kit.installation import LOCAL, allow, doc, write_policy
from tests.tools.cluster.fake_server import kubeconfig

CONTEXT, AGENT = "here", "agent:night"
WORKLOADS, BAR_S, BAR_MB = 10_000, 60, 1500
_EVERYWHERE: dict[str, Any] = {"clusters": [CONTEXT], "namespaces": ["team*"], "names": ["*"]}


def run(argv: list[str]) -> list[Row]:
    options = argparse.ArgumentParser(prog="bench tuning_pass")
    options.add_argument("--workloads", type=int, default=WORKLOADS)
    options.add_argument("--strategies", nargs="*", default=["hpa-formula"])
    options.add_argument("--autonomy", choices=("observe", "recommend"), default="observe")
    options.add_argument("--passes", type=int, default=2)
    options.add_argument("--profile", type=Path, help="where to write the profile of the last pass")
    given = options.parse_args(argv)
    with tempfile.TemporaryDirectory(prefix="flyball-bench-") as folder, _served(given.workloads) as port:
        return asyncio.run(_measured(Path(folder), port, given))


async def _measured(folder: Path, port: int, given: argparse.Namespace) -> list[Row]:
    rows = list[Row]()
    async with open_app(load(_settings(folder, port, given))) as app:
        for number in range(given.passes):
            name = "first pass" if number == 0 else f"pass {number + 1}"
            cpu_s = await _passed(
                app, f"r-{number:012}", given.profile if number == given.passes - 1 else None
            )
            rows += _rows(name, cpu_s, given.workloads)
            raw_s = await _raw(port)
            rows.append(Row(f"{name}: the same answers fetched and parsed only (s)", raw_s, raw_s / cpu_s))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return [*rows, Row("memory at most (MB)", peak, None, f"<= {BAR_MB}")]


async def _passed(app: App, run_id: str, profiled: Path | None) -> float:
    """One pass; the CPU that it took."""
    profile, begun = cProfile.Profile(), time.process_time()
    if profiled:
        profile.enable()
    done = (await plan_as(app, AGENT, run_id)).done
    profile.disable()
    cpu_s = time.process_time() - begun
    if profiled:
        profile.dump_stats(profiled)
    print(run_id, dict(Counter(row.proposal.why for row in done.rows)), file=sys.stderr)
    return cpu_s


async def _raw(port: int) -> float:
    """What Prometheus was asked in the pass, asked again and parsed; the CPU that it took."""
    async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as http:
        asked = (await http.get("/asked")).json()
        begun = time.process_time()
        for path, form in asked:
            orjson.loads((await http.post(path, data=form)).content)
        took = time.process_time() - begun
        await http.get("/asked")  # forgets what was asked again
    return took


def _rows(name: str, cpu_s: float, workloads: int) -> list[Row]:
    whole = workloads == WORKLOADS
    found = [Row(f"{name}: CPU (s)", cpu_s, None, f"<= {BAR_S}" if whole else "")]
    found.append(Row(f"{name}: CPU a workload (ms)", cpu_s * 1000 / workloads))
    if not whole:
        found.append(Row(f"{name}: extrapolated to {WORKLOADS} workloads (s)", cpu_s * WORKLOADS / workloads))
    return found


def _settings(folder: Path, port: int, given: argparse.Namespace) -> dict[str, str | None]:
    server = f"http://127.0.0.1:{port}"
    return {
        "context": CONTEXT, "namespace": "team000", "state": str(folder / "state"), "base": "no",
        "pinned": str(folder / "pinned"), "kubeconfig": str(kubeconfig(folder, server, user="")),
        "prometheus_url": server, "policies": str(write_policy(folder / "policies", _policy(given))),
    }  # fmt: skip


def _policy(given: argparse.Namespace) -> list[dict[str, Any]]:
    night = doc("Agent", "night", {
        "owner": "local", "roles": ["operator"], "autonomy": given.autonomy, "scope": _EVERYWHERE,
        "schedule": {"cron": "0 3 * * *", "zone": "UTC"}, "strategy": given.strategies,
    })  # fmt: skip
    reads, scaling = allow("reads", ["read"], _EVERYWHERE), {"replicas": {"min": 1, "max": 100}}
    return [LOCAL, night, reads, allow("scaling", ["scale"], _EVERYWHERE, limits=scaling)]


@contextmanager
def _served(workloads: int) -> Iterator[int]:
    """The port of the cluster and Prometheus."""
    command = [sys.executable, "-m", "tests.bench.fleet_server", str(workloads)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield int(process.stdout.readline())
        finally:
            process.kill()
