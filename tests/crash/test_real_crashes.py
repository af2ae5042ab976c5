"""Fresh processes on a real kube-apiserver: killed at random, frozen out, and held against its own audit log."""

import random
import signal
import subprocess
import threading
import time
from collections import Counter
from pathlib import Path

import pytest

from audit.record import Record
from audit.store.read import Reader
from tests.crash.proxy import HoldingProxy
from tests.e2e.policy import write
from tests.kit.console import Console
from tests.real.cluster import Namespace
from tools.path.standing import ENDS

pytestmark = pytest.mark.real
PROCESSES = 30
AT_ONCE = 3


@pytest.fixture
def console(kube: Namespace, tmp_path: Path) -> Console:
    policies = write(tmp_path / "policies", "real", kube.name)
    return Console(
        tmp_path,
        kubeconfig=str(kube.plane.kubeconfig),
        context="real",
        namespace=kube.name,
        policies=str(policies),
    )


def scale(replicas: int, *more: str, name: str = "web") -> tuple[str, ...]:
    return ("act", "scale", f"deploy/{name}", "--replicas", str(replicas), "--yes", *more)


def records(console: Console) -> list[Record]:
    """Every record of our log, as it is stored."""
    reader = Reader(Path(console.environ["FLYBALL_STATE"]) / "real" / "audit.db")
    try:
        return [entry.record for entry in reader.find()]
    finally:
        reader.close()


def balanced(kube: Namespace, console: Console) -> Counter[str]:
    """The apiserver's audit log against ours, one to one; returns how the intents ended."""
    ours = records(console)
    intents = {r.id: r for r in ours if r.kind == "action.intent"}
    ends = {
        parent.id: r.outcome.status
        for r in ours
        if r.kind in ENDS and r.outcome is not None
        for parent in r.parents
        if parent.rel == "intent"
    }
    patches = [e for e in kube.audit_events(verb="patch") if e.get("userAgent") == "flyball"]
    writes = [e for e in patches if not e["auditID"].endswith("-fence")]
    landed = Counter(e["auditID"] for e in writes if e["responseStatus"]["code"] == 200)
    assert set(landed) <= set(intents), "an effect without an intent"
    assert not [id for id, count in landed.items() if count > 1], "an effect twice"
    assert set(ends) == set(intents), "an intent without an end"
    for id, status in ends.items():
        wanted, before = (
            (intents[id].args or {})["replicas"],
            (intents[id].before or {})["fields"]["replicas"],
        )
        nothing_to_do = wanted == before  # it is not sent then
        assert nothing_to_do or (status == "applied") == (id in landed), f"{id} is recorded as {status}"
    assert console.run("audit", "verify").code == 0
    return Counter(ends.values())


def begun(console: Console, first: int) -> "dict[int, subprocess.Popen[str]]":
    """Some processes at once, each on a workload of its own."""
    return {n: console.start(*request(n)) for n in range(first, first + AT_ONCE)}


def request(n: int) -> tuple[str, ...]:
    return scale(2 + n % 5, "--request-id", f"process-{n:04d}", name=f"web-{n % AT_ONCE}")


def killed(console: Console, n: int, process: "subprocess.Popen[str]", life: float) -> None:
    """At a seeded moment: of its life, or (two of three) right after its intent became durable."""
    chance = random.Random(n)
    if n % 3:
        seen_in_log(console, f"process-{n:04d}", process)
        time.sleep(chance.uniform(0, 0.03))
    else:
        time.sleep(life * chance.uniform(0.5, 1.0))
    process.kill()


def seen_in_log(console: Console, text: str, process: "subprocess.Popen[str]") -> None:
    """Wait until the write-ahead log of our log holds that text, or the process has ended."""
    wal = Path(console.environ["FLYBALL_STATE"]) / "real" / "audit.db-wal"
    while process.poll() is None:
        if wal.exists() and text.encode() in wal.read_bytes():
            return
        time.sleep(0.001)


