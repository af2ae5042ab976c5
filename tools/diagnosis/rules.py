"""All rules, one line each, and the ranking: by severity, then in this order."""

from collections.abc import Callable, Iterator

from tools.diagnosis import control, load, pods
from tools.diagnosis.types import Facts, Finding

RULES: tuple[Callable[[Facts], Iterator[Finding]], ...] = (
    pods.pending,
    pods.image,
    pods.crash_loop,
    pods.cannot_start,
    pods.not_ready,
    control.rollout,
    pods.oom_killed,
    load.memory_near_limit,
    load.errors,
    load.saturated,
    load.throttled,
    control.quota,
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
    """What is so, the worst first; empty where nothing stands out. The same facts give the same findings."""
    found = [finding for rule in RULES for finding in rule(facts)]
    return sorted(found, key=lambda finding: finding.severity)
