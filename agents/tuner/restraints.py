"""What bounds replicas beside policy: PodDisruptionBudgets on the way down, ResourceQuotas on the way up.

A workload that is no larger than its budget asks for blocks every drain of a node; pods beyond a quota are never
made. Both are looked at before anything is proposed, and said.
"""

from collections.abc import Mapping

from agents.tuner.change import Move
from agents.tuner.proposal import Proposal
from tools.cluster_types import Budget, Restraints, Workload

SINGLE = "leaves a single replica: nothing serves while that one moves"


def restrained(found: Proposal, workload: Workload, known: Restraints, taken: Mapping[str, int]) -> Proposal:
    """The proposal within budgets and quotas, with both figures where they differ, and what was looked at. `taken` is
    what the proposals before it in the pass take of the namespace's quotas."""
    pods = found.change.pods if found.change else None
    if pods is None or pods.before is None:
        return found
    if pods.after < pods.before:
        return _lowered(found, pods, pods.before, known.budgets)
    return _raised(found, pods, workload, known, taken)


def takes(found: Proposal, workload: Workload) -> Mapping[str, int]:
    """What it would take of the namespace's quotas, by resource; what a smaller workload frees is not there yet."""
    pods = found.change.pods if found.change else None
    more = max(0, pods.after - workload.replicas) if pods else 0
    return {resource: more * amount for resource, amount in _of_one_pod(workload).items()}


def noted(found: Proposal) -> Proposal:
    """With a word where no second replica is left."""
    pods = found.change.pods if found.change else None
    single = pods is not None and pods.after == 1 and (pods.before or 0) > 1
    return found.said(SINGLE) if single else found


def _lowered(found: Proposal, pods: Move, before: int, budgets: tuple[Budget, ...] | None) -> Proposal:
    if budgets is None:
        return found.said("poddisruptionbudgets may not be listed: not looked at")
    fits = (n for n in range(pods.after, before) if all(one.disruptions(n) for one in budgets))
    best = next(fits, None)
    if best == pods.after:
        return found
    blocking = [one.name for one in budgets if not one.disruptions(pods.after)]
    note = f"poddisruptionbudget {', '.join(blocking)} would let no pod be moved at {pods.after}"
    return _moved(found, pods, best, "disruption-budget", note)


def _raised(
    found: Proposal, pods: Move, workload: Workload, known: Restraints, taken: Mapping[str, int]
) -> Proposal:
    if known.quotas is None:
        return found.said("resourcequotas may not be listed: not looked at")
    each = _of_one_pod(workload)
    spare = [
        (max(0, left - taken.get(resource, 0)) // each[resource], quota.name, resource)
        for quota in known.quotas
        for resource, left in quota.left.items()
        if each.get(resource)
    ]
    room, name, resource = min(spare, default=(pods.after, "", ""))
    if workload.replicas + room >= pods.after:
        return found
    note = f"resourcequota {name} has room for {room} more pods ({resource})"
    best = workload.replicas + room
    return _moved(found, pods, best if best > (pods.before or 0) else None, "quota-full", note)


def _of_one_pod(workload: Workload) -> Mapping[str, int]:
    """What a pod more takes of a quota; what a container leaves open is not counted."""
    each = [container.resources for container in workload.containers]
    return {
        "pods": 1,
        "requests.cpu": sum(r.cpu_request or 0 for r in each),
        "limits.cpu": sum(r.cpu_limit or 0 for r in each),
        "requests.memory": sum(r.memory_request or 0 for r in each),
        "limits.memory": sum(r.memory_limit or 0 for r in each),
    }


def _moved(found: Proposal, pods: Move, best: int | None, why: str, note: str) -> Proposal:
    if best is None or found.change is None:
        return found.kept(why, note)
    return found.said(note).to(found.change.to({pods.dimension: best}))
