"""Rules about pods: those that do not run, and those that are not what their template says."""

import json
from collections.abc import Iterator, Mapping, Sequence

from base.durations import written
from base.quantities import format_millicores, rounded_bytes
from tools.cluster_types import ApiEvent, Container, Pod, Resources
from tools.diagnosis.types import Facts, Finding, Severity
from tools.metrics.types import Metric

IMAGE = frozenset({"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull"})
NOBODY = "nobody says why"
YOUNG_MS = 120_000
"""A pod that is younger and not ready is starting."""
HOUR_MS = 3_600_000
STARTING = frozenset({"", "ContainerCreating", "PodInitializing"})
"""Reasons of waiting that are no trouble yet (pkg/kubelet/kubelet_pods.go)."""


def pending(facts: Facts) -> Iterator[Finding]:
    """No node has taken them; the scheduler's event says why, or else its condition (held by a scheduling gate)."""
    waiting = [p for p in facts.alive if p.phase == "Pending" and p.node is None]
    if waiting:
        said = newest_reason(facts, waiting) or "the scheduler has not said why"
        why = quoted(facts.recent("FailedScheduling", within_s=86_400), said)
        yield Finding(
            "pending", worst(facts), f"{of_them(waiting, facts)} Pending: no node has taken them", why
        )


def image(facts: Facts) -> Iterator[Finding]:
    """The image cannot be pulled."""
    stuck = [p for p in facts.alive if p.waiting in IMAGE]
    if stuck:
        why = quoted(facts.recent("Failed", "BackOff"), f"pod {stuck[0].name}: {stuck[0].waiting}")
        yield Finding("image-pull", worst(facts), f"{of_them(stuck, facts)} cannot pull their image", why)


def crash_loop(facts: Facts) -> Iterator[Finding]:
    """Containers end again and again."""
    looping = [p for p in facts.alive if p.waiting == "CrashLoopBackOff"]
    if looping:
        most = max(looping, key=lambda p: p.restarts)
        cause = f"last ended by {most.last_exit}" if most.last_exit else "why it ended last is unknown"
        yield Finding(
            "crash-loop", worst(facts), f"{of_them(looping, facts)} in CrashLoopBackOff",
            f"pod {most.name}: {most.restarts} restarts{last_in(most)}, {cause}",
        )  # fmt: skip


def oom_killed(facts: Facts) -> Iterator[Finding]:
    """Killed for memory: by the last exit, or by the count within the metric's window. It suffers from what was
    within the hour, or may have been; what is known to be older is worth knowing."""
    killed = [p for p in facts.alive if p.last_exit == "OOMKilled"]
    number, count = facts.numbers.get(Metric.OOM_KILLS), facts.value(Metric.OOM_KILLS)
    if not killed and not count:
        return
    window_s = number.window_s if number is not None else 0
    in_hour = count if window_s * 1000 <= HOUR_MS else None
    lately = [p for p in killed if facts.now_ms - p.last_exit_ms <= HOUR_MS]
    undated = [p for p in killed if not p.last_exit_ms and in_hour != 0]
    parts = [
        f"pod {p.name}: {p.restarts} restarts{last_in(p)}"
        for p in sorted(killed, key=lambda p: -p.restarts)[:2]
    ]
    if count is not None:
        parts.insert(0, f"{count} {'kill' if count == 1 else 'kills'} in {written(window_s, 2)}")
    what = f"{of_them(killed, facts)} were OOMKilled" if killed else "containers were OOMKilled"
    if lately or undated or in_hour:
        yield Finding("oom-killed", Severity.SUFFERING, what, ", ".join(parts))
        return
    last = max((p.last_exit_ms for p in killed), default=0)
    when = (
        f", the last time {written((facts.now_ms - last) // 1000, 2)} ago"
        if last
        else ", not within the hour"
    )
    yield Finding("oom-killed", Severity.NOTED, what + when, ", ".join(parts))


def cannot_start(facts: Facts) -> Iterator[Finding]:
    """Any other reason for which a container waits (CreateContainerConfigError, …)."""
    stuck = [p for p in facts.alive if p.waiting not in STARTING | IMAGE | {"CrashLoopBackOff"}]
    if stuck:
        warned = quoted(facts.warnings({f"pod/{p.name}" for p in stuck}), "")
        why = "; ".join(part for part in (f"pod {stuck[0].name}: {stuck[0].waiting}", warned) if part)
        yield Finding("cannot-start", worst(facts), f"{of_them(stuck, facts)} cannot start", why)


