"""One governed scale against the bare GET and PATCH that it stands on, on the same real apiserver in one run.

Own CPU is this process's (user and system), fsyncs are counted by strace in a child that does the same.
"""

import argparse
import asyncio
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from audit.clock import SystemClock
from flyball.settings import load
from flyball.wiring import App, open_app
from tests.bench.report import Row
from tests.e2e.policy import write
from tests.real import assets
from tests.real.cluster import Namespace
from tests.real.controlplane import ControlPlane
from tools.actions import registry
from tools.cluster.api import Api
from tools.cluster.connect import connect
from tools.cluster.patches import Write, send
from tools.path.outcome import Applied
from tools.path.requests import build

NAMESPACE = "bench"
ONE = f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments/web"
SYNCS = ("fsync", "fdatasync")


@dataclass(frozen=True)
class Cost:
    """Medians over the rounds: wall and own CPU of one action, in milliseconds."""

    wall_ms: float
    cpu_ms: float


def run(argv: list[str]) -> list[Row]:
    """The bench's rows; the child of the fsync count comes in by `--count`."""
    options = argparse.ArgumentParser(prog="bench path")
    options.add_argument("--rounds", type=int, default=100)
    options.add_argument("--count", nargs=2, metavar=("KUBECONFIG", "FOLDER"), help=argparse.SUPPRESS)
    given = options.parse_args(argv)
    if given.count:
        asyncio.run(_governed(Path(given.count[0]), Path(given.count[1]), given.rounds))
        return []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        plane = ControlPlane(folder / "plane", assets.locate()).start()
        try:
            return _measured(plane, folder, given.rounds)
        finally:
            plane.stop()


def _measured(plane: ControlPlane, folder: Path, rounds: int) -> list[Row]:
    namespace = Namespace(plane, NAMESPACE, folder)
    namespace.workload("web", 2)
    namespace.settled("web")
    # held still, so that its status writes do not turn some of the writes into conflicts
    os.kill(plane.pids["kube-controller-manager"], signal.SIGSTOP)
    write(folder / "policies", "real", NAMESPACE)
    bare = asyncio.run(_bare(plane.kubeconfig, rounds))
    governed = asyncio.run(_governed(plane.kubeconfig, folder, rounds))
    return [
        Row("bare GET and PATCH, wall ms", bare.wall_ms),
        Row("governed scale, wall ms", governed.wall_ms, governed.wall_ms / bare.wall_ms),
        Row("bare GET and PATCH, own CPU ms", bare.cpu_ms),
        Row("governed scale, own CPU ms", governed.cpu_ms, governed.cpu_ms / bare.cpu_ms),
        Row("own CPU more, ms", governed.cpu_ms - bare.cpu_ms, bar="<= 2"),
        *_syncs(plane.kubeconfig, folder),
    ]


async def _bare(kubeconfig: Path, rounds: int) -> Cost:
    """What anybody would write by hand: read it, patch the scale, on one kept-alive connection."""
    cluster = await connect("real", kubeconfig, clock=SystemClock())
    api: Api = cluster.api

    async def once(number: int) -> None:
        seen = await api.get(ONE)
        version = seen["metadata"]["resourceVersion"]
        body = {"metadata": {"resourceVersion": version}, "spec": {"replicas": 2 + number % 2}}
        await send(api, Write(f"{ONE}/scale", body, "bare", uuid.uuid4().hex))

    try:
        return await _timed(once, rounds)
    finally:
        await cluster.close()


async def _governed(kubeconfig: Path, folder: Path, rounds: int) -> Cost:
    flags = {
        "context": "real",
        "kubeconfig": str(kubeconfig),
        "namespace": NAMESPACE,
        "state": str(folder / "state"),
    }
    settings = load({**flags, "policies": str(folder / "policies"), "pinned": str(folder / "pinned")})
    async with AsyncExitStack() as stack:
        app = await stack.enter_async_context(open_app(settings))

        async def once(number: int) -> None:
            result = await app.executor.execute(_request(app, 3 + number % 2))
            assert isinstance(result, Applied), result

        return await _timed(once, rounds)


def _request(app: App, replicas: int) -> Any:
    args = registry.parse(registry.action("scale").args, {"workload": "deployment/web", "replicas": replicas})
    return build(
        "scale", args, id=str(uuid.uuid4()), principal=app.identity.by_hand(), cluster="real",
        namespace=NAMESPACE, mode="live",
    )  # fmt: skip


async def _timed(once: Callable[[int], Awaitable[None]], rounds: int) -> Cost:
    for warm in range(5):
        await once(warm)
    walls, cpus = [], []
    for number in range(rounds):
        wall, cpu = time.perf_counter(), time.process_time()
        await once(number + 1)
        cpus.append((time.process_time() - cpu) * 1000)
        walls.append((time.perf_counter() - wall) * 1000)
    return Cost(statistics.median(walls), statistics.median(cpus))


def _syncs(kubeconfig: Path, folder: Path) -> list[Row]:
    """What twenty actions more cost: the log's own syncs, and its upkeep (pinned checkpoint, folding the WAL)."""
    if shutil.which("strace") is None:
        return [Row("fsyncs an action: not measured, no strace here", float("nan"), bar="<= 2")]
    few, many = (_count(kubeconfig, folder, rounds) for rounds in (5, 25))
    own, upkeep = ((after - before) / 20 for before, after in zip(few, many, strict=True))
    return [Row("fsyncs an action", own, bar="<= 2"), Row("fsyncs of upkeep an action", upkeep)]


def _count(kubeconfig: Path, folder: Path, rounds: int) -> tuple[int, int]:
    """Syncs of the log's WAL, which acknowledgements wait for, and all others."""
    trace = folder / f"trace-{rounds}"
    own = ["-m", "tests.bench", "path", "--rounds", str(rounds), "--count", str(kubeconfig), str(folder)]
    command = [
        "strace",
        "-f",
        "-y",
        "-qq",
        "-e",
        f"trace={','.join(SYNCS)}",
        "-o",
        str(trace),
        sys.executable,
        *own,
    ]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    lines = [line for line in trace.read_text().splitlines() if any(f"{name}(" in line for name in SYNCS)]
    wal = sum("audit.db-wal>" in line for line in lines)
    return wal, len(lines) - wal
