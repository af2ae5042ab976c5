"""What is refused of set_resources where an HPA scales by the CPU requests: to move its scale point unsaid."""

from base.quantities import format_millicores
from tools.actions.requested_cpu import known_sum, total
from tools.actions.resized_pods import resizes
from tools.actions.resource_args import container_of
from tools.cluster_types import Resources, Workload
from tools.errors import ArgumentsInvalid
from tools.resource_arguments import SetResourcesArgs
from tools.scale_point import ScalePoint


def check(args: SetResourcesArgs, workload: Workload) -> None:
    """Raises ArgumentsInvalid where the HPA would add pods at another CPU than now and the call does not say so, or
    comes before the HPA's lower target that belongs to it."""
    hpa = workload.scaled_by
    if args.cpu_request is None or args.scale_point_held or hpa is None or hpa.target_percent is None:
        return
    before, after = _requests(args, workload)
    if not before or not after or before == after:
        return  # without requests the HPA computes nothing, and so has no scale point
    now = ScalePoint(hpa.target_percent, before)
    where = f"horizontalpodautoscaler/{hpa.name}"
    if args.hpa_target is None and now.kept(after) != now.percent:
        raise ArgumentsInvalid(_moves(now, after), where=where, hint=_both(args, now, after))
    if args.hpa_target is not None and after > before and now.percent > args.hpa_target:
        raise ArgumentsInvalid(
            f"it aims at {now.percent}% still: of larger requests that is later than now",
            where=where,
            hint=f"first: {_target(args, args.hpa_target)}",
        )


def held(args: SetResourcesArgs, workload: Workload) -> None:
    """Raises ArgumentsInvalid where the call counts on the HPA's target being CPU of a pod, and it is not yet."""
    hpa = workload.scaled_by
    if args.scale_point_held and hpa is not None and hpa.target_percent is not None:
        raise ArgumentsInvalid(
            f"it aims at {hpa.target_percent}% of the CPU requests still",
            where=f"horizontalpodautoscaler/{hpa.name}",
            hint=f"first: flyball act keep-scale-point {args.workload} --unit cpu",
        )


def _requests(args: SetResourcesArgs, workload: Workload) -> tuple[int | None, int | None]:
    """The CPU requests that the HPA divides by, now and then, in millicores: of the template, or of all its pods."""
    if not args.in_place:
        changed = container_of(args, workload.containers)
        return total(workload.containers), total(
            workload.containers, changed.name, args.wanted()["cpu_request"]
        )
    pods = workload.pods or ()
    if any(pod.resources != Resources() for pod in pods):  # the pod's own amounts count, and stay
        return None, None
    after = {one.pod.name: one.after.cpu_request for one in resizes(args, workload)}
    name = container_of(args, workload.containers).name
    was = [total(pod.containers) for pod in pods]
    then = [total(pod.containers, name, after.get(pod.name)) for pod in pods]
    return known_sum(was), known_sum(then)


def _moves(now: ScalePoint, after: int) -> str:
    then = ScalePoint(now.percent, after)
    of = f"it adds pods at {now.percent}% of the CPU requests"
    if now.millicores > 0 and now.kept(after) == 0:
        return f"{of}, and less than 1% of the new ones would be the same CPU"
    return f"{of}, {_share(now)}; of the new ones that would be {_share(then)}"


def _share(point: ScalePoint) -> str:
    return f"{format_millicores(point.millicores)} of {format_millicores(point.requests)}"


def _both(args: SetResourcesArgs, now: ScalePoint, after: int) -> str:
    """The commands that do both, in the order in which the HPA never takes pods away in between."""
    kept = now.kept(after)
    moved = f"to move it: --hpa-target {now.percent}"
    if kept == 0:
        return moved
    target, own = _target(args, kept), _own(args, kept)
    steps = [own + " --wait", target] if after < now.requests else [target, own]
    return f"first: {steps[0]}\nthen: {steps[1]}\n{moved}"


def _target(args: SetResourcesArgs, percent: int) -> str:
    return f"flyball act set-autoscaler-bounds {args.workload} --target-percent {percent}"


def _own(args: SetResourcesArgs, percent: int) -> str:
    """The call itself, and what it has to say of the HPA."""
    given = {
        name: value for name, value in args.model_dump().items() if value is not None and name != "workload"
    }
    words = [_flag(name, value) for name, value in given.items()]
    return " ".join(["flyball act set-resources", args.workload, *words, f"--hpa-target {percent}"])


def _flag(name: str, value: object) -> str:
    flag = "--" + name.replace("_", "-")
    return flag if value is True else f"{flag} {value}"
