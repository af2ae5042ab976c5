"""Which fields of an HPA an intent wrote, and whether they are still its own. Pure."""

from collections.abc import Mapping
from typing import Any

from audit.record import Record
from tools.cluster_types import Autoscaler, manager_of

_FIELDS: Mapping[str, str] = {
    "min_replicas": "spec.minReplicas",
    "max_replicas": "spec.maxReplicas",
    "target_percent": "spec.metrics",
    "target_cpu": "spec.metrics",
    "unit": "spec.metrics",
}
"""Where managedFields has what can be set, by the argument's name."""


def fields_of(args: Mapping[str, Any]) -> frozenset[str]:
    """The fields that a call with these arguments writes; a view holds the same names."""
    return frozenset(field for name, field in _FIELDS.items() if args.get(name) is not None)


def still_ours(hpa: Autoscaler, intent: Record) -> bool:
    """Whether each bound that the intent wrote is still its own: nobody has written there since. The intent's mark
    alone does not say that, it outlives others' changes."""
    mine = {field for one in hpa.managers if one.name == manager_of(intent.id) for field in one.fields}
    return fields_of(intent.args or {}) <= mine