def not_ready(facts: Facts) -> Iterator[Finding]:
    """They run and do not say that they are ready."""
    unready = [p for p in facts.alive if p.phase == "Running" and not p.ready and p.waiting in STARTING]
    young = [p for p in unready if is_young(facts, p.started_at_ms or 0)]
    late = [p for p in unready if p not in young]
    if young:
        yield Finding("starting", Severity.NOTED, f"{of_them(young, facts)} are starting", "less than 2m old")
    if late:
        why = quoted(facts.recent("Unhealthy"), "") or newest_reason(facts, late) or NOBODY
        yield Finding("not-ready", worst(facts), f"{of_them(late, facts)} run and are not ready", why)


def resize(facts: Facts) -> Iterator[Finding]:
    """A resize in place that the node cannot give (yet)."""
    words = {"deferred": "no room on the node now, it tries again", "infeasible": "never on that node",
             "error": "the node failed", "pending": "not looked at yet", "in_progress": "under way"}  # fmt: skip
    for state, text in words.items():
        held = [p for p in facts.alive if p.resize == state]
        if held:
            level = Severity.NOTED if state in ("pending", "in_progress") else Severity.LIMITED
            why = f"pod {held[0].name}: {quote(held[0].resize_message)}" if held[0].resize_message else text
            yield Finding(
                f"resize-{state.replace('_', '-')}",
                level,
                f"{of_them(held, facts)}: resize {state} ({text})",
                why,
            )


def drift(facts: Facts) -> Iterator[Finding]:
    """Pods of the newest rollout that ask for something else than the template: the next rollout takes it away."""
    if facts.workload.updated < facts.workload.replicas:
        return  # old pods are meant to differ
    differing = unlike_template(facts)
    if differing:
        pod, template = differing[0], _template(facts)
        yield Finding(
            "drift", Severity.NOTED, f"{of_them(differing, facts)} were resized in place; the template was not",
            f"pod {pod.name}: {_difference(pod, template)}; a rollout brings the template's back",
        )  # fmt: skip


def unlike_template(facts: Facts) -> list[Pod]:
    """Pods that ask for something else than the template as it is now."""
    template = _template(facts)
    return [p for p in facts.alive if any(_differs(c, template) for c in p.containers)]


def _template(facts: Facts) -> Mapping[str, Resources]:
    return {c.name: c.resources for c in facts.workload.containers}


def _differs(container: Container, template: Mapping[str, Resources]) -> bool:
    return container.name in template and container.resources != template[container.name]


def _difference(pod: Pod, template: Mapping[str, Resources]) -> str:
    parts = []
    for container in pod.containers:
        for name in ("cpu_request", "cpu_limit", "memory_request", "memory_limit"):
            has, says = getattr(container.resources, name), getattr(template[container.name], name)
            if has != says:
                write = format_millicores if name.startswith("cpu") else rounded_bytes
                text = ["unset" if v is None else write(v) for v in (has, says)]
                parts.append(f"{container.name} {name.replace('_', ' ')} {text[0]}, template {text[1]}")
    return ", ".join(parts)


def is_young(facts: Facts, at_ms: int) -> bool:
    """Whether that was less than two minutes ago. What lies further in the future says nothing: a clock is wrong."""
    return abs(facts.now_ms - at_ms) < YOUNG_MS


def last_in(pod: Pod) -> str:
    """Which of several containers ended last, for behind a count of restarts."""
    return f", {pod.last_exit_of} last" if pod.last_exit_of and len(pod.containers) > 1 else ""


def newest_reason(facts: Facts, pods: Sequence[Pod]) -> str:
    """The newest that anybody says of these pods: a Warning, what holds their conditions back, an end; or nothing."""
    about = {f"pod/{pod.name}" for pod in pods}
    if warned := facts.warnings(about):
        return quoted(warned, "")
    held = [(p, why) for p in pods if p.unready and (why := p.unready.message or p.unready.reason)]
    ended = [p for p in pods if p.last_exit]
    return "; ".join((
        *(f"pod {p.name}: {quote(why)}" for p, why in held[:1]),
        *(f"pod {p.name}: {p.restarts} restarts, last ended by {p.last_exit}" for p in ended[:1]),
    ))  # fmt: skip


def worst(facts: Facts) -> Severity:
    """Nothing serves: broken. Something does: it suffers."""
    return Severity.SUFFERING if facts.workload.ready else Severity.BROKEN


def of_them(pods: Sequence[Pod], facts: Facts) -> str:
    return f"{len(pods)} of {len(facts.alive)} pods"


def quoted(events: Sequence[ApiEvent], otherwise: str) -> str:
    """The newest of these events, as a quotation: it is untrusted text."""
    if not events:
        return otherwise
    last = events[-1]
    return f"{last.reason}: {quote(last.message)}{f' (x{last.count})' if last.count > 1 else ''}"


def quote(text: str, most: int = 160) -> str:
    """Anybody's text as a JSON string of at most so many characters: nothing in it can close its quotation marks."""
    flat = " ".join(text.split())
    return json.dumps(flat if len(flat) <= most else f"{flat[: most - 1]}…", ensure_ascii=False)
