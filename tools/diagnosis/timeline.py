"""Was it us, and who else: our log, managedFields and events as one timeline. Pure.

managedFields holds each manager's last write only (KEP-555), and events are kept for an hour by default
(kube-apiserver --event-ttl), so an older change by others may be missing; ours are all in the log. Managers'
names and events' messages are untrusted text.

Of a write through `/scale` (`kubectl scale`, an HPA) the apiserver keeps the manager and no time. A write there that
changes nothing leaves one more such entry, without a subresource, of whoever owned the replicas before: no change.
Where nobody owns the replicas (after that, or where no manifest names them) such a write is not marked at all. (All
measured on 1.36.)
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace

from base.text import harmless
from tools.cluster.objects import unix_ms
from tools.cluster_types import ApiEvent, Change, ChangeSource, Manager, Pod, Workload

CHANGING = frozenset({
    "ScalingReplicaSet", "SuccessfulRescale", "DeploymentRollback", "SuccessfulCreate", "SuccessfulDelete",
    "Evicted", "Preempted", "TaintManagerEviction", "OOMKilling",
    "ResizeStarted", "ResizeCompleted", "ResizeDeferred", "ResizeInfeasible", "ResizeError",
})  # fmt: skip
"""Reasons of events that report a change; the others report a condition (`flyball describe` shows those)."""

_OURS = "flyball-"
_FIELDS = 5
_REPLICAS, _DEFAULT_REPLICAS = "spec.replicas", 1
_SCALABLE = ("deployment", "statefulset")
_WORD, _WHAT = 128, 240


def timeline(
    own: Sequence[Change],
    workload: Workload,
    pods: Sequence[Pod],
    events: Sequence[ApiEvent],
    since_ms: int,
) -> list[Change]:
    """All changes from `since_ms` on, newest last; of one instant in the order in which they were given. Behind
    them those whose time is not known, since none of them is known to be older. `own` are all that the log holds
    of this workload: a field manager that is one of them is not reported twice, and one that is none of them is
    another Flyball's."""
    known = {change.intent for change in own if change.intent}
    found = [
        *(replace(c, undo=c.undo and _still(c.intent, workload, pods)) for c in own),
        *_writes(workload, known),
        *(change for pod in pods for change in _resizes(pod, known)),
        *(_event(event) for event in events if _tells(event)),
    ]
    order = {"fields": 0, "log": 1, "event": 2}  # of one instant: the write, then what followed
    shown = [change for change in found if not change.at_ms or change.at_ms >= since_ms]
    return sorted(shown, key=lambda change: (not change.at_ms, change.at_ms, order[change.source]))


def tally(changes: Iterable[Change]) -> dict[str, int]:
    """How many are ours, others' and known from events only."""
    found = Counter(change.source for change in changes)
    return {"ours": found["log"], "others": found["fields"], "events": found["event"]}


def unmarked(workload: Workload) -> dict[str, str]:
    """What cannot be told, as a part that is missing: where nobody owns the replicas, the apiserver marks no write
    of them through `/scale`. They were written, unless they are the one replica that it sets by default."""
    owned = any({"spec", _REPLICAS} & set(manager.fields) for manager in workload.managers)
    if owned or workload.replicas == _DEFAULT_REPLICAS or workload.target.kind not in _SCALABLE:
        return {}
    return {f"writer of {_REPLICAS}": "managedFields name none, so that writes through /scale do not show"}


def document(change: Change) -> dict[str, object]:
    """One entry as JSON without floats."""
    return {
        "at_ms": change.at_ms or None,
        "source": change.source,
        "ours": change.ours,
        "who": change.who,
        "what": change.what,
        "about": change.about,
        "status": change.status or None,
        "settled": change.settled or None,
        "record": change.record,
        "undo": change.undo,
    }


def _tells(event: ApiEvent) -> bool:
    """A ReplicaSet's pods one by one are reported already, by its Deployment's ScalingReplicaSet."""
    each = event.reason in ("SuccessfulCreate", "SuccessfulDelete") and event.about.startswith("replicaset/")
    return event.reason in CHANGING and not each


def _still(intent: str, workload: Workload, pods: Sequence[Pod]) -> bool:
    """Whether what it wrote still stands: an undo of an overwritten value would be refused."""
    return workload.marked(intent) or any(pod.marked(intent) for pod in pods)


def _writes(workload: Workload, known: set[str]) -> Iterable[Change]:
    about = str(workload.target)
    for manager in workload.managers:
        if manager.subresource == "status" or _intent(manager) in known:
            continue
        if manager.at or manager.subresource:
            created = manager.at and unix_ms(manager.at) == unix_ms(workload.created_at)
            yield _write(manager, about, "created it" if created else _fields(manager))


def _intent(manager: Manager) -> str:
    """The intent that this manager would be the mark of, or the fence of."""
    return manager.name.removeprefix(_OURS).removeprefix("fence-")


def _resizes(pod: Pod, known: set[str]) -> Iterable[Change]:
    for manager in pod.managers:
        if manager.subresource == "resize" and _intent(manager) not in known:
            yield _write(manager, f"pod/{pod.name}", "resized in place")


def _write(manager: Manager, about: str, what: str) -> Change:
    name = manager.name or "unnamed"
    who = f"another Flyball ({name})" if name.startswith(_OURS) else name
    return _others(unix_ms(manager.at) if manager.at else 0, "fields", who, what, about)


def _fields(manager: Manager) -> str:
    shown = ", ".join(manager.fields[:_FIELDS]) or "nothing that is named"
    more = len(manager.fields) - _FIELDS
    place = f" (by /{manager.subresource})" if manager.subresource else ""
    return f"wrote {shown}{f' and {more} more' if more > 0 else ''}{place}"


def _event(event: ApiEvent) -> Change:
    times = f" (x{event.count})" if event.count > 1 else ""
    what = f"{event.reason}: {event.message}{times}"
    return _others(event.at_ms, "event", event.source or "unnamed", what, event.about, event.type)


def _others(at_ms: int, source: ChangeSource, who: str, what: str, about: str, status: str = "") -> Change:
    texts = (harmless(who, _WORD), harmless(what, _WHAT), harmless(about, _WORD))
    return Change(at_ms, source, *texts, status=harmless(status, _WORD))
