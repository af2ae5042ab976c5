"""PodDisruptionBudgets and ResourceQuotas over the pods of a workload, from the API's JSON. Pure.

A shape that no apiserver sends raises KeyError, TypeError, AttributeError or ValueError, as in tools.cluster.objects.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from base.quantities import millicores, parse, whole_bytes
from tools.cluster.kinds import Object
from tools.cluster_types import Budget, Quota, Restraints, Workload

_ALIASES = {"cpu": "requests.cpu", "memory": "requests.memory", "count/pods": "pods"}
_READ = {
    "pods": lambda text: int(parse(text)),
    "requests.cpu": millicores,
    "limits.cpu": millicores,
    "requests.memory": whole_bytes,
    "limits.memory": whole_bytes,
}
_SCOPES = frozenset({"NotTerminating", "NotBestEffort"})
"""Scopes that hold for the pods of a workload which requests anything; quotas of other scopes may not count them."""


def budgets(items: Iterable[Object], labels: Mapping[str, str]) -> tuple[Budget, ...]:
    """Those that select the pods of a template with these labels."""
    return tuple(_budget(one) for one in items if _selects(one["spec"].get("selector"), labels))


def quotas(items: Iterable[Object]) -> tuple[Quota, ...]:
    """Those that count every pod of the namespace, as their status says it; one without a status says nothing yet."""
    return tuple(
        _quota(one) for one in items if _counts(one["spec"]) and (one.get("status") or {}).get("hard")
    )


def of_each(
    workloads: Iterable[Workload], found: Sequence[Object] | None, limits: Sequence[Object] | None
) -> dict[str, Restraints]:
    """Of each workload, by its target's key; budgets and quotas of its namespace are None where they may not be
    listed."""
    left = None if limits is None else quotas(limits)
    return {
        one.target.key: Restraints(None if found is None else budgets(found, one.template_labels), left)
        for one in workloads
    }


def _budget(obj: Object) -> Budget:
    spec = obj["spec"]
    return Budget(obj["metadata"]["name"], spec.get("minAvailable"), spec.get("maxUnavailable"))


def _quota(obj: Object) -> Quota:
    hard, used = obj["status"]["hard"], obj["status"].get("used") or {}
    left: dict[str, int] = {}
    for name, text in hard.items():
        resource = _ALIASES.get(name, name)
        if resource in _READ:
            rest = _READ[resource](text) - _READ[resource](used.get(name, "0"))
            left[resource] = min(max(rest, 0), left.get(resource, max(rest, 0)))
    return Quota(obj["metadata"]["name"], left)


def _counts(spec: Object) -> bool:
    return set(spec.get("scopes") or ()) <= _SCOPES and not spec.get("scopeSelector")


def _selects(selector: Any, labels: Mapping[str, str]) -> bool:
    """A LabelSelector of policy/v1: an empty one selects every pod of the namespace, a missing one none."""
    if selector is None:
        return False
    equal = all(labels.get(key) == value for key, value in (selector.get("matchLabels") or {}).items())
    return equal and all(_holds(one, labels) for one in selector.get("matchExpressions") or ())


def _holds(one: Object, labels: Mapping[str, str]) -> bool:
    key, values = one["key"], one.get("values") or ()
    match one["operator"]:
        case "In":
            return labels.get(key) in values
        case "NotIn":
            return labels.get(key) not in values
        case "Exists":
            return key in labels
        case "DoesNotExist":
            return key not in labels
        case other:
            raise ValueError(f"unknown operator {other}")
