"""set_resources in place: the running pods' own resources, by `pods/resize`, without a restart.

It lasts until a pod is replaced: the template stays as it is. What the apiserver would refuse (another QoS
class, a removed value) is refused here before any write, since the pods are written one by one.
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from policies.types import Delta, Scalar
from tools.actions.resource_args import (
    VALUES,
    SetResourcesArgs,
    amount_of,
    amounts_of,
    container_of,
    pod_spec_patch,
)
from tools.cluster.qos import qos_class
from tools.cluster.rollout import RolloutProgress, SettledState
from tools.cluster_types import Container, Patch, Pod, Resources, Workload
from tools.errors import ArgumentsInvalid

MOST_PODS = 100
"""More are not written in a row: it would outlast its permit. A rollout does them all."""


def view(args: SetResourcesArgs, workload: Workload) -> dict[str, object]:
    """The container's four values in each pod, with the pod's UID: another pod of that name is another one."""
    name = container_of(args, workload.containers).name
    return {
        "container": name,
        "pods": {
            pod.name: {"uid": pod.uid, **amounts_of(container.resources)}
            for pod, container in _touched(name, workload)
        },
    }


def deltas(args: SetResourcesArgs, workload: Workload) -> tuple[Delta, ...]:
    """Each distinct change once, however many pods make it. Raises ArgumentsInvalid for what would not be
    taken, or would be another action than the one that is judged."""
    name = container_of(args, workload.containers).name
    touched = list(_touched(name, workload))
    _checked(args, name, touched)
    found = [
        Delta(VALUES[field].dimension, name, amount_of(container.resources, field), amount)
        for _, container in touched
        for field, amount in args.wanted().items()
    ]
    return tuple(dict.fromkeys(found))


def patches(args: SetResourcesArgs, workload: Workload) -> tuple[Patch, ...]:
    """One for each pod that is not so already; all of them where every one is."""
    body = {"spec": pod_spec_patch(args, workload)}
    touched = list(_touched(container_of(args, workload.containers).name, workload))
    changing = [pod for pod, container in touched if _changed(container, args) != container.resources]
    return tuple(Patch("resize", body, pod.name) for pod in changing or [pod for pod, _ in touched])


def inverse(args: SetResourcesArgs, before: Mapping[str, Any]) -> dict[str, Scalar]:
    """What brings every pod back, where all had the same values."""
    back: dict[str, Scalar] = {"workload": args.workload, "container": before["container"], "in_place": True}
    lowers = None
    for name in VALUES:
        back[name] = None
        if name not in args.wanted():
            continue
        amounts = {pod[name] for pod in before["pods"].values()}
        if len(amounts) != 1 or None in amounts:
            mixed = "its pods had different values before, or none"
            hint = "set each pod back by hand: flyball why shows what they had"
            raise ArgumentsInvalid(f"{name}: {mixed}", where=args.workload, hint=hint)
        (amount,) = amounts
        back[name] = VALUES[name].text(amount)
        if name == "memory_limit" and amount < args.wanted()[name]:
            lowers = True
    return back | {"lower_memory_limit": lowers}


def describe(args: SetResourcesArgs, workload: Workload) -> str:
    """What each value is now (where pods differ, in how many), what it becomes, and how long that lasts."""
    template = container_of(args, workload.containers)
    touched = list(_touched(template.name, workload))
    parts, keeps = [], []
    for name, amount in args.wanted().items():
        value = VALUES[name]
        now = Counter(amount_of(container.resources, name) for _, container in touched)
        shown = [
            value.show(old) + (f" ({count})" if len(now) > 1 else "") for old, count in now.most_common()
        ]
        parts.append(f"{name} {', '.join(shown)} -> {value.show(amount)}")
        keeps.append(value.show(amount_of(template.resources, name)))
    pods = "1 pod" if len(touched) == 1 else f"{len(touched)} pods"
    return f"{', '.join(parts)} in {pods} (in place, until they are replaced: the template keeps {', '.join(keeps)})"


def kubectl(args: SetResourcesArgs, workload: Workload) -> str:
    """One command a pod; `POD` where the pods are not known."""
    t, spec = workload.target, pod_spec_patch(args, workload)
    body = json.dumps({"spec": spec}, separators=(",", ":"))
    names = [patch.pod for patch in patches(args, workload)] or ["POD"]
    return "; ".join(
        f"kubectl patch pod {pod} -n {t.namespace} --context {t.cluster} --subresource resize -p '{body}'"
        for pod in names
    )


def settled(args: SetResourcesArgs, workload: Workload, pods: Sequence[Pod]) -> RolloutProgress:
    """By what each pod's node has given it (`status.containerStatuses[].resources`) and its conditions, of those
    pods whose spec asks for it: a row of writes may have stopped half-way. A pod that is gone is not a failure:
    what took its place has the template's values."""
    name = container_of(args, workload.containers).name
    alive = [pod for pod in pods if not pod.deleting and _asked(args, name, pod)]
    states = Counter(_state(args, name, pod) for pod in alive)
    total, done = len(alive), states["applied"]
    if not total:
        return RolloutProgress("applied", 0, 0, "every pod that it was done on has been replaced since")
    told = ", ".join(f"{states[one]} {one or 'under way'}" for one in (*_WORST, None) if states[one])
    worst = None if states[None] else next(one for one in _WORST if states[one])
    return RolloutProgress(worst, done, total, f"{told} of {total}{_why(alive, worst)}")


