"""All rules, one line each, and the ranking: by severity, then in this order."""

from collections.abc import Callable, Iterator

from tools.diagnosis import control, jobs, load, pods, startup
from tools.diagnosis.types import Facts, Finding

RULES: tuple[Callable[[Facts], Iterator[Finding]], ...] = (
    jobs.job,
    pods.pending,
    pods.image,
    pods.crash_loop,
    pods.cannot_start,
    startup.not_made,
    startup.stuck_starting,
    startup.terminating,
    pods.not_ready,
    control.rollout,
    control.rollout_held,
    pods.oom_killed,
    load.memory_near_limit,
    load.disk_nearly_full,
    load.errors,
    load.saturated,
    load.throttled,
    control.scaled_to_zero,
    control.autoscaler,
    pods.resize,
    load.restarts,
    pods.drift,
    control.owner,
    control.lately,
    control.undated,
    control.unmeasured,
)


def diagnose(facts: Facts) -> list[Finding]:
    """What is so, the worst first; empty where nothing stands out. The same facts give the same findings. Where
    nothing is ready one of them always says so."""
    found = [finding for rule in RULES for finding in rule(facts)]
    found = [*startup.nothing_ready(facts, found), *found]
    return sorted(found, key=lambda finding: finding.severity)
