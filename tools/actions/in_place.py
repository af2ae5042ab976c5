"""set_resources in place: the running pods' own resources, by `pods/resize`.

It lasts until a pod is replaced: the template stays as it is. No container is restarted for it, unless its
resizePolicy asks for that: then it is an action of its own, and changes one pod at a time.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from policies.types import Delta, Scalar
from tools.actions.in_place_checks import check, next_to_restart
from tools.actions.resized_pods import Resize, resizes
from tools.actions.resource_args import amount_of, amounts_of, container_of, pod_spec_patch
from tools.cluster_types import Container, Patch, Workload
from tools.errors import ArgumentsInvalid
from tools.resource_arguments import VALUES, SetResourcesArgs


def view(args: SetResourcesArgs, workload: Workload) -> dict[str, object]:
    """The container's four values in each pod, with the pod's UID: another pod of that name is another one; and for
    which of them it restarts, where it does."""
    name = container_of(args, workload.containers).name
    pods = {one.pod.name: {"uid": one.pod.uid, **_values(one.container)} for one in resizes(args, workload)}
    return {"container": name, "pods": pods}


def _values(container: Container) -> dict[str, object]:
    restarts = {"restarts_on": list(container.restarts_on)} if container.restarts_on else {}
    return amounts_of(container.resources) | restarts


def deltas(args: SetResourcesArgs, workload: Workload) -> tuple[Delta, ...]:
    """Each distinct change once, however many pods make it. Raises ArgumentsInvalid for what would not be taken,
    would be another action than the one that is judged, or has to wait for a pod."""
    name = container_of(args, workload.containers).name
    found = resizes(args, workload)
    check(args, name, workload, found)
    moved = [
        Delta(VALUES[field].dimension, name, amount_of(one.container.resources, field), amount)
        for one in found
        for field, amount in args.wanted().items()
    ]
    return tuple(dict.fromkeys(moved))


def patches(args: SetResourcesArgs, workload: Workload) -> tuple[Patch, ...]:
    """One for each pod that is not so already; all of them where every one is."""
    body, found = {"spec": pod_spec_patch(args, workload)}, resizes(args, workload)
    return tuple(Patch("resize", body, one.pod.name) for one in _now(found) or found)


def _now(found: Sequence[Resize]) -> list[Resize]:
    """Those that are changed by this call: one, where containers restart."""
    if any(one.restarts for one in found):
        return [next_to_restart(found)]
    return [one for one in found if one.changes]


def inverse(args: SetResourcesArgs, before: Mapping[str, Any]) -> dict[str, Scalar]:
    """What brings every pod back, where all had the same values."""
    back: dict[str, Scalar] = {"workload": args.workload, "container": before["container"], "in_place": True}
    back |= {"restart_containers": args.restart_containers, "hpa_target": args.hpa_target}
    back["scale_point_held"] = args.scale_point_held
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
        if name == "memory_limit" and not args.restart_containers and amount < args.wanted()[name]:
            lowers = True
    return back | {"lower_memory_limit": lowers}


def describe(args: SetResourcesArgs, workload: Workload) -> str:
    """What each value is now (where pods differ, in how many), what it becomes, and how long that lasts."""
    template, found = container_of(args, workload.containers), resizes(args, workload)
    parts, keeps = [], []
    for name, amount in args.wanted().items():
        value = VALUES[name]
        now = Counter(amount_of(one.container.resources, name) for one in found)
        shown = [
            value.show(old) + (f" ({count})" if len(now) > 1 else "") for old, count in now.most_common()
        ]
        parts.append(
            f"{name} {', '.join(shown)} -> {value.show_asked(amount, max(filter(None, now), default=None))}"
        )
        keeps.append(value.show(amount_of(template.resources, name)))
    lasts = f"in place, until they are replaced: the template keeps {', '.join(keeps)}"
    return f"{', '.join(parts)} in {_pods(template.name, found)} ({lasts})"


def _pods(name: str, found: Sequence[Resize]) -> str:
    """In how many pods; where containers restart for it, that they do, and that the others wait."""
    pods = "1 pod" if len(found) == 1 else f"{len(found)} pods"
    if not any(one.restarts for one in found):
        return pods
    left = sum(one.changes for one in found) - 1
    more = f"; {left} more when it is ready: ask again" if left else ""
    of = pods if len(found) == 1 else f"1 of {pods}"
    return f"{of}: restarts container {name} (resizePolicy){more}"


def kubectl(args: SetResourcesArgs, workload: Workload) -> str:
    """One command a pod; `POD` where the pods are not known."""
    t, spec = workload.target, pod_spec_patch(args, workload)
    body = json.dumps({"spec": spec}, separators=(",", ":"))
    names = [patch.pod for patch in patches(args, workload)] or ["POD"]
    return "; ".join(
        f"kubectl patch pod {pod} -n {t.namespace} --context {t.cluster} --subresource resize -p '{body}'"
        for pod in names
    )
