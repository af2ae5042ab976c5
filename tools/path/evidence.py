"""What an object shows of an intent's write: its marker, its fields, its generation. Pure.

A write is marked on whatever it wrote: the workload, or each of its pods.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from audit.record import Record
from base.text import harmless
from tools.actions import registry
from tools.cluster_types import Manager, Pod, Workload
from tools.errors import ToolError
from tools.path.rollback import pods_of, tool_of
from tools.spec import ActionSpec, Args


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the resolver saw. `says` is applied, not_applied, or None where a person must decide."""

    says: str | None
    why: str
    facts: dict[str, Any]
    after: dict[str, Any] | None = None
    quotes: bool = False
    """`why` holds words of a server (ToolError.quotes)."""

    @property
    def status(self) -> Literal["applied", "in_part", "not_applied"]:
        """As the outcome records it."""
        if self.says != "applied":
            return "not_applied"
        return "in_part" if (self.facts.get("pods") or {}).get("unwritten") else "applied"


def spec_of(intent: Record) -> tuple[ActionSpec[Any], Args]:
    """The tool and the arguments of a recorded intent."""
    spec = registry.action(tool_of(intent))
    return spec, registry.parse(spec.args, intent.args or {})


def of_workload(workload: Workload, intent: Record, *, fenced: bool) -> Evidence | None:
    """What the workload itself says; None where it has no marker and is not fenced off yet.

    Ours and a change that took our marker away would be two generations. One may be the fence's: an
    annotation on a Deployment counts, because it is copied to the ReplicaSets (Kubernetes,
    pkg/registry/apps/deployment/strategy.go).
    """
    facts = facts_of(workload)
    if workload.marked(intent.id):
        return Evidence("applied", "our marker is on the object", facts, _fields(workload, intent))
    if not fenced:
        return None
    if intent.resource is None or workload.uid != intent.resource.uid:
        return Evidence(None, "it is another object of the same name by now", facts)
    moved = workload.generation - int((intent.observation or {})["generation"])
    untouched = _fields(workload, intent) == (intent.before or {})["fields"]
    if untouched and moved <= 1:
        return Evidence("not_applied", "did not happen; a late write can no longer land", facts)
    return Evidence(None, "another writer has changed it since; our marker would be gone either way", facts)


def pods_left(workload: Workload, intent: Record) -> list[Pod]:
    """Those of the pods that the intent was for which are still there: the same objects by UID."""
    meant = pods_of(intent)
    return [p for p in workload.pods or () if p.name in meant and p.uid == meant[p.name].get("uid", p.uid)]


def of_pods(workload: Workload, intent: Record) -> Evidence:
    """What the pods say after each that bears no marker was fenced off. A pod that is gone took its write along.

    Applied where any bears our marker (with how many), not applied where none does and none was touched.
    """
    left, meant = pods_left(workload, intent), pods_of(intent)
    fields = _fields(workload, intent)
    marked = [pod.name for pod in left if pod.marked(intent.id)]
    touched = [
        pod.name
        for pod in left
        if pod.name not in marked and dict(fields["pods"].get(pod.name, {})) != dict(meant[pod.name])
    ]
    undone = sorted(_unwritten(workload, intent) & {pod.name for pod in left} - {*marked})
    facts = facts_of(workload) | {
        "pods": {
            "meant": len(meant),
            "left": len(left),
            "marked": sorted(marked),
            "changed": sorted(touched),
            "unwritten": undone,
        }
    }
    if touched:
        return Evidence(None, f"somebody has changed {', '.join(touched)} since: either may be so", facts)
    if marked:
        why = f"our marker is on {len(marked)} of {len(meant)} pods" + _gone(len(meant) - len(left))
        names = {pod.name for pod in left}
        after = fields | {"pods": {name: pod for name, pod in fields["pods"].items() if name in names}}
        return Evidence("applied", why, facts, after)
    why = "did not happen on any pod; a late write can no longer land"
    return Evidence("not_applied", why if left else "the pods that it was for are gone", facts)


def _unwritten(workload: Workload, intent: Record) -> set[str]:
    """The pods that do not have yet what was asked for."""
    spec, args = spec_of(intent)
    try:
        moves = any(delta.before != delta.after for delta in spec.deltas(args, workload))
        return {patch.pod for patch in spec.patches(args, workload)} if moves else set()
    except (
        ToolError
    ):  # what was asked for fits them no more: then none of the unmarked can be told to have it
        return set(pods_of(intent))


def _gone(count: int) -> str:
    return f", {count} are gone" if count else ""


def facts_of(workload: Workload) -> dict[str, Any]:
    """What a person needs to see of it to decide."""
    return {
        "uid": workload.uid,
        "generation": workload.generation,
        "resource_version": workload.resource_version,
        "managers": told_managers(workload.managers),
    }


def told_managers(managers: Sequence[Manager]) -> list[str]:
    """Who wrote there and when, for a person: names are anybody's text."""
    return [harmless(f"{one.name} {one.operation} {one.at}", 192) for one in managers]


def _fields(workload: Workload, intent: Record) -> dict[str, Any]:
    spec, args = spec_of(intent)
    return spec.view(args, workload)
