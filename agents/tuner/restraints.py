"""What bounds replicas beside policy: PodDisruptionBudgets on the way down, ResourceQuotas on the way up.

A workload that is no larger than its budget asks for blocks every drain of a node; pods beyond a quota are never
made. Both are looked at before anything is proposed, and said.
"""

from collections.abc import Mapping
from dataclasses import replace

from agents.tuner.strategy import Proposal
from tools.cluster_types import Budget, Restraints, Workload

SINGLE = "leaves a single replica: nothing serves while that one moves"


def restrained(found: Proposal, workload: Workload, known: Restraints, taken: Mapping[str, int]) -> Proposal:
    """The proposal within budgets and quotas, with both figures where they differ, and what was looked at. `taken` is
    what the proposals before it in the pass take of the namespace's quotas."""
    if found.proposed is None:
        return found
    if found.proposed < found.now:
        return _lowered(found, found.proposed, known.budgets)
    return _raised(found, found.proposed, workload, known, taken)


def takes(found: Proposal, workload: Workload) -> Mapping[str, int]:
    """What it would take of the namespace's quotas, by resource; what a smaller workload frees is not there yet."""
    more = max(0, (found.proposed or 0) - found.now)
    return {resource: more * amount for resource, amount in _of_one_pod(workload).items()}


def noted(found: Proposal) -> Proposal:
    """With a word where no second replica is left."""
    single = found.proposed == 1 and found.now > 1
    return found.said(SINGLE) if single else found


def _lowered(found: Proposal, wanted: int, budgets: tuple[Budget, ...] | None) -> Proposal:
    if budgets is None:
        return found.said("poddisruptionbudgets may not be listed: not looked at")
    fits = (n for n in range(wanted, found.now) if all(one.disruptions(n) for one in budgets))
    best = next(fits, None)
    if best == wanted:
        return found
    blocking = [one.name for one in budgets if not one.disruptions(wanted)]
    note = f"poddisruptionbudget {', '.join(blocking)} would let no pod be moved at {wanted}"
    return _moved(found, best, "disruption-budget", note)


def _raised(
    found: Proposal, wanted: int, workload: Workload, known: Restraints, taken: Mapping[str, int]
) -> Proposal:
    if known.quotas is None:
        return found.said("resourcequotas may not be listed: not looked at")
    pod = _of_one_pod(workload)
    spare = [
        (max(0, left - taken.get(resource, 0)) // pod[resource], quota.name, resource)
        for quota in known.quotas
        for resource, left in quota.left.items()
        if pod.get(resource)
    ]
    room, name, resource = min(spare, default=(wanted, "", ""))
    if found.now + room >= wanted:
        return found
    note = f"resourcequota {name} has room for {room} more pods ({resource})"
    return _moved(found, found.now + room if room else None, "quota-full", note)


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


def _moved(found: Proposal, best: int | None, why: str, note: str) -> Proposal:
    moved = found.said(note).to(best)
    return replace(moved, why=why) if best is None else moved
