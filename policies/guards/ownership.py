"""Another controller owns this field: it would revert a change."""

from policies.inputs import DecisionInput, Refusal

_KEPT = {
    "horizontalpodautoscaler": {"replicas"},
    "scaledobject": {"replicas", "minReplicas", "maxReplicas", "targetPercent"},
}
"""What autoscalers keep, and nothing else: an HPA the replicas, KEDA also the HPA that it has made; every other owner
is taken to keep the whole object."""


def ownership(case: DecisionInput) -> Refusal | None:
    """Refuses what an autoscaler or a deployer would undo, and says where the change belongs."""
    owner = case.seen.owner
    if owner is None:
        return None
    kept = _KEPT.get(owner.partition("/")[0].lower())
    if kept is not None and not any(delta.dimension in kept for delta in case.seen.deltas):
        return None
    scales = kept is not None
    hint = "change its bounds instead" if scales else "change it at its source instead"
    return Refusal("ownership", None, f"{owner} owns this field and would revert the change: {hint}")