_WORST: tuple[SettledState, ...] = ("error", "infeasible", "deferred", "applied")
_ENDS: Mapping[str, SettledState] = {"error": "error", "infeasible": "infeasible", "deferred": "deferred"}


def _asked(args: SetResourcesArgs, name: str, pod: Pod) -> bool:
    return any(one.name == name and _changed(one, args) == one.resources for one in pod.containers)


def _state(args: SetResourcesArgs, name: str, pod: Pod) -> SettledState | None:
    if pod.resize:
        return _ENDS.get(pod.resize)
    given = next((one.resources for one in pod.actual if one.name == name), None)
    if given is None or any(amount_of(given, field) != want for field, want in args.wanted().items()):
        return None
    return "applied"


def _why(pods: Sequence[Pod], state: str | None) -> str:
    said = next((pod for pod in pods if pod.resize == state and pod.resize_message), None)
    return f"; pod {said.name}: {said.resize_message}" if said and state else ""


def _touched(name: str, workload: Workload) -> Iterator[tuple[Pod, Container]]:
    """The pods that have this container: one of an older template may not."""
    for pod in workload.pods or ():
        for container in pod.containers:
            if container.name == name:
                yield pod, container


def _changed(container: Container, args: SetResourcesArgs) -> Resources:
    return replace(container.resources, **args.wanted())


def _checked(args: SetResourcesArgs, name: str, touched: Sequence[tuple[Pod, Container]]) -> None:
    where = f"container {name}"
    if not touched:
        raise ArgumentsInvalid("it has no running pods", where=where, hint="leave in_place out: the template")
    if len(touched) > MOST_PODS:
        hint = "leave in_place out: a rollout changes them all"
        raise ArgumentsInvalid(f"{len(touched)} pods, at most {MOST_PODS} in place", where=where, hint=hint)
    for pod, container in touched:
        after = _changed(container, args)
        _fits(args, after, f"pod {pod.name}")
        _same_class(pod, name, after)
    _declared(args, touched)


def _fits(args: SetResourcesArgs, after: Resources, where: str) -> None:
    for resource in ("cpu", "memory"):
        request, limit = amount_of(after, f"{resource}_request"), amount_of(after, f"{resource}_limit")
        if request is not None and limit is not None and request > limit:
            show = VALUES[f"{resource}_request"].show
            what = f"{resource}_request {show(request)} is more than its limit {show(limit)}"
            missing = "limit" if getattr(args, f"{resource}_limit") is None else "request"
            raise ArgumentsInvalid(what, where=where, hint=f"give {resource}_{missing} too")


def _same_class(pod: Pod, name: str, after: Resources) -> None:
    """Where we cannot reproduce the class it has (init containers, pod-level resources), the apiserver judges."""
    now = qos_class(one.resources for one in pod.containers)
    then = qos_class(after if one.name == name else one.resources for one in pod.containers)
    if now != then and pod.qos in ("", now):
        raise ArgumentsInvalid(
            f"its QoS class would change from {now} to {then}",
            where=f"pod {pod.name}",
            hint="change request and limit together, or leave in_place out: a rollout may change the class",
        )


def _declared(args: SetResourcesArgs, touched: Sequence[tuple[Pod, Container]]) -> None:
    """What policy is asked about must be what would be done. A limit where there was none is a lower one."""
    wanted = args.wanted().get("memory_limit")
    if wanted is None:
        return
    now = [container.resources.memory_limit for _, container in touched]
    lowers = any(limit is None or limit > wanted for limit in now)
    raises = any(limit is not None and limit < wanted for limit in now)
    if lowers and not args.lower_memory_limit:
        raise ArgumentsInvalid(
            "it lowers a memory limit of running pods, an action of its own",
            where="memory_limit",
            hint="say lower_memory_limit (--lower-memory-limit)",
        )
    if args.lower_memory_limit and raises and not lowers:
        raise ArgumentsInvalid("it lowers no memory limit", where="lower_memory_limit", hint="leave it out")
