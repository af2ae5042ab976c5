"""Resources in place and a restart, on a real kube-apiserver, by the command line, in every way that they can end.

in place: applied · deferred (told, and by a node that is full) · infeasible · error · timeout · dry-run · undo
restart: every pod is another one
"""

from pathlib import Path
from typing import Any

import pytest

from tests.e2e.test_real_path import opened
from tests.kit.console import Console
from tests.real.cluster import Namespace, eventually

pytestmark = pytest.mark.real
WAIT = "3s"


@pytest.fixture
def console(kube: Namespace, tmp_path: Path) -> Console:
    return opened(kube, tmp_path, kube.plane.kubeconfig)


def resize(console: Console, cpu: str, *more: str, code: int | None = None) -> Any:
    words = ("act", "set-resources", "deploy/web", "--in-place", "--cpu-request", cpu, "--yes", *more)
    return console.ask(*words, code=code)


def given(kube: Namespace) -> dict[str, str]:
    """What each pod's node has given it."""
    return {
        pod["metadata"]["name"]: pod["status"]["containerStatuses"][0]["resources"]["requests"]["cpu"]
        for pod in kube.pods("web")
    }


def wanted(kube: Namespace) -> set[str]:
    return {pod["spec"]["containers"][0]["resources"]["requests"]["cpu"] for pod in kube.pods("web")}


def settled_records(console: Console) -> list[dict[str, Any]]:
    items = console.ask("audit", "tail", "--lines", "50", code=0)["items"]
    return [one["record"]["observation"] for one in items if one["record"]["kind"] == "action.settled"]


def test_every_pod_gets_it_without_a_restart(kube: Namespace, console: Console) -> None:
    kube.workload("web", 3)
    kube.settled("web")
    before = given(kube)
    done = resize(console, "200m", "--wait", WAIT, code=0)
    assert done["status"] == "applied"
    assert given(kube) == dict.fromkeys(before, "200m"), "the same pods"
    template = kube.get("web")["spec"]["template"]["spec"]["containers"][0]["resources"]
    assert template["requests"]["cpu"] == "100m", "in place does not last"
    assert kube.get("web")["metadata"]["generation"] == 1
    (settled,) = settled_records(console)
    assert (settled["state"], settled["done"], settled["total"]) == ("applied", 3, 3)


@pytest.mark.parametrize(
    ("word", "state"),
    [("deferred", "deferred"), ("infeasible", "infeasible"), ("error", "error"), ("never", "timeout")],
)
def test_it_ends_as_the_node_says(kube: Namespace, console: Console, word: str, state: str) -> None:
    kube.workload("web", 1, words={"resize": word})
    kube.settled("web")
    done = resize(console, "200m", "--wait", WAIT)
    assert done["status"] == "applied", "the apiserver took it"
    (settled,) = settled_records(console)
    assert (settled["state"], settled["done"], settled["total"]) == (state, 0, 1)
    assert set(given(kube).values()) == {"100m"}
    assert wanted(kube) == {"200m"}


def test_a_full_node_defers_it_until_there_is_room(kube: Namespace, console: Console) -> None:
    node = kube.node("300m")
    for name in ("web", "other"):
        kube.workload(name, 1, on=node)
        kube.settled(name)
    resize(console, "250m", "--wait", "1s")
    (settled,) = settled_records(console)
    assert settled["state"] == "deferred"
    assert "enough resource" in settled["detail"]
    kube.scale("other", 0)
    eventually(lambda: set(given(kube).values()) == {"250m"}, "the node to use the room", 10)


def test_a_dry_run_touches_no_pod(kube: Namespace, console: Console) -> None:
    kube.workload("web", 2)
    kube.settled("web")
    versions = [pod["metadata"]["resourceVersion"] for pod in kube.pods("web")]
    assert resize(console, "200m", "--dry-run", code=0)["status"] == "simulated"
    assert [pod["metadata"]["resourceVersion"] for pod in kube.pods("web")] == versions


def test_it_is_undone(kube: Namespace, console: Console) -> None:
    kube.workload("web", 2)
    kube.settled("web")
    done = resize(console, "200m", "--wait", WAIT, code=0)
    assert console.ask("undo", str(done["record"]), "--yes", code=0)["status"] == "applied"
    eventually(lambda: set(given(kube).values()) == {"100m"}, "both pods to be as before", 10)


def test_what_the_node_never_has_is_refused_and_nothing_is_written(kube: Namespace, console: Console) -> None:
    """The apiserver's 403 is not a missing right."""
    node = kube.node("300m")
    kube.workload("web", 1, on=node)
    kube.settled("web")
    failed = resize(console, "400m", code=1)
    assert (failed["status"], failed["http_status"]) == ("failed", 403)
    assert "allocatable" in failed["error"]
    assert wanted(kube) == {"100m"}


def test_a_restart_replaces_every_pod(kube: Namespace, console: Console) -> None:
    kube.workload("web", 2)
    kube.settled("web")
    before = set(given(kube))
    done = console.ask("act", "restart", "deploy/web", "--yes", "--wait", "30s", code=0)
    assert done["status"] == "applied"
    assert not before & set(given(kube))
    (settled,) = settled_records(console)
    assert settled["state"] == "applied"


def test_the_apiservers_log_has_one_write_for_each_pod(kube: Namespace, console: Console) -> None:
    kube.workload("web", 3)
    kube.settled("web")
    resize(console, "200m", code=0)
    ours = [e for e in kube.audit_events(verb="patch") if e.get("userAgent") == "flyball"]
    live = [e["objectRef"] for e in ours if "dryRun" not in e["requestURI"]]
    assert sorted(one["name"] for one in live) == sorted(given(kube))
    assert {one["subresource"] for one in live} == {"resize"}
    assert console.run("audit", "verify").code == 0
