"""What is refused of a change in place before any write, since the pods are written one by one."""

from collections.abc import Sequence

from tools.actions.in_place_progress import state
from tools.actions.resized_pods import Resize
from tools.actions.resource_args import amount_of
from tools.cluster.qos import qos_class
from tools.cluster_types import Resources, Workload
from tools.errors import ArgumentsInvalid
from tools.resource_arguments import VALUES, SetResourcesArgs

MOST_PODS = 100
"""More are not written in a row: it would outlast its permit. A rollout does them all."""
_ROLLOUT = "leave in_place out: a rollout changes them all"


def check(args: SetResourcesArgs, name: str, workload: Workload, resizes: Sequence[Resize]) -> None:
    """Raises ArgumentsInvalid for what would not be taken, is another action than the one that is judged, or has to
    wait for a pod."""
    where = f"container {name}"
    if not resizes:
        raise ArgumentsInvalid("it has no running pods", where=where, hint="leave in_place out: the template")
    if len(resizes) > MOST_PODS:
        raise ArgumentsInvalid(
            f"{len(resizes)} pods, at most {MOST_PODS} in place", where=where, hint=_ROLLOUT
        )
    for resize in resizes:
        _fits(args, resize)
        _same_class(resize)
    _says_restarts(args, name, resizes)
    _says_lower(args, resizes)
    if any(one.restarts for one in resizes):
        _others_ready(args, workload, resizes)


def next_to_restart(resizes: Sequence[Resize]) -> Resize:
    """The pod that is changed now, where that restarts a container: one that does not serve first."""
    return min((one for one in resizes if one.changes), key=lambda one: (one.pod.ready, one.pod.name))


def _fits(args: SetResourcesArgs, resize: Resize) -> None:
    for resource in ("cpu", "memory"):
        request, limit = (amount_of(resize.after, f"{resource}_{part}") for part in ("request", "limit"))
        if request is not None and limit is not None and request > limit:
            value, now = VALUES[f"{resource}_request"], resize.container.resources
            asked, show = value.show_asked(request, amount_of(now, f"{resource}_request")), value.show
            what = f"{resource}_request {asked} is more than its limit {show(limit)}"
            missing = "limit" if getattr(args, f"{resource}_limit") is None else "request"
            hint = f"give {resource}_{missing} too"
            raise ArgumentsInvalid(what, where=f"pod {resize.pod.name}", hint=hint)


def _same_class(resize: Resize) -> None:
    """Where the pod has resources as a whole, or we cannot reproduce the class it has, the apiserver judges."""
    pod, name = resize.pod, resize.container.name
    now = qos_class(one.resources for one in pod.containers)
    then = qos_class(resize.after if one.name == name else one.resources for one in pod.containers)
    if now != then and pod.qos in ("", now) and pod.resources == Resources():
        raise ArgumentsInvalid(
            f"its QoS class would change from {now} to {then}",
            where=f"pod {pod.name}",
            hint="change request and limit together, or leave in_place out: a rollout may change the class",
        )


def _says_restarts(args: SetResourcesArgs, name: str, resizes: Sequence[Resize]) -> None:
    """What policy is asked about must be what would be done: containers restart only where the call says so."""
    restarting = sum(one.restarts for one in resizes)
    if restarting and not args.restart_containers:
        raise ArgumentsInvalid(
            f"it restarts container {name} in {restarting} {'pod' if restarting == 1 else 'pods'} (resizePolicy), an "
            "action of its own",
            where="in_place",
            hint="say restart_containers (--restart-containers): one pod at a time; or leave in_place out",
        )
    if args.restart_containers and not restarting and any(one.changes for one in resizes):
        raise ArgumentsInvalid("it restarts no container", where="restart_containers", hint="leave it out")


def _says_lower(args: SetResourcesArgs, resizes: Sequence[Resize]) -> None:
    """A limit where there was none is a lower one. A container that starts anew is not killed by it."""
    wanted = args.wanted().get("memory_limit")
    if wanted is None:
        return
    now = [one.container.resources.memory_limit for one in resizes if not one.restarts]
    lowers = any(limit is None or limit > wanted for limit in now)
    raises = any(limit is not None and limit < wanted for limit in now)
    if lowers and not args.lower_memory_limit:
        raise ArgumentsInvalid(
            "it lowers a memory limit of running pods, an action of its own",
            where="memory_limit",
            hint=_ROLLOUT if args.restart_containers else "say lower_memory_limit (--lower-memory-limit)",
        )
    if args.lower_memory_limit and raises and not lowers:
        raise ArgumentsInvalid("it lowers no memory limit", where="lower_memory_limit", hint="leave it out")


def _others_ready(args: SetResourcesArgs, workload: Workload, resizes: Sequence[Resize]) -> None:
    """A serving pod is restarted only while all others serve, and those that were changed before it are done."""
    turn = next_to_restart(resizes).pod.name
    undone = {one.pod.name for one in resizes if not one.changes and state(args, one) != "applied"}
    for pod in workload.pods or ():
        if pod.name != turn and (not pod.ready or pod.name in undone):
            why = f"its resize is {pod.resize or 'not carried out yet'}" if pod.ready else "it is not ready"
            raise ArgumentsInvalid(
                f"one pod at a time is restarted: {why}",
                where=f"pod {pod.name}",
                hint="ask again when every pod is ready, or see why it is not: flyball why",
            )
