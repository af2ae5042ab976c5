"""How far the nodes have come with a change in place: by what each pod was given, and by its conditions."""

from collections import Counter
from collections.abc import Mapping, Sequence

from tools.actions.resized_pods import Resize, resizes
from tools.actions.resource_args import amount_of
from tools.cluster.rollout import STARTING, RolloutProgress, SettledState
from tools.cluster_types import Pod, Workload
from tools.resource_arguments import VALUES, SetResourcesArgs

_WORST: tuple[SettledState, ...] = ("error", "infeasible", "deferred", "applied")
_ENDS: Mapping[str, SettledState] = {"error": "error", "infeasible": "infeasible", "deferred": "deferred"}


def settled(args: SetResourcesArgs, workload: Workload, pods: Sequence[Pod]) -> RolloutProgress:
    """By what each pod's node has given it (`status.containerStatuses[].resources`) and its conditions, of those
    pods whose spec asks for it: a row of writes may have stopped half-way. A pod that is gone is not a failure:
    what took its place has the template's values."""
    asked = [one for one in resizes(args, workload, pods) if not one.pod.deleting and not one.changes]
    states = Counter(state(args, one) for one in asked)
    total, done = len(asked), states["applied"]
    if not total:
        return RolloutProgress("applied", 0, 0, "every pod that it was done on has been replaced since")
    told = ", ".join(f"{states[one]} {one or 'under way'}" for one in (*_WORST, None) if states[one])
    worst = None if states[None] else next(one for one in _WORST if states[one])
    return RolloutProgress(worst, done, total, f"{told} of {total}{_why(args, asked, worst)}")


def state(args: SetResourcesArgs, resize: Resize) -> SettledState | None:
    """Where one pod stands whose spec asks for it. A container that is restarted for it must be ready again."""
    pod, name = resize.pod, resize.container.name
    if pod.resize:
        return _ENDS.get(pod.resize)
    given = next((one.resources for one in pod.actual if one.name == name), None)
    if given is None or any(amount_of(given, field) != want for field, want in args.wanted().items()):
        return None
    if not _restarted(args, resize) or pod.ready:
        return "applied"
    return "error" if _stuck(pod) else None


def _restarted(args: SetResourcesArgs, resize: Resize) -> bool:
    moved = {VALUES[name].resource for name in args.wanted()}
    return bool(args.restart_containers) and not moved.isdisjoint(resize.container.restarts_on)


def _stuck(pod: Pod) -> bool:
    return bool(pod.waiting) and pod.waiting not in STARTING


def _why(args: SetResourcesArgs, asked: Sequence[Resize], worst: SettledState | None) -> str:
    pods = [one.pod for one in asked if worst and state(args, one) == worst]
    said = next(((pod, text) for pod in pods if (text := _message(pod))), None)
    return f"; pod {said[0].name}: {said[1]}" if said else ""


def _message(pod: Pod) -> str:
    return pod.resize_message or (f"{pod.waiting} {pod.last_exit}".rstrip() if _stuck(pod) else "")
