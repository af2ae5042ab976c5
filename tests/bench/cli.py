"""What a command costs to run: CPU (user and system) of its whole process, started again each time as a person does.

Against `python -c pass`, which every command pays, and on a real cluster against `kubectl get` of the same
deployments. The commands take turns, so that other work on the machine falls on all of them; medians over the rounds.
Where no control plane is built (`python -m tests.real build`), the rows of the real cluster say so.
"""

import argparse
import math
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.bench.report import Row
from tests.e2e.policy import write
from tests.real import assets, modules
from tests.real.cluster import Namespace
from tests.real.controlplane import ControlPlane

ROOT = Path(__file__).parents[2]
NAMESPACE = "bench"
HELP_MS, SANDBOX_MS, REAL_MS = 250, 500, 900
FLYBALL = (sys.executable, "-m", "flyball")


@dataclass(frozen=True)
class Timed:
    """A command line to be measured. `turns` are words that change from round to round, so that a write writes."""

    name: str
    command: Sequence[str]
    bar_ms: int | None = None
    turns: tuple[Sequence[str], ...] = ((),)


def run(argv: list[str]) -> list[Row]:
    """The bench's rows: milliseconds of CPU a command."""
    options = argparse.ArgumentParser(prog="bench cli")
    options.add_argument("--rounds", type=int, default=9)
    options.add_argument("--no-real", action="store_true", help="the sandbox alone")
    given = options.parse_args(argv)
    with tempfile.TemporaryDirectory() as name:
        rows = _sandbox(Path(name), given.rounds)
        return rows if given.no_real else rows + _real(Path(name), given.rounds)


def _sandbox(home: Path, rounds: int) -> list[Row]:
    where = ("--context", "sandbox")
    timed = [
        Timed("python -c pass", (sys.executable, "-c", "pass")),
        Timed("flyball --help", (*FLYBALL, "--help"), HELP_MS),
        *_commands("sandbox", where, SANDBOX_MS),
        Timed("sandbox: audit tail", (*FLYBALL, "audit", "tail", *where), SANDBOX_MS),
        Timed("sandbox: policy can-i", (*FLYBALL, "policy", "can-i", "scale", "deploy/web", "--replicas", "6",
                                        *where), SANDBOX_MS),
    ]  # fmt: skip
    return _rows(timed, home, rounds)


def _real(home: Path, rounds: int) -> list[Row]:
    bundle = modules.CONTROL_PLANE
    if not assets.built(bundle).is_dir() and set(assets.given(bundle)) != set(bundle.binaries):
        return [Row("real: not measured, no control plane is built here", math.nan, bar=f"<= {REAL_MS}")]
    with _cluster(home) as plane:
        write(home / "policies", "real", NAMESPACE)
        where = ("--context", "real", "-n", NAMESPACE, "--kubeconfig", str(plane.kubeconfig))
        where += ("--policies", str(home / "policies"))
        peer = ("get", "deploy", "-n", NAMESPACE, "--kubeconfig", str(plane.kubeconfig))
        kubectl = str(assets.locate(bundle)["kubectl"])
        timed = [Timed("kubectl get deploy", (kubectl, *peer)), *_commands("real", where, REAL_MS)]
        return _rows(timed, home, rounds)


@contextmanager
def _cluster(home: Path) -> Iterator[ControlPlane]:
    plane = ControlPlane(home / "plane", assets.locate()).start()
    try:
        namespace = Namespace(plane, NAMESPACE, home)
        namespace.workload("web", 2)
        namespace.settled("web")
        yield plane
    finally:
        plane.stop()


def _commands(place: str, where: Sequence[str], bar_ms: int) -> list[Timed]:
    turns = (("--replicas", "5"), ("--replicas", "6"))
    return [
        Timed(f"{place}: get", (*FLYBALL, "get", *where), bar_ms if place == "real" else None),
        Timed(f"{place}: status", (*FLYBALL, "status", *where), bar_ms),
        Timed(f"{place}: act scale --yes", (*FLYBALL, "act", "scale", "deploy/web", "--yes", *where), bar_ms, turns),
    ]  # fmt: skip


def _rows(timed: Sequence[Timed], home: Path, rounds: int) -> list[Row]:
    """The first of them is the peer. One round more, unmeasured: it leaves bytecode and the parsed policy."""
    spent: dict[str, list[float]] = {one.name: [] for one in timed}
    for number in range(rounds + 1):
        for one in timed:
            cost = _cpu_ms([*one.command, *one.turns[number % len(one.turns)]], home)
            if number:
                spent[one.name].append(cost)
    medians = {name: statistics.median(costs) for name, costs in spent.items()}
    peer = medians[timed[0].name]
    return [
        Row(f"{one.name}, CPU ms", medians[one.name], medians[one.name] / peer,
            f"<= {one.bar_ms}" if one.bar_ms else "")
        for one in timed
    ]  # fmt: skip


def _cpu_ms(command: Sequence[str], home: Path) -> float:
    """User and system time of the process and of what it waited for. Raises RuntimeError where it fails."""
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(command, env=_environment(home), cwd=home, stdout=said, stderr=said)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            said.seek(0)
            raise RuntimeError(f"{' '.join(command)}: exit {process.returncode}\n{said.read().decode()}")
    return (used.ru_utime + used.ru_stime) * 1000


def _environment(home: Path) -> dict[str, str]:
    """A home of its own, no setting of the person's, and bytecode kept, as after an install."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "PYTHONPYCACHEPREFIX") if name in os.environ}
    return kept | {"HOME": str(home), "PYTHONPATH": str(ROOT), "NO_COLOR": "1"}
