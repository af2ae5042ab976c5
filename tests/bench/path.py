"""One governed scale against the bare GET and PATCH that it stands on, on the same real apiserver in one run.

The two take turns, so that both meet the machine in the same state: one action at a time, as actions come, with
whatever else runs in between. Own CPU is this process's (user and system, all threads); the time that the log's
syncs take is reported apart; fsyncs are counted by strace in a child that does the same.
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
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from audit.clock import SystemClock
from audit.log import Log
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
    """Medians over the rounds: wall, own CPU, and waiting for the log's commits, of one action, in milliseconds."""

    wall_ms: float
    cpu_ms: float
    commits_ms: float


Once = Callable[[int], Awaitable[None]]


def run(argv: list[str]) -> list[Row]:
    """The bench's rows; the child of the fsync count comes in by `--count`."""
    options = argparse.ArgumentParser(prog="bench path")
    options.add_argument("--rounds", type=int, default=100)
    options.add_argument("--count", nargs=2, metavar=("KUBECONFIG", "FOLDER"), help=argparse.SUPPRESS)
    given = options.parse_args(argv)
    if given.count:
        asyncio.run(_acted(Path(given.count[0]), Path(given.count[1]), given.rounds))
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
    bare, governed = asyncio.run(_turns(plane.kubeconfig, folder, rounds))
    acting = governed.wall_ms - governed.commits_ms
    return [
        Row("bare GET and PATCH, wall ms", bare.wall_ms),
        Row("governed scale, wall ms", governed.wall_ms, governed.wall_ms / bare.wall_ms),
        Row("of it waiting for two durable commits", governed.commits_ms),
        Row("the rest of it, against bare", acting / bare.wall_ms, bar="<= 2"),
        Row("bare GET and PATCH, own CPU ms", bare.cpu_ms),
        Row("governed scale, own CPU ms", governed.cpu_ms),
        Row("own CPU against bare", governed.cpu_ms / bare.cpu_ms, bar="<= 3"),
        *_syncs(plane.kubeconfig, folder),
    ]


async def _turns(kubeconfig: Path, folder: Path, rounds: int) -> tuple[Cost, Cost]:
    """Both, by turns."""
    async with _bare(kubeconfig) as bare, _governed(kubeconfig, folder) as (governed, waited):
        for warm in range(5):
            await bare(warm)
            await governed(warm)
        costs: list[tuple[list[float], ...]] = [([], [], []), ([], [], [])]
        for number in range(rounds):
            for once, cost in zip((bare, governed), costs, strict=True):
                before = waited()
                wall, cpu = time.perf_counter(), time.process_time()
                await once(number)
                cost[1].append((time.process_time() - cpu) * 1000)
                cost[0].append((time.perf_counter() - wall) * 1000)
                cost[2].append((waited() - before) * 1000)
        first, second = (Cost(*map(statistics.median, cost)) for cost in costs)
        return first, second


@asynccontextmanager
async def _bare(kubeconfig: Path) -> AsyncIterator[Once]:
    """What anybody would write by hand: read it, patch the scale, on one kept-alive connection."""
    cluster = await connect("real", kubeconfig, clock=SystemClock())
    api: Api = cluster.api

    async def once(number: int) -> None:
        seen = await api.get(ONE)
        version = seen["metadata"]["resourceVersion"]
        body = {"metadata": {"resourceVersion": version}, "spec": {"replicas": 2 + number % 2}}
        await send(api, Write(f"{ONE}/scale", body, "bare", uuid.uuid4().hex))

    try:
        yield once
    finally:
        await cluster.close()


@asynccontextmanager
async def _governed(kubeconfig: Path, folder: Path) -> AsyncIterator[tuple[Once, Callable[[], float]]]:
    """A scale down the path, and the seconds that its commits have been waited for so far."""
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

        yield once, _watched(app.log)


def _watched(log: Log) -> Callable[[], float]:
    """From a commit's call to its acknowledgement, in seconds, added up."""
    commit, waited = log.commit, 0.0

    async def timed(*args: Any, **how: Any) -> Any:
        nonlocal waited
        begun = time.perf_counter()
        try:
            return await commit(*args, **how)
        finally:
            waited += time.perf_counter() - begun

    log.commit = timed  # type: ignore[method-assign]
    return lambda: waited


def _request(app: App, replicas: int) -> Any:
    args = registry.parse(registry.action("scale").args, {"workload": "deployment/web", "replicas": replicas})
    return build(
        "scale", args, id=str(uuid.uuid4()), principal=app.identity.by_hand(), cluster="real",
        namespace=NAMESPACE, mode="live",
    )  # fmt: skip


async def _acted(kubeconfig: Path, folder: Path, rounds: int) -> None:
    async with _governed(kubeconfig, folder) as (once, _):
        for number in range(5 + rounds):
            await once(number)


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
