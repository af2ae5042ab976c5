"""The same cases before the simulator's own HPA: its pure code, given what the real controller is given."""

from collections.abc import Sequence

from forecasting.hpa import controller
from forecasting.hpa.pods import PodView, Usage
from forecasting.hpa.rules import Memory
from forecasting.hpa.spec import Spec, parsed
from tests.real.hpa import SYNC_S, Decision, PodState
from tests.real.hpa_cases import Case, SeriesCase, pods_under
from tests.real.rest import Json

NOW_MS = 1_800_000_000_000


def first(case: Case) -> Decision:
    """What the simulator decides on its first look."""
    seen = controller.Seen(NOW_MS, case.replicas, _views(case.pods, NOW_MS))
    return _decision(controller.decisions(_spec(case.spec), [seen])[0])


def run(case: SeriesCase, offset_ms: int) -> list[list[int]]:
    """The replicas in each phase, one after the other; it looks each second, `offset_ms` after a phase's begin."""
    spec, memory, replicas = _spec(case.spec), Memory(), case.replicas
    phases, now_ms = [], NOW_MS + offset_ms
    ends_ms = NOW_MS
    for load, seconds in case.steps:
        ends_ms += seconds * 1000
        phase = [replicas]
        while now_ms < ends_ms:
            seen = controller.Seen(now_ms, replicas, _views(pods_under(load, replicas), now_ms))
            decided = controller.sync(spec, memory, seen)
            memory = decided.memory
            if decided.replicas != replicas:
                replicas = decided.replicas
                phase.append(replicas)
            now_ms += SYNC_S * 1000
        phases.append(phase)
    return phases


def _spec(spec: Json) -> Spec:
    return parsed({"spec": {**spec, "scaleTargetRef": {"kind": "Deployment", "name": "web"}}})


def _views(pods: Sequence[PodState], now_ms: int) -> tuple[PodView, ...]:
    return tuple(_view(f"pod-{number}", pod, now_ms) for number, pod in enumerate(pods))


def _view(name: str, pod: PodState, now_ms: int) -> PodView:
    """As the API has it: times of whole seconds."""
    usage = None
    if pod.usage is not None:
        usage = Usage(pod.usage, 2**20 * 1000, now_ms - pod.sampled_s * 1000, pod.window_s * 1000)
    return PodView(
        name=name,
        phase=pod.phase,
        deleting=False,
        start_ms=now_ms - pod.age_s * 1000,
        ready=pod.ready,
        changed_ms=now_ms - pod.changed_s * 1000,
        cpu_request=pod.request or None,
        memory_request=None,
        usage=usage,
    )


def _decision(decided: controller.Decision) -> Decision:
    reasons = {one.type: one.reason for one in decided.conditions}
    current = decided.metrics[0]["resource"]["current"] if decided.metrics else {}
    text = current.get("averageValue")
    return Decision(
        current=decided.current,
        desired=decided.replicas,
        active=reasons.get("ScalingActive", ""),
        able=reasons.get("AbleToScale", ""),
        limited=reasons.get("ScalingLimited", ""),
        utilisation=current.get("averageUtilization"),
        average=None if text is None else int(text.removesuffix("m")) * (1 if text.endswith("m") else 1000),
    )
