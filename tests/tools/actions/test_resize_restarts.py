"""set_resources in place where resizePolicy restarts containers: said, an action of its own, one pod at a time."""

from dataclasses import replace
from typing import Any

import pytest

from tests.tools.workloads import RESOURCES, pod, with_pods, workload
from tools.actions import registry
from tools.cluster.containers import counted
from tools.cluster_types import Container, Pod, Workload
from tools.errors import ArgumentsInvalid

RES = registry.action("set_resources")
MORE = replace(RESOURCES, memory_limit=2**30)


def setting(**given: Any) -> Any:
    usual = {"workload": "deploy/web", "in_place": True, "memory_limit": "1Gi", "restart_containers": True}
    return registry.parse(RES.args, usual | given)


def on_memory(name: str, resources: Any = RESOURCES, **more: Any) -> Pod:
    return pod(name, resources, restarts_on=("memory",), **more)


def two(**second: Any) -> Workload:
    return with_pods(on_memory("web-1"), on_memory("web-2", **second))


@pytest.mark.parametrize(("policy", "found"), [
    (None, ()),
    ([{"resourceName": "memory", "restartPolicy": "RestartContainer"}], ("memory",)),
    ([{"resourceName": "cpu", "restartPolicy": "NotRequired"}], ()),
    ([{"resourceName": name, "restartPolicy": "RestartContainer"} for name in ("memory", "cpu")], ("cpu", "memory")),
])  # fmt: skip
def test_a_resize_policy_is_read(policy: Any, found: tuple[str, ...]) -> None:
    (container,) = counted({"containers": [{"name": "app", "resizePolicy": policy}]})
    assert container.restarts_on == found


def test_without_the_word_for_it_no_container_is_restarted() -> None:
    with pytest.raises(ArgumentsInvalid, match="restarts container app in 2 pods") as refused:
        RES.deltas(setting(restart_containers=None), two())
    assert "--restart-containers" in refused.value.hint


def test_what_does_not_restart_needs_no_word_and_takes_none() -> None:
    cpu = {"memory_limit": None, "cpu_request": "250m"}
    assert RES.deltas(setting(**cpu, restart_containers=None), two())
    assert "restart" not in RES.describe(setting(**cpu, restart_containers=None), two())
    for seen in (two(), with_pods(pod("web-1"))):
        with pytest.raises(ArgumentsInvalid, match="it restarts no container"):
            RES.deltas(setting(**(cpu if seen.pods and len(seen.pods) == 2 else {})), seen)


def test_it_is_an_action_of_its_own_which_covers_a_lower_limit() -> None:
    assert RES.classify(setting()) == "resize_with_restart"
    assert RES.deltas(setting(memory_limit="300Mi"), two())
    for wrong in ({"in_place": None}, {"lower_memory_limit": True}):
        with pytest.raises(ArgumentsInvalid, match="goes with in_place, and without lower_memory_limit"):
            setting(**wrong)


def test_a_running_container_that_is_not_restarted_is_not_killed_unsaid() -> None:
    mixed = with_pods(on_memory("web-1"), pod("web-2"))
    with pytest.raises(ArgumentsInvalid, match="lowers a memory limit") as refused:
        RES.deltas(setting(memory_limit="300Mi"), mixed)
    assert "a rollout" in refused.value.hint


def test_one_pod_is_changed_and_the_line_says_so() -> None:
    (patch,) = RES.patches(setting(), two())
    assert (patch.subresource, patch.pod) == ("resize", "web-1")
    assert RES.describe(setting(), two()) == (
        "memory_limit 512Mi -> 1Gi in 1 of 2 pods: restarts container app (resizePolicy); 1 more when it is ready: "
        "ask again (in place, until they are replaced: the template keeps 512Mi)"
    )
    last = with_pods(on_memory("web-1", MORE), on_memory("web-2"))
    assert "in 1 of 2 pods: restarts container app (resizePolicy) (in place" in RES.describe(setting(), last)
    done = with_pods(on_memory("web-1", MORE), on_memory("web-2", MORE))
    assert RES.deltas(setting(), done)
    assert "in 2 pods (in place" in RES.describe(setting(), done)


WAITS: dict[str, tuple[Workload, str]] = {
    "another is not ready": (
        with_pods(on_memory("web-1"), on_memory("web-2"), pod("web-3", MORE, ready=False)), "it is not ready"),
    "the one before is not ready again": (with_pods(on_memory("web-1", MORE, ready=False), on_memory("web-2")),
                                          "it is not ready"),
    "the one before was not given it yet": (
        with_pods(on_memory("web-1", MORE, actual=(Container("app", "", RESOURCES),)), on_memory("web-2")),
        "its resize is not carried out yet"),
    "the one before is deferred": (
        with_pods(on_memory("web-1", MORE, resize="deferred"), on_memory("web-2")), "its resize is deferred"),
    "two are not ready": (
        with_pods(on_memory("web-1", ready=False), on_memory("web-2", ready=False)), "it is not ready"),
}  # fmt: skip


@pytest.mark.parametrize("case", WAITS, ids=str)
def test_a_pod_waits_until_the_others_serve(case: str) -> None:
    seen, why = WAITS[case]
    with pytest.raises(ArgumentsInvalid, match=why) as refused:
        RES.deltas(setting(), seen)
    assert refused.value.where.startswith("pod web-")


def test_a_pod_that_does_not_serve_is_changed_first() -> None:
    crashing = two(ready=False, waiting="CrashLoopBackOff")
    assert RES.deltas(setting(), crashing)
    assert [patch.pod for patch in RES.patches(setting(), crashing)] == ["web-2"]


def test_an_approval_binds_to_what_restarts() -> None:
    before = RES.view(setting(), with_pods(pod("web-1")))
    assert RES.view(setting(), with_pods(on_memory("web-1"))) != before


def test_undo_restarts_too_and_needs_no_other_word() -> None:
    back = RES.inverse(setting(), RES.view(setting(), two()))
    assert (back["restart_containers"], back["lower_memory_limit"], back["memory_limit"]) == (
        True,
        None,
        "512Mi",
    )
    assert RES.classify(registry.parse(RES.args, back)) == "resize_with_restart"


SETTLED: dict[str, tuple[dict[str, Any], str | None, str]] = {
    "ready again": ({}, "applied", "1 applied of 1"),
    "given, and not ready again": ({"ready": False}, None, "1 under way of 1"),
    "starting": ({"ready": False, "waiting": "ContainerCreating"}, None, "under way"),
    "does not start": ({"ready": False, "waiting": "CrashLoopBackOff", "last_exit": "OOMKilled"}, "error",
                       "pod web-1: CrashLoopBackOff OOMKilled"),
}  # fmt: skip


@pytest.mark.parametrize("case", SETTLED, ids=str)
def test_it_has_settled_when_the_container_is_ready_again(case: str) -> None:
    more, state, detail = SETTLED[case]
    found = RES.settled(setting(), workload(), [on_memory("web-1", MORE, **more)])
    assert found.state == state
    assert detail in found.detail