def ended(processes: "dict[int, subprocess.Popen[str]]") -> list[int]:
    said = [process.communicate(timeout=120) for process in processes.values()]
    codes = [process.returncode for process in processes.values()]
    assert set(codes) <= {0, 5, -signal.SIGKILL}, said
    return codes


def test_killed_processes_leave_nothing_unexplained(kube: Namespace, console: Console) -> None:
    """The undisturbed first ones tell how long a life is."""
    for n in range(AT_ONCE):
        kube.workload(f"web-{n}", 2)
    start = time.monotonic()
    assert set(ended(begun(console, 9_003))) == {0}
    life = time.monotonic() - start
    codes: list[int] = []
    for first in range(0, PROCESSES, AT_ONCE):
        processes = begun(console, first)
        killers = [
            threading.Thread(target=killed, args=(console, n, process, life))
            for n, process in processes.items()
        ]
        for killer in killers:
            killer.start()
        for killer in killers:
            killer.join()
        codes += ended(processes)
    looked = console.run("audit", "in-doubt")
    assert looked.code == 0, (looked.out, [kube.get(f"web-{n}")["metadata"] for n in range(AT_ONCE)])
    resolved = Counter(r.outcome.status for r in records(console) if r.kind == ENDS[1] and r.outcome)
    print(f"{codes.count(-signal.SIGKILL)} of {PROCESSES} killed, in doubt {dict(resolved)}")
    print(f"intents ended {dict(balanced(kube, console))}")
    assert codes.count(-signal.SIGKILL) >= PROCESSES // 5
    for n in range(AT_ONCE):
        again = console.run(*request(n))
        assert again.code in (0, 1), again
    balanced(kube, console)


def frozen_write(kube: Namespace, console: Console, n: int) -> "subprocess.Popen[str]":
    """A process whose PATCH is on its way to an apiserver that does not answer."""
    process = console.start(*scale(4, "--request-id", f"frozen-{n:04d}"))
    seen_in_log(console, f"frozen-{n:04d}", process)
    return process


def test_the_apiserver_dies_around_the_write(kube: Namespace, console: Console) -> None:
    """It is killed as soon as the intent is durable: whatever became of the PATCH, it is found out."""
    kube.workload("web", 2)
    process = frozen_write(kube, console, 1)
    kube.plane.stop_apiserver()
    process.communicate(timeout=60)
    try:
        assert process.returncode in (0, 1, 5)
        away = console.run(*scale(5))
        assert away.code == 7, (away.out, away.err)
    finally:
        kube.plane.start_apiserver()
    assert console.run("audit", "in-doubt").code == 0
    assert console.run(*scale(6)).code == 0
    assert kube.get("web")["spec"]["replicas"] == 6
    balanced(kube, console)


def test_a_write_that_outlives_its_process_is_fenced(
    kube: Namespace, console: Console, tmp_path: Path
) -> None:
    """Our PATCH hangs on its way, our process is killed, the resolver fences: when it arrives, it is a 409."""
    kube.workload("web", 2)
    kube.settled("web")
    proxy = HoldingProxy(kube.plane.admin)
    try:
        console.environ["FLYBALL_KUBECONFIG"] = str(proxy.kubeconfig(tmp_path / "proxied.kubeconfig"))
        process = console.start(*scale(4, "--request-id", "outlived-0001"))
        assert proxy.held.wait(60)
        process.kill()
        process.communicate()
        assert console.run("audit", "in-doubt").code == 0
        proxy.go.set()
        assert proxy.arrived.wait(30)
    finally:
        proxy.close()
        console.environ["FLYBALL_KUBECONFIG"] = str(kube.plane.kubeconfig)
    assert proxy.late == 409
    assert kube.get("web")["spec"]["replicas"] == 2
    assert balanced(kube, console) == {"not_applied": 1}
    assert console.run(*scale(4, "--request-id", "outlived-0001")).code == 1, "the same request stays ended"
    assert console.run(*scale(5)).code == 0
    balanced(kube, console)
