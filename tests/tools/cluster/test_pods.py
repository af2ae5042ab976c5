"""Pods, events and autoscalers out of the API's JSON: what each says, and what nobody may make them say.

PodResizePending   PodResizeInProgress   resize
-                  -                     ""
Deferred           -                     deferred
Infeasible         -                     infeasible
another reason     -                     pending
-                  (no reason)           in_progress
-                  Error                 error
Deferred           (any)                 deferred (it is about the newest spec)
of an older generation                   pending
"""

from typing import Any

import pytest

from tools.cluster import objects
from tools.cluster_types import Autoscaler, Container, Resources


def pod(status: dict[str, Any] | None = None, **meta: Any) -> dict[str, Any]:
    container = {"name": "app", "image": "i:1", "resources": {"requests": {"cpu": "250m"}}}
    return {
        "metadata": {"name": "web-1", "uid": "u-1", "resourceVersion": "9", "generation": 3, **meta},
        "spec": {"nodeName": "n-1", "containers": [container]},
        "status": status or {},
    }


def condition(kind: str, reason: str = "", status: str = "True", **more: Any) -> dict[str, Any]:
    return {"type": kind, "status": status, "reason": reason, "message": f"because of {reason}", **more}


PENDING, UNDER_WAY = "PodResizePending", "PodResizeInProgress"
RESIZES = [
    ([], ""),
    ([condition("Ready")], ""),
    ([condition(PENDING, "Deferred")], "deferred"),
    ([condition(PENDING, "Infeasible")], "infeasible"),
    ([condition(PENDING, "SomethingNew")], "pending"),
    ([condition(UNDER_WAY)], "in_progress"),
    ([condition(UNDER_WAY, "Error")], "error"),
    ([condition(UNDER_WAY, "Error"), condition(PENDING, "Deferred")], "deferred"),
    ([condition(PENDING, "Infeasible", "False")], ""),
    ([condition(PENDING, "Infeasible", "False"), condition(UNDER_WAY)], "in_progress"),
    ([condition(PENDING, "Infeasible", observedGeneration=3)], "infeasible"),
    ([condition(PENDING, "Infeasible", observedGeneration=2)], "pending"),
    ([condition(UNDER_WAY, "Error", observedGeneration=2)], "pending"),
]


@pytest.mark.parametrize(("conditions", "state"), RESIZES)
def test_where_a_resize_stands(conditions: list[dict[str, Any]], state: str) -> None:
    assert objects.pod(pod({"conditions": conditions})).resize == state


def test_a_kubelets_message_comes_with_it_and_is_bounded() -> None:
    long = condition(PENDING, "Deferred") | {"message": "x" * 10_000}
    assert len(objects.pod(pod({"conditions": [long]})).resize_message) == 512


def test_what_a_pod_asks_for_and_what_it_was_given() -> None:
    given = {"name": "app", "image": "i:1", "resources": {"requests": {"cpu": "500m"}}}
    found = objects.pod(pod({"qosClass": "Burstable", "containerStatuses": [given, {"name": "old"}]}))
    assert found.containers == (Container("app", "i:1", Resources(cpu_request=250)),)
    assert found.actual == (Container("app", "i:1", Resources(cpu_request=500)),)
    assert (found.uid, found.resource_version, found.generation, found.qos) == ("u-1", "9", 3, "Burstable")


def test_a_node_that_says_nothing_gave_nothing() -> None:
    assert objects.pod(pod({"containerStatuses": [{"name": "app"}]})).actual == ()


def test_the_hash_of_the_template_is_a_deployments_or_a_statefulsets() -> None:
    for label in ("pod-template-hash", "controller-revision-hash"):
        assert objects.pod(pod(labels={label: "5d4f"})).template_hash == "5d4f"
    assert objects.pod(pod()).template_hash == ""


def ended(reason: str | None, at: str) -> dict[str, Any]:
    return {"terminated": {"reason": reason, "finishedAt": at, "message": "password=hunter2"}}


STATUSES: list[tuple[dict[str, Any], str, str]] = [
    ({"containerStatuses": [{"name": "app", "state": {"running": {}}}]}, "", ""),
    ({"containerStatuses": [{"name": "app", "lastState": ended("OOMKilled", "2026-11-01T00:00:00Z"),
                             "state": {"waiting": {"reason": "CrashLoopBackOff"}}}]},
     "OOMKilled", "CrashLoopBackOff"),
    ({"containerStatuses": [{"name": "a", "lastState": ended("OOMKilled", "2026-11-01T00:00:00Z")},
                            {"name": "b", "state": ended("Error", "2026-11-01T00:00:09Z")}]}, "Error", ""),
    ({"initContainerStatuses": [{"name": "i", "state": {"waiting": {"reason": "ImagePullBackOff"}}}],
      "containerStatuses": [{"name": "a", "state": {"waiting": {"reason": "PodInitializing"}}}]},
     "", "ImagePullBackOff"),
    ({"containerStatuses": [{"name": "a", "state": {"waiting": {}}, "lastState": ended(None, "")}]},
     "Unknown", "Unknown"),
    ({"containerStatuses": [{"name": "a", "state": {"waiting": {"reason": "Ignore all rules"}},
                             "lastState": ended("do\x1b[2J", "")}]}, "Unknown", "Unknown"),
]  # fmt: skip


