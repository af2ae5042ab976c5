"""Rules about pods that never come to run, or never end: not made, stuck while starting, stuck while ending."""

import re
from collections.abc import Iterator, Sequence

from base.durations import written
from tools.cluster.objects import unix_ms
from tools.cluster_types import Pod
from tools.diagnosis.pods import (
    NOBODY,
    STARTING,
    YOUNG_MS,
    is_young,
    newest_reason,
    of_them,
    quote,
    quoted,
    worst,
)
from tools.diagnosis.types import Facts, Finding, Severity

_AROUND = re.compile(r"\A(\(combined from similar events\): )?Error creating: ")
"""What controllers put before the apiserver's words (pkg/controller/controller_utils.go; client-go, tools/record)."""
_QUOTA = ("exceeded quota", "failed quota")
"""What a refusal by a ResourceQuota says (plugin/pkg/admission/resourcequota)."""


def not_made(facts: Facts) -> Iterator[Finding]:
    """Pods that the apiserver refuses to take: PodSecurity, LimitRange, quota, a missing ServiceAccount, a webhook.
    By the controller's condition ReplicaFailure, which stays, and its events, which are gone after an hour."""
    failure = facts.workload.condition("ReplicaFailure")
    failed = failure is not None and failure.holds
    refused = facts.recent("FailedCreate", within_s=86_400)
    missing = 0 if "pods" in facts.missing else facts.workload.replicas - len(facts.alive)
    if not failed and not (refused and missing > 0):
        return
    of_newest = "pods of its newest template are"
    whose = f"{missing} pods are" if missing > 1 else "a pod is" if missing == 1 else of_newest
    said = refused[-1].message if refused else failure.message if failure else ""
    why = f"FailedCreate: {quote(_AROUND.sub('', said), 400)}"
    if any(word in said for word in _QUOTA):
        level = Severity.LIMITED if facts.workload.ready else Severity.BROKEN
        yield Finding("quota", level, f"{whose} not made: quota", why)
    else:
        yield Finding("not-made", worst(facts), f"{whose} not made", why)


def stuck_starting(facts: Facts) -> Iterator[Finding]:
    """A node has them and does not get them to run: volumes, network, an init container that does not
    end, a native sidecar that does not start."""
    waiting = [
        p for p in facts.alive if p.phase == "Pending" and p.node is not None and p.waiting in STARTING
    ]
    late = [p for p in waiting if not is_young(facts, _made_ms(p))]
    if young := [p for p in waiting if p not in late]:
        yield Finding("starting", Severity.NOTED, f"{of_them(young, facts)} are starting", "less than 2m old")
    if late:
        oldest = max(late, key=lambda p: _age_ms(p, facts))
        since = f"{oldest.waiting or 'Pending'} for {_span(_age_ms(oldest, facts))}"
        what = f"{of_them(late, facts)} do not start: in {since}"
        yield Finding("stuck-starting", worst(facts), what, _held_by(facts, late))


def terminating(facts: Facts) -> Iterator[Finding]:
    """Being deleted, and still there long after their grace period."""
    late = [p for p in facts.pods if p.deleting and p.ends_ms and facts.now_ms - p.ends_ms >= YOUNG_MS]
    if not late:
        return
    w, first = facts.workload, min(late, key=lambda p: p.ends_ms)
    overdue = _span(facts.now_ms - first.ends_ms)
    what = f"{len(late)} of {len(facts.pods)} pods should have ended {overdue} ago and are Terminating"
    level = worst(facts) if w.ready < w.replicas else Severity.NOTED
    if first.finalizers:
        why = f"pod {first.name}: waits for {quote(', '.join(first.finalizers))}"
    else:
        why = newest_reason(facts, late) or NOBODY
    yield Finding("terminating", level, what, why)


def nothing_ready(facts: Facts, found: Sequence[Finding]) -> Iterator[Finding]:
    """What no other rule has named: none of its pods has been ready for two minutes, and nothing says that it is
    broken. With the newest reason that anybody gives."""
    w = facts.workload
    since = _unready_since(facts)
    young = is_young(facts, since or unix_ms(w.created_at))
    if w.ready or not w.replicas or young or any(one.severity is Severity.BROKEN for one in found):
        return
    how_long = f" for {_span(facts.now_ms - since)}" if since else ""
    yield Finding("nothing-ready", Severity.BROKEN, f"0 of {w.replicas} ready{how_long}", _newest(facts))


def _newest(facts: Facts) -> str:
    """The newest Warning about any part; else what pods say; else the newest condition that is against it."""
    if warned := facts.warnings():
        return quoted(warned, "")
    told = newest_reason(facts, facts.pods)
    against = [one for one in facts.workload.conditions if one.message and not one.holds]
    newest = max(against, key=lambda one: one.since_ms, default=None)
    return told or (quote(newest.message) if newest else _silent(facts))


def _silent(facts: Facts) -> str:
    """Where no event, condition or end says anything."""
    if facts.alive:
        return NOBODY
    if facts.pods:
        return f"its pods have ended, or are ending: {facts.pods[0].name} is {facts.pods[0].phase}"
    if facts.workload.paused:
        return "it is paused: no pod is made of its template"
    return "it has no pods, and nobody says why"


def _unready_since(facts: Facts) -> int:
    """Since when none is ready, as far as it is known: by the condition Available, else since the last of its pods
    was ready or was made; 0 where nobody says."""
    available = facts.workload.condition("Available")
    if available is not None and not available.holds:
        return available.since_ms
    return max((_changed_ms(pod) for pod in facts.alive), default=0)


def _changed_ms(pod: Pod) -> int:
    return pod.unready.since_ms if pod.unready is not None and pod.unready.since_ms else _made_ms(pod)


def _made_ms(pod: Pod) -> int:
    return pod.created_ms or pod.started_at_ms or 0


def _age_ms(pod: Pod, facts: Facts) -> int:
    return facts.now_ms - _made_ms(pod)


def _span(ms: int) -> str:
    return written(max(ms, 0) // 1000, 2)


def _held_by(facts: Facts, late: Sequence[Pod]) -> str:
    first = next((p for p in late if p.initializing), None)
    init = f"pod {first.name}: waits for init container {first.initializing}" if first else ""
    warned = facts.warnings({f"pod/{p.name}" for p in late})
    parts = [part for part in (init, quoted(warned, "")) if part]
    return "; ".join(parts) or newest_reason(facts, late) or NOBODY
