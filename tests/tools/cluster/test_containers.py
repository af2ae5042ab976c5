"""Which containers of a pod count.

containers                                  yes
initContainers, restartPolicy Always        yes: a native sidecar
initContainers, any other                   no: it ends before the pod is at work
"""

from typing import Any

import pytest

from forecasting.vertical.jvm import Jvm
from tools.cluster import objects
from tools.cluster.containers import counted, counted_statuses
from tools.cluster_types import Container, Resources

SPEC: dict[str, Any] = {
    "nodeName": "n-1",
    "initContainers": [
        {"name": "wait-db", "image": "w:1"},
        {
            "name": "proxy",
            "image": "p:1",
            "restartPolicy": "Always",
            "resources": {"requests": {"cpu": "500m"}},
        },
        {"name": "migrate", "image": "m:1", "restartPolicy": "Never"},
    ],
    "containers": [{"name": "app", "image": "a:1"}],
}
KILLED = {"terminated": {"reason": "OOMKilled", "finishedAt": "2026-11-01T00:00:00Z"}}


DONE: dict[str, Any] = {"state": {"terminated": {"exitCode": 0, "reason": "Completed"}}}
RUNS: dict[str, Any] = {"state": {"running": {}}}
FAILED: dict[str, Any] = {"state": {"terminated": {"exitCode": 1, "reason": "Error"}}, "restartCount": 4}


def pod(**status: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": "web-1", "uid": "u-1", "resourceVersion": "9"},
        "spec": SPEC,
        "status": status,
    }


def test_native_sidecars_stand_behind_the_containers() -> None:
    proxy = Container("proxy", "p:1", Resources(cpu_request=500), native_sidecar=True)
    assert counted(SPEC) == (Container("app", "a:1", Resources()), proxy)
    assert [one.listed_in for one in counted(SPEC)] == ["containers", "initContainers"]


@pytest.mark.parametrize("policy", [None, "", "OnFailure", "always", "Never"])
def test_an_init_container_that_ends_is_not_counted(policy: Any) -> None:
    assert counted({"initContainers": [{"name": "i", "restartPolicy": policy}], "containers": []}) == ()


def test_statuses_are_those_of_the_same_containers() -> None:
    inits = [DONE | {"name": "wait-db"}, {"name": "proxy", "started": True}, DONE | {"name": "migrate"}]
    found = counted_statuses(pod(containerStatuses=[{"name": "app"}], initContainerStatuses=inits))
    assert [one["name"] for one in found] == ["app", "proxy"]
    assert counted_statuses(pod()) == ()


def test_a_killed_sidecar_is_a_restart_and_the_last_exit_of_its_pod() -> None:
    proxy = {
        "started": True,
        "name": "proxy",
        "restartCount": 14,
        "lastState": KILLED,
        "resources": {"requests": {"cpu": "400m"}},
    }
    init = DONE | {"name": "wait-db", "restartCount": 3, "lastState": KILLED}
    seen = objects.pod(
        pod(containerStatuses=[{"name": "app", "restartCount": 1}], initContainerStatuses=[init, proxy])
    )
    assert (seen.restarts, seen.last_exit, seen.last_exit_of) == (15, "OOMKilled", "proxy")
    assert seen.containers == counted(SPEC)
    assert [(one.name, one.resources.cpu_request, one.native_sidecar) for one in seen.actual] == [
        ("proxy", 400, True)
    ]


@pytest.mark.parametrize(("inits", "waits_for"), [
    ([], ""),
    ([RUNS | {"name": "wait-db"}], "wait-db"),
    ([DONE | {"name": "wait-db"}, {"name": "proxy", "started": False, **RUNS}], "proxy"),
    ([DONE | {"name": "wait-db"}, {"name": "proxy", "started": True, **RUNS}], ""),
    ([DONE | {"name": "wait-db"}, {"name": "proxy", **RUNS}], ""),
    ([DONE | {"name": "wait-db"}, {"name": "proxy"}], "proxy"),
    ([FAILED | {"name": "wait-db"}, {"name": "proxy"}], "wait-db"),
])  # fmt: skip
def test_which_init_container_the_others_wait_for(inits: list[dict[str, Any]], waits_for: str) -> None:
    assert objects.pod(pod(initContainerStatuses=inits)).initializing == waits_for


def test_while_init_containers_run_their_restarts_are_the_pods() -> None:
    app = {"name": "app", "restartCount": 0}
    seen = objects.pod(pod(containerStatuses=[app], initContainerStatuses=[FAILED | {"name": "wait-db"}]))
    assert (seen.restarts, seen.last_exit, seen.last_exit_of) == (4, "Error", "wait-db")


def test_of_a_jvms_options_numbers_leave_the_adapter_and_no_text() -> None:
    env = [
        {"name": "JAVA_TOOL_OPTIONS", "value": "-Xmx1g -Dpassword=hunter2"},
        {"name": "X", "valueFrom": {}},
    ]
    spec = {"containers": [{"name": "app", "env": env, "args": ["-XX:MaxDirectMemorySize=64m", 7]}]}
    (found,) = counted(spec)
    assert found.jvm == Jvm(heap=1 << 30, percent=None, native=64 << 20)
    assert "hunter2" not in repr(found)
    assert counted({"containers": [{"name": "app"}]})[0].jvm is None
