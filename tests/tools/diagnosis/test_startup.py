"""Pods that never come to run, or never end: what is said of each, and that nothing ready is never passed over.

why nothing runs                                     rule             evidence
refused: PodSecurity, LimitRange, no ServiceAccount  not-made         the condition's message, or the event's
refused: quota exceeded, or wants what is not said   quota            the same
no volume, no network                                stuck-starting   the newest Warning about the pods
an init container that does not end                  stuck-starting   its name
being deleted for long                               terminating      finalizers, or the newest Warning
anything else                                        nothing-ready    the newest that anybody says
"""

from collections.abc import Sequence
from dataclasses import replace
from itertools import product

import pytest

from tests.flyball.facts import NOW_MS, condition, event, facts, pod, workload
from tools.cluster_types import ApiEvent, Condition, Pod
from tools.diagnosis.rules import diagnose
from tools.diagnosis.types import Facts, Finding, Severity

HOURS_2 = 2 * 3_600_000
REFUSALS = {
    'violates PodSecurity "restricted:latest": runAsNonRoot != true': "not-made",
    "cpu max limit to request ratio per Container is 2": "not-made",
    'error looking up service account lr/missing: serviceaccount "missing" not found': "not-made",
    'admission webhook "deny.example" denied the request: no': "not-made",
    "failed quota: must: must specify requests.cpu for: app": "quota",
    "exceeded quota: few, requested: pods=1, used: pods=2, limited: pods=2": "quota",
}


def dead(*pods: Pod, conditions: Sequence[Condition] = (), events: Sequence[ApiEvent] = ()) -> Facts:
    """Two replicas, none of them ready."""
    seen = workload(replicas=2, ready=0, updated=0, available=0, conditions=tuple(conditions))
    return facts(workload=seen, pods=pods, events=tuple(events))


def waiting(reason: str, number: int = 0, *, ago_ms: int = HOURS_2, **more: object) -> Pod:
    return pod(number, phase="Pending", ready=False, waiting=reason, created_ms=NOW_MS - ago_ms, **more)


def worst(found: Facts) -> Finding:
    return diagnose(found)[0]


@pytest.mark.parametrize("message", REFUSALS)
@pytest.mark.parametrize("by_event", [True, False])
def test_pods_that_are_refused_are_broken_in_the_apiservers_words(message: str, by_event: bool) -> None:
    """By the event alone (a StatefulSet has no condition), and by the condition when the events are gone."""
    told = event("FailedCreate", message, about="replicaset/web-1", count=9)
    failure = condition("ReplicaFailure", True, "FailedCreate", message, ago_s=86_400)
    found = dead(events=[told]) if by_event else dead(conditions=[failure])
    first = worst(found)
    assert (first.rule, first.severity) == (REFUSALS[message], Severity.BROKEN)
    assert first.what.startswith("2 pods are not made")
    assert message[:30] in first.evidence.replace("\\", "")
    assert "rollout" not in {one.rule for one in diagnose(found)}, "nothing goes on"


def test_a_refusal_that_is_over_is_not_told() -> None:
    over = condition("ReplicaFailure", False, "", "exceeded quota")
    assert diagnose(facts(workload=workload(conditions=(over,)), events=(event("FailedCreate", "x"),))) == []


def test_pods_that_could_not_be_read_are_not_said_to_be_missing() -> None:
    unread = replace(
        dead(events=[event("FailedCreate", "x")]), missing={"pods": "policy: denied"}, changes=()
    )
    assert not {"quota", "not-made"} & {one.rule for one in diagnose(unread)}
    assert worst(unread).severity is Severity.BROKEN


def test_new_pods_are_refused_while_old_ones_serve() -> None:
    failure = condition("ReplicaFailure", True, "FailedCreate", "violates PodSecurity")
    seen = facts(workload=workload(updated=0, conditions=(failure,)))
    assert (worst(seen).rule, worst(seen).severity) == ("not-made", Severity.SUFFERING)
    assert worst(seen).what == "pods of its newest template are not made"


@pytest.mark.parametrize("reason", ["ContainerCreating", "PodInitializing", ""])
def test_pods_that_a_node_does_not_get_to_run_are_broken_with_its_newest_words(reason: str) -> None:
    told = [
        event("FailedCreatePodSandBox", "no IP addresses available", ago_s=30, count=50),
        event("FailedMount", "older", ago_s=90),
        event("Odd", "about somebody else", about="pod/web-9", ago_s=1),
    ]
    first = worst(dead(waiting(reason), waiting(reason, 1), events=told))
    assert (first.rule, first.severity) == ("stuck-starting", Severity.BROKEN)
    assert first.what == f"2 of 2 pods do not start: in {reason or 'Pending'} for 2h"
    assert first.evidence == 'FailedCreatePodSandBox: "no IP addresses available" (x50)'


def test_the_init_container_that_the_others_wait_for_is_named() -> None:
    first = worst(dead(waiting("PodInitializing", initializing="wait-db")))
    assert first.evidence == "pod web-0: waits for init container wait-db"


@pytest.mark.parametrize("ago_ms", [0, 119_000])
def test_young_pods_are_starting(ago_ms: int) -> None:
    found = {one.rule: one.severity for one in diagnose(dead(waiting("ContainerCreating", ago_ms=ago_ms)))}
    assert found == {"starting": Severity.NOTED, "rollout": Severity.NOTED}


def ending(**more: object) -> Pod:
    return pod(deleting=True, ready=False, ends_ms=NOW_MS - 3_600_000, **more)


