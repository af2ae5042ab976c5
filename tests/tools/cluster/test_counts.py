"""How many pods a DaemonSet and a Job want and have, and what is said of them.

job                           wants to run now
fresh, parallelism 3 of 10    3
9 of 10 succeeded             1
complete, failed, suspended   0
"""

from typing import Any

import pytest

from tests.flyball.facts import condition, facts, pod, workload
from tools.cluster import objects
from tools.cluster.counts import Counts, counts
from tools.cluster_types import Condition, JobProgress, Ownership
from tools.diagnosis.rules import diagnose
from tools.diagnosis.types import Severity


def body(spec: dict[str, Any], **status: Any) -> dict[str, Any]:
    meta = {"name": "x", "namespace": "shop", "uid": "u", "resourceVersion": "7", "generation": 4}
    template = {"template": {"spec": {"containers": [{"name": "main", "image": "i"}]}}}
    selector = {"selector": {"matchLabels": {"app": "x"}}}
    return {"metadata": meta | {"creationTimestamp": "2026-01-01T00:00:00Z"}, "spec": template | selector | spec,
            "status": status}  # fmt: skip


def ended(type: str) -> list[dict[str, str]]:
    return [{"type": type, "status": "True"}]


JOBS: list[tuple[dict[str, Any], dict[str, Any], int]] = [
    ({}, {}, 1),
    ({"parallelism": 3, "completions": 10}, {}, 3),
    ({"parallelism": 3, "completions": 10}, {"succeeded": 9}, 1),
    ({"parallelism": 3, "completions": 10, "suspend": True}, {}, 0),
    ({"completions": 1}, {"succeeded": 1, "conditions": ended("Complete")}, 0),
    ({"completions": 1}, {"failed": 7, "conditions": ended("Failed")}, 0),
    ({"parallelism": 0}, {}, 0),
]


@pytest.mark.parametrize(("spec", "status", "wanted"), JOBS)
def test_what_a_job_wants_to_run_now(spec: dict[str, Any], status: dict[str, Any], wanted: int) -> None:
    found = counts("job", body(spec, **status))
    assert (found.replicas, found.updated, found.observed) == (wanted, wanted, 4)


def test_a_daemonset_wants_a_pod_on_each_node_that_it_chooses() -> None:
    status = {"desiredNumberScheduled": 5, "numberReady": 3, "updatedNumberScheduled": 4, "numberAvailable": 2,
              "observedGeneration": 4}  # fmt: skip
    assert counts("daemonset", body({}, **status)) == Counts(5, 3, 4, 2, 4)
    assert counts("daemonset", body({})) == Counts(0, 0, 0, 0, 0)
    seen = objects.workload("c", "daemonset", body({}, **status), Ownership())
    assert (seen.replicas, seen.ready, seen.strategy) == (5, 3, "RollingUpdate")


def test_what_kubectl_prints_of_them_is_there() -> None:
    status = {"succeeded": 1, "startTime": "2026-01-01T00:00:10Z", "completionTime": "2026-01-01T00:01:00Z"}
    seen = objects.workload("c", "job", body({"completions": 3, "parallelism": 2}, **status), Ownership())
    assert seen.job is not None
    assert (seen.job.succeeded, seen.job.completions, seen.job.parallelism) == (1, 3, 2)
    assert seen.job.completed_ms - seen.job.started_ms == 50_000
    begun = objects.workload("c", "job", body({}), Ownership()).job
    assert begun == JobProgress(0, None, 1, 0, 0)
    daemon = objects.workload("c", "daemonset", body({}, currentNumberScheduled=4), Ownership())
    assert (daemon.current, daemon.job) == (4, None)


def of(kind: str, *conditions: Condition, **more: Any) -> Any:
    target = workload().target.model_copy(update={"kind": kind})
    return workload(target=target, conditions=conditions, **more)


def test_a_job_is_said_to_have_failed_or_ended_and_not_to_roll_out() -> None:
    failed = condition("Failed", True, "BackoffLimitExceeded", "Job has reached the specified backoff limit")
    (first,) = diagnose(facts(workload=of("job", failed, replicas=0, ready=0, updated=0), pods=()))
    assert (first.rule, first.severity) == ("job-failed", Severity.BROKEN)
    assert first.evidence == 'BackoffLimitExceeded: "Job has reached the specified backoff limit"'
    complete = of("job", condition("Complete", True, "CompletionsReached"), replicas=0, ready=0, updated=0)
    (done,) = diagnose(facts(workload=complete, pods=(pod(phase="Succeeded", ready=False),)))
    assert (done.rule, done.severity) == ("job-complete", Severity.NOTED)
    (held,) = diagnose(facts(workload=of("job", replicas=0, ready=0, updated=0, paused=True), pods=()))
    assert held.rule == "job-suspended"


def test_a_daemonset_without_nodes_is_not_scaled_to_zero() -> None:
    (found,) = diagnose(facts(workload=of("daemonset", replicas=0, ready=0, updated=0), pods=()))
    assert found.rule == "no-nodes"
