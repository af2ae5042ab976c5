"""Rules about what controls it: its autoscaler, its rollout, quota, an owner, recent changes."""

from collections.abc import Iterator

from tools.cluster.rollout import held_back, rolling_out
from tools.cluster_types import Change
from tools.diagnosis.pods import STARTING, quote, worst
from tools.diagnosis.startup import not_made
from tools.diagnosis.types import Facts, Finding, Severity
from tools.metrics.hints import shared
from tools.metrics.types import OF_EVERY, Metric

LATELY_S = 7200
AUTOSCALERS = ("horizontalpodautoscaler/", "scaledobject/")


def autoscaler(facts: Facts) -> Iterator[Finding]:
    """The HPA's conditions AbleToScale, ScalingActive and ScalingLimited (autoscaling/v2)."""
    hpa = facts.autoscaler
    if hpa is None:
        return
    reasons = ", ".join(hpa.reasons) or "no reason given"
    bounds = f"hpa/{hpa.name} {hpa.minimum}-{hpa.maximum}, has {hpa.current}, desired {hpa.desired}"
    if not hpa.able:
        yield Finding(
            "hpa-unable", Severity.LIMITED, "its autoscaler cannot scale it", f"{bounds}; {reasons}"
        )
    if not hpa.active:
        yield Finding(
            "hpa-no-metrics", Severity.LIMITED, "its autoscaler does not act: it has no metrics",
            f"{bounds}; {reasons}",
        )  # fmt: skip
    if hpa.limited and hpa.current >= hpa.maximum:
        use = f"; cpu {hpa.cpu_percent}% of {hpa.target_percent}%" if hpa.cpu_percent is not None else ""
        yield Finding(
            "hpa-at-maximum", Severity.LIMITED,
            f"its autoscaler stands at its maximum {hpa.maximum} and wants more", f"{bounds}{use}",
        )  # fmt: skip


def rollout(facts: Facts) -> Iterator[Finding]:
    """A rollout that goes on, and one that does not: the condition Progressing of a Deployment is then False, with
    the reason ProgressDeadlineExceeded (pkg/controller/deployment/progress.go)."""
    w = facts.workload
    if w.target.kind == "job":  # its template cannot be changed
        return
    progressing = w.condition("Progressing")
    late = (
        progressing if progressing is not None and progressing.reason == "ProgressDeadlineExceeded" else None
    )
    going_on = rolling_out(w)
    stuck = [p for p in facts.alive if p.waiting not in STARTING] if going_on else []
    evidence = f"{w.updated} of {w.replicas} updated, {w.ready} ready"
    if stuck or late:
        why = f"pod {stuck[0].name}: {stuck[0].waiting}" if stuck else quote(late.message if late else "")
        yield Finding("rollout-stuck", worst(facts), "its rollout is stuck", f"{evidence}; {why}")
    elif going_on and not any(not_made(facts)):
        yield Finding("rollout", Severity.NOTED, "a rollout is in progress", evidence)


def rollout_held(facts: Facts) -> Iterator[Finding]:
    """Pods that keep an older template until somebody acts: paused, OnDelete, a partition."""
    w = facts.workload
    if w.target.kind == "job":
        return
    held = held_back(w) if facts.alive and not rolling_out(w) else ""
    if w.paused:
        evidence = f"spec.paused is true; {held}" if held else "spec.paused is true"
        yield Finding("rollout-paused", Severity.LIMITED, "its rollouts are paused", evidence)
    elif held:
        yield Finding(
            "rollout-held",
            Severity.NOTED,
            "not every pod has the newest template, and no rollout goes on",
            held,
        )


def owner(facts: Facts) -> Iterator[Finding]:
    """Another controller owns it, which would revert a live change."""
    w = facts.workload
    if w.template_owner is not None and w.template_owner != w.owner:
        what = f"{w.template_owner} owns its template and would revert a live change of it"
        yield Finding("owned", Severity.NOTED, what, f"template owner {w.template_owner}")
    kept = w.owner
    if kept is None:
        return
    if kept.startswith("horizontalpodautoscaler/"):
        what = f"{kept} sets its replicas: change its bounds, not the replicas"
    else:
        what = f"{kept} owns it and would revert a live change"
    yield Finding("owned", Severity.NOTED, what, f"owner {kept}")


def scaled_to_zero(facts: Facts) -> Iterator[Finding]:
    """No pods are asked for; a Job that has ended asks for none, and of a DaemonSet the nodes decide."""
    kind = facts.workload.target.kind
    if facts.workload.replicas or kind == "job":
        return
    if kind == "daemonset":
        yield Finding("no-nodes", Severity.LIMITED, "it chooses no node", "status.desiredNumberScheduled 0")
    else:
        yield Finding("scaled-to-zero", Severity.LIMITED, "it is scaled to zero", "spec.replicas 0")


def lately(facts: Facts) -> Iterator[Finding]:
    """The newest change by us and the newest by others, if lately."""
    since = facts.now_ms - LATELY_S * 1000
    for ours in (True, False):
        found = [c for c in facts.changes if c.ours is ours and c.source != "event" and c.at_ms >= since]
        if found:
            minutes = (facts.now_ms - found[-1].at_ms) // 60_000
            when = f"{minutes}m ago" if minutes else "just now"
            yield _changed("changed-by-us" if ours else "changed-by-others", when, found[-1])


def undated(facts: Facts) -> Iterator[Finding]:
    """Others' writes of which the apiserver keeps no time, those through `/scale`: they may have been just now. Of
    an autoscaler's the rule `owned` tells."""
    if (facts.workload.owner or "").startswith(AUTOSCALERS):
        return
    for change in facts.changes:
        if not change.at_ms:
            yield _changed("changed-undated", "at an unknown time", change)


def _changed(rule: str, when: str, change: Change) -> Finding:
    who, text = (change.who, change.what) if change.ours else (quote(change.who), quote(change.what))
    record = f", record {change.record}" if change.record is not None else ""
    what = f"changed {when} by {who}"
    return Finding(rule, Severity.NOTED, what, f"{text}{record}", "changes {target} --since 2h")


def unmeasured(facts: Facts) -> Iterator[Finding]:
    """What is not known: nothing is concluded from it."""
    without = {m: n.missing for m, n in facts.numbers.items() if n.v is None and n.missing != "not_served"}
    away = [part for part in sorted(facts.missing) if part not in set(Metric)]
    unknown = [m.value for m in Metric if m in without or m.value in facts.missing]
    names = [*(["every metric"] if set(unknown) >= OF_EVERY else unknown), *away]
    if names:
        why = sorted({*(r.replace("_", " ") for r in without.values()), *shared(facts.missing)})
        yield Finding(
            "unmeasured", Severity.NOTED, f"not known: {', '.join(names)}", "; ".join(why),
            "metrics check {target}",
        )  # fmt: skip