def test_pods_that_should_have_ended_long_ago() -> None:
    first = worst(dead(ending()))
    assert (first.rule, first.severity) == ("terminating", Severity.BROKEN)
    assert first.what == "1 of 1 pods should have ended 1h ago and are Terminating"
    held = worst(dead(ending(finalizers=("example.com/wait",))))
    assert held.evidence == 'pod web-0: waits for "example.com/wait"'
    at_work = facts(pods=(*facts().pods, ending()))
    assert [(one.rule, one.severity) for one in diagnose(at_work)] == [("terminating", Severity.NOTED)]
    on_time = facts(pods=(*facts().pods, pod(9, deleting=True, ends_ms=NOW_MS - 60_000)))
    assert diagnose(on_time) == []


def test_pods_of_a_lost_node_say_what_their_condition_says() -> None:
    unready = condition("Ready", False, "ContainersNotReady", "containers with unready status: [app]")
    assert 'containers with unready status: [app]"' in worst(dead(pod(ready=False, unready=unready))).evidence


def test_a_killed_sidecar_is_named_among_several() -> None:
    proxy = replace(pod().containers[0], name="proxy", native_sidecar=True)
    killed = pod(containers=(*pod().containers, proxy), restarts=14, last_exit="OOMKilled", last_exit_of="proxy",
                 last_exit_ms=NOW_MS - 300_000)  # fmt: skip
    first = worst(facts(pods=(killed,)))
    assert (first.rule, first.severity) == ("oom-killed", Severity.SUFFERING)
    assert "pod web-0: 14 restarts, proxy last" in first.evidence


PHASES = ("Pending", "Running", "Unknown", "Failed", "Succeeded")
REASONS = ("", "ContainerCreating", "PodInitializing", "CrashLoopBackOff", "SomethingNew")


@pytest.mark.parametrize("kind", ["deployment", "statefulset"])
@pytest.mark.parametrize(("phase", "reason"), [*product(PHASES, REASONS)])
@pytest.mark.parametrize("node", ["n-1", None])
@pytest.mark.parametrize("deleting", [True, False])
def test_nothing_ready_for_two_minutes_is_always_broken(
    kind: str, phase: str, reason: str, node: str | None, deleting: bool
) -> None:
    """Whatever the pods look like, also in a state that no rule knows; and never before two minutes are over."""
    for ago_ms, broken in ((121_000, True), (60_000, False)):
        at = NOW_MS - ago_ms
        one = pod(phase=phase, waiting=reason, node=node, ready=False, created_ms=at, started_at_ms=at)
        gone = replace(one, name="web-1", deleting=deleting, ends_ms=at if deleting else 0)
        conditions = [condition("Available", False, "MinimumReplicasUnavailable", "no", ago_s=ago_ms // 1000)]
        found = dead(one, gone, conditions=conditions if kind == "deployment" else ())
        named = {f.rule for f in diagnose(found) if f.severity is Severity.BROKEN}
        assert named or not broken, found
        assert "nothing-ready" not in named or broken or not found.alive


@pytest.mark.parametrize("ahead_ms", [300_000, 365 * 86_400_000])
def test_a_clock_that_is_wrong_does_not_keep_it_silent(ahead_ms: int) -> None:
    """The cluster's times lie in our future: nothing is young for that."""
    for one in (
        waiting("ContainerCreating", ago_ms=-ahead_ms),
        pod(ready=False, started_at_ms=NOW_MS + ahead_ms),
    ):
        assert worst(dead(one)).severity is Severity.BROKEN
    assert worst(replace(dead(), now_ms=0)).severity is Severity.BROKEN


def test_without_pods_and_words_it_is_said_that_nobody_says_why() -> None:
    assert worst(dead()).evidence == "it has no pods, and nobody says why"
    unavailable = condition("Available", False, "MinimumReplicasUnavailable", "no minimum availability")
    said = worst(dead(conditions=[unavailable]))
    assert (said.what, said.evidence) == ("0 of 2 ready for 1h", '"no minimum availability"')


def test_pods_that_have_all_ended_are_said_to_have_ended() -> None:
    ended = pod(ready=False, phase="Failed")
    assert worst(dead(ended)).evidence == "its pods have ended, or are ending: web-0 is Failed"
    told = event("Evicted", "The node was low on resource: memory.")
    assert worst(dead(ended, events=[told])).evidence.startswith('Evicted: "The node was low')


def test_a_scheduling_gate_is_told_by_the_condition_of_the_pod() -> None:
    """The scheduler sends no event about it."""
    gated = condition("PodScheduled", False, "SchedulingGated", "Scheduling is blocked")
    assert worst(dead(pod(phase="Pending", node=None, ready=False, unready=gated))).evidence == (
        'pod web-0: "Scheduling is blocked"'
    )
    silent = worst(dead(pod(phase="Pending", node=None, ready=False)))
    assert silent.evidence == "the scheduler has not said why"


def test_what_keeps_a_container_from_being_made_is_told_in_the_kubelets_words() -> None:
    waits = pod(phase="Pending", ready=False, waiting="CreateContainerConfigError")
    first = worst(dead(waits, events=[event("Failed", 'Error: secret "db" not found', count=3)]))
    assert first.rule == "cannot-start"
    assert first.evidence == (
        'pod web-0: CreateContainerConfigError; Failed: "Error: secret \\"db\\" not found" (x3)'
    )


def test_what_was_made_just_now_or_asks_for_nothing_is_not_broken() -> None:
    new = workload(replicas=2, ready=0, updated=0, created_at="2026-03-02T13:59:00Z")
    assert not [f for f in diagnose(facts(workload=new, pods=())) if f.severity is Severity.BROKEN]
    none = workload(replicas=0, ready=0, updated=0)
    assert not [f for f in diagnose(facts(workload=none, pods=())) if f.severity is Severity.BROKEN]
