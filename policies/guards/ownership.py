"""Another controller owns this field: it would revert a change."""

from policies.inputs import DecisionInput, Refusal

_REPLICAS_ONLY = ("horizontalpodautoscaler", "scaledobject")
"""Autoscalers keep the replicas and nothing else; every other owner is taken to keep the whole object."""


def ownership(case: DecisionInput) -> Refusal | None:
    """Refuses what an autoscaler or a deployer would undo, and says where the change belongs."""
    owner = case.seen.owner
    if owner is None:
        return None
    scales = owner.partition("/")[0].lower() in _REPLICAS_ONLY
    if scales and not any(delta.dimension == "replicas" for delta in case.seen.deltas):
        return None
    hint = "change its bounds instead" if scales else "change it at its source instead"
    return Refusal("ownership", None, f"{owner} owns this field and would revert the change: {hint}")