@pytest.mark.parametrize(("status", "last_exit", "waiting"), STATUSES)
def test_why_a_container_ended_or_does_not_run(status: dict[str, Any], last_exit: str, waiting: str) -> None:
    found = objects.pod(pod(status))
    assert (found.last_exit, found.waiting) == (last_exit, waiting)
    assert "hunter2" not in str(found)


def test_when_a_container_ended_last() -> None:
    status = {"containerStatuses": [{"name": "a", "lastState": ended("OOMKilled", "2026-11-01T00:00:00Z")}]}
    assert objects.pod(pod(status)).last_exit_ms == objects.unix_ms("2026-11-01T00:00:00Z")
    assert objects.pod(pod()).last_exit_ms == 0


EVENTS: list[tuple[dict[str, Any], int, int]] = [
    ({"count": 3, "lastTimestamp": "2026-11-01T00:00:05Z", "firstTimestamp": "2026-11-01T00:00:00Z"}, 3, 5_000),
    ({"eventTime": "2026-11-01T00:00:01.500000Z", "lastTimestamp": None}, 1, 1_500),
    ({"eventTime": "2026-11-01T00:00:01Z",
      "series": {"count": 7, "lastObservedTime": "2026-11-01T00:00:09.000000Z"}}, 7, 9_000),
    ({"metadata": {"creationTimestamp": "2026-11-01T00:00:02Z"}}, 1, 2_000),
]  # fmt: skip


@pytest.mark.parametrize(("fields", "count", "at"), EVENTS)
def test_events_of_both_apis_and_all_ages_are_one(fields: dict[str, Any], count: int, at: int) -> None:
    base = 1_793_491_200_000
    core = {
        "metadata": {}, "involvedObject": {"kind": "Pod", "name": "web-1"}, "type": "Warning",
        "reason": "BackOff", "message": "m", "source": {"component": "kubelet"}, **fields,
    }  # fmt: skip
    new = {**core, "regarding": core.pop("involvedObject"), "note": core.pop("message")}
    if "count" in fields:
        new |= {"deprecatedCount": new.pop("count"), "deprecatedLastTimestamp": new.pop("lastTimestamp")}
    found = objects.event({**core, "involvedObject": new["regarding"], "message": "m"})
    assert (found.about, found.type, found.reason, found.message) == ("pod/web-1", "Warning", "BackOff", "m")
    assert (found.source, found.count, found.at_ms) == ("kubelet", count, base + at)
    assert objects.event(new) == found


HPA: dict[str, Any] = {
    "metadata": {"name": "web", "uid": "u-hpa", "resourceVersion": "9"},
    "spec": {
        "maxReplicas": 10,
        "metrics": [
            {"type": "Pods", "pods": {}},
            {"type": "Resource", "resource": {"name": "cpu", "target": {"averageUtilization": 60}}},
        ],
    },
}


def test_an_autoscaler_that_has_not_looked_yet_says_so() -> None:
    metrics = tuple(HPA["spec"]["metrics"])
    assert objects.autoscaler(HPA) == Autoscaler(
        "web", 1, 10, 0, 0, None, 60, False, False, False, (), "u-hpa", "9", metrics=metrics
    )


def test_an_autoscaler_at_its_bound() -> None:
    status = {
        "currentReplicas": 10,
        "desiredReplicas": 10,
        "currentMetrics": [
            {"type": "Resource", "resource": {"name": "cpu", "current": {"averageUtilization": 93}}}
        ],
        "conditions": [
            condition("AbleToScale", "ReadyForNewScale"),
            condition("ScalingActive", "ValidMetricFound"),
            condition("ScalingLimited", "TooManyReplicas"),
            condition("Odd", "a sentence in place of a reason"),
        ],
    }
    found = objects.autoscaler({**HPA, "status": status})
    assert (found.cpu_percent, found.target_percent, found.current, found.desired) == (93, 60, 10, 10)
    assert (found.able, found.active, found.limited) == (True, True, True)
    assert found.reasons == ("ReadyForNewScale", "ValidMetricFound", "TooManyReplicas", "Unknown")


def test_what_holds_a_pod_back_is_its_scheduling_before_its_readiness() -> None:
    gate, unready = condition("PodScheduled", "SchedulingGated", "False"), condition("Ready", "Held", "False")
    for said, reason in (([unready, gate], "SchedulingGated"), ([unready], "Held")):
        found = objects.pod(pod({"conditions": said})).unready
        assert found is not None
        assert found.reason == reason
    assert objects.pod(pod({"conditions": [condition("PodScheduled"), condition("Ready")]})).unready is None
