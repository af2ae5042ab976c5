"""What a workload's HPA shows of an intent's write: its mark, its bounds, who wrote there since. Pure.

An HPA counts no generations. So the write leaves an annotation beside the bounds, and its field manager is the mark:
it stays when others change the bounds, and only another write of ours takes it away.
"""

from typing import Any

from audit.record import Record
from tools.cluster.objects import unix_ms
from tools.cluster_types import Autoscaler, Workload, fence_manager_of
from tools.path.bounds_marks import fields_of
from tools.path.evidence import Evidence, spec_of, told_managers


def of_autoscaler(workload: Workload, intent: Record, *, fenced: bool) -> Evidence | None:
    """What the HPA says; None where it has no mark and is not fenced off yet."""
    hpa = workload.autoscaler
    assert hpa is not None, "observe.with_autoscaler has read it"
    spec, args = spec_of(intent)
    now, before = spec.view(args, workload), (intent.before or {})["fields"]
    if hpa.uid != before["autoscaler_uid"]:
        return Evidence(None, "it is another HPA of the same name by now", _facts(hpa))
    if hpa.marked(intent.id):
        return Evidence("applied", "our mark is on the HPA", _facts(hpa), now)
    if not fenced:
        return None
    if now == before and not _written_since(hpa, intent):
        return Evidence("not_applied", "did not happen; a late write can no longer land", _facts(hpa))
    return Evidence(
        None, "another writer has changed it since; our mark would be gone either way", _facts(hpa)
    )


def _written_since(hpa: Autoscaler, intent: Record) -> bool:
    """Whether another manager wrote those bounds after we had looked: back to what they were, even."""
    looked_ms, asked = int((intent.observation or {})["at_ms"]), set(fields_of(intent.args or {}))
    others = [one for one in hpa.managers if one.name != fence_manager_of(intent.id)]
    return any(unix_ms(one.at) > looked_ms for one in others if one.at and asked & set(one.fields))


def _facts(hpa: Autoscaler) -> dict[str, Any]:
    """What a person needs to see of it to decide."""
    return {
        "autoscaler": hpa.name,
        "uid": hpa.uid,
        "resource_version": hpa.resource_version,
        "managers": told_managers(hpa.managers),
    }
