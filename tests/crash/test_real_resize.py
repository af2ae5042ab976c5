"""A process killed in the middle of a batch of pods, on a real kube-apiserver: what was done is found out."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.crash.proxy import HoldingProxy
from tests.crash.test_real_crashes import records
from tests.e2e.test_real_path import opened
from tests.kit.console import Console
from tests.real.cluster import Namespace
from tools.path.standing import ENDS

pytestmark = pytest.mark.real
PODS = 3


def resize(name: str, cpu: str, request: str) -> tuple[str, ...]:
    words = ("act", "set-resources", f"deploy/{name}", "--in-place", "--cpu-request", cpu)
    return (*words, "--yes", "--request-id", request)


def asked(kube: Namespace, name: str) -> dict[str, str]:
    """What each pod's spec asks for now."""
    return {
        pod["metadata"]["name"]: pod["spec"]["containers"][0]["resources"]["requests"]["cpu"]
        for pod in kube.pods(name)
    }


def landed(kube: Namespace, name: str) -> list[str]:
    """The pods that a write of ours has changed, by the apiserver's own log."""
    return [
        event["objectRef"]["name"]
        for event in kube.audit_events(verb="patch")
        if event.get("userAgent") == "flyball"
        and event["objectRef"].get("subresource") == "resize"
        and event["objectRef"]["name"].startswith(f"{name}-")
        and "dryRun=" not in event["requestURI"]
        and event["responseStatus"]["code"] == 200
    ]


def test_a_process_killed_at_the_write_of_any_pod(kube: Namespace, tmp_path: Path) -> None:
    """Each of three installations dies at another pod; they wait for their dead holders' leases side by side."""
    numbers = range(1, PODS + 1)
    for number in numbers:
        kube.workload(f"web{number}", PODS)
    for number in numbers:
        kube.settled(f"web{number}")
    with ThreadPoolExecutor() as pool:
        for found in pool.map(lambda number: _killed_at(kube, tmp_path / f"{number}", number), numbers):
            assert found is None


def _killed_at(kube: Namespace, folder: Path, number: int) -> None:
    """The write hangs on its way and its process dies; the resolver looks and fences; then the write arrives."""
    folder.mkdir()
    name, done = f"web{number}", number - 1
    console = opened(kube, folder, kube.plane.kubeconfig)
    proxy = HoldingProxy(kube.plane.admin, number)
    try:
        console.environ["FLYBALL_KUBECONFIG"] = str(proxy.kubeconfig(folder / "proxied.kubeconfig"))
        process = console.start(*resize(name, "200m", "killed-0001"))
        assert proxy.held.wait(60), process.communicate(timeout=60)
        process.kill()
        process.communicate()
        looked = console.run("audit", "in-doubt")
        assert looked.code == 0, looked
        proxy.go.set()
        assert proxy.arrived.wait(30)
    finally:
        proxy.close()
        console.environ["FLYBALL_KUBECONFIG"] = str(kube.plane.kubeconfig)
    assert proxy.late == 409, "the pods that were not reached are fenced"
    assert sorted(asked(kube, name).values()) == ["100m"] * (PODS - done) + ["200m"] * done
    assert len(landed(kube, name)) == len(set(landed(kube, name))) == done, "each pod once at most"
    _is_told_as_it_was(console, done)
    assert console.run(*resize(name, "200m", "killed-0001")).code in (0, 1), "it stays ended"
    assert console.run(*resize(name, "200m", "again-0001")).code == 0, "and nothing stands in the way"
    assert set(asked(kube, name).values()) == {"200m"}
    assert console.run("audit", "verify").code == 0


def _is_told_as_it_was(console: Console, done: int) -> None:
    """One intent, one end; where a part was done the end says so: it was killed before the last pod."""
    found = records(console)
    (intent,) = [record for record in found if record.kind == "action.intent" and record.mode == "live"]
    (end,) = [
        record.outcome
        for record in found
        if record.kind in ENDS and any(p.rel == "intent" and p.id == intent.id for p in record.parents)
    ]
    assert end is not None
    assert end.status == ("in_part" if done else "not_applied")
    assert not done or f"{done} of {PODS}" in (end.detail or ""), end
