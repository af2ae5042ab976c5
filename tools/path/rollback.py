"""Rollback's right of way: putting back a recorded pre-image, and only that, within its deadline."""

from collections.abc import Mapping
from typing import Any

from audit.log import Entry
from audit.record import Record
from policies.types import Observation, Principal, Request
from tools.actions import registry
from tools.cluster_types import Workload, manager_of
from tools.errors import ArgumentsInvalid
from tools.path.bounds_marks import still_ours
from tools.path.journal import Journal, parent_of
from tools.path.later_writes import last_writer, now_and_left
from tools.path.standing import CARRIED_OUT, CHANGED
from tools.spec import ActionSpec

DEADLINE_MS = 3_600_000
"""For so long after the change its rollback has right of way (docs/policy.md); later it is as any action."""


async def restores(
    journal: Journal,
    request: Request,
    spec: ActionSpec[Any],
    seen: Observation,
    workload: Workload,
    now_ms: int,
) -> bool:
    """True where the request puts back what one of our own writes changed, in time.

    To undo an undo is to act again: it has no right of way, else two changes could alternate for ever
    through a freeze. Nor has it where our marker is gone: then another manager has put the value there since.
    Raises ArgumentsInvalid where it says so and does not: another object, other values than the recorded
    ones, another manager's change, or a field that was changed since.
    """
    if request.undoes is None:
        return False
    intent = await journal.log.by_id(request.undoes)
    if intent is not None:
        await journal.checks.request(intent.record.request_id or "")
    end = await applied_end(journal, intent)
    if intent is None or end is None:
        raise ArgumentsInvalid(
            "the change to undo was never applied", where=request.undoes, hint="flyball audit tail"
        )
    _same(request, spec, intent.record)
    may_undo(request.principal, intent.record)
    if intent.record.resource is None or seen.uid != intent.record.resource.uid:
        raise ArgumentsInvalid(
            "it is another object of the same name than the one that was changed",
            where=str(request.target),
            hint="look, then act on what it is now",
        )
    if not _as_made(seen.view["fields"], end.after or {}, intent.record):
        raise await _overwritten(journal, intent.record, end.after or {}, seen.view["fields"], workload)
    if parent_of(intent.record, "undoes") is not None:
        return False
    if not _keeps_marks(workload, intent.record, end.after or {}):
        return False
    observed = intent.record.observation or {}
    return now_ms - int(observed["at_ms"]) <= DEADLINE_MS


async def _overwritten(
    journal: Journal, intent: Record, after: Mapping[str, Any], now: Any, workload: Workload
) -> ArgumentsInvalid:
    """What it has now, what we left, and who wrote last: the record where it was a change of ours, else the name of
    a field manager, which is untrusted text."""
    name = last_writer(workload, intent.id, now)
    ours = await journal.log.by_id(name.removeprefix(manager_of(""))) if name else None
    by = f"record {ours.seq}" if ours else name or "not known"
    if "pods" in after:
        now = {**now, "pods": _unlike(now, after, intent)}
    target = workload.target
    return ArgumentsInvalid(
        f"{now_and_left(now, after)}; last writer {by}",
        where=str(target),
        hint=f"flyball changes {target} -n {target.namespace}, then act on what it is now",
        quotes=name is not None and ours is None,
    )


def _as_made(now: Any, after: Mapping[str, Any], intent: Record) -> bool:
    """Whether the fields are what the change made of them. Pods that are gone took it along; one that came
    since must have what the undo would give it, so that nothing is written that the change never touched."""
    if "pods" not in after:
        return bool(now == after)
    return now["container"] == after["container"] and not _unlike(now, after, intent)


def _unlike(now: Mapping[str, Any], after: Mapping[str, Any], intent: Record) -> dict[str, Any]:
    """The pods that are neither as the change left them nor as the undo would leave a new one."""
    before, left = [_values(pod) for pod in pods_of(intent).values()], after["pods"]
    return {
        name: pod
        for name, pod in now["pods"].items()
        if (pod != left[name] if name in left else _values(pod) not in before)
    }


def _values(pod: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in pod.items() if name != "uid"}


def may_undo(who: Principal, intent: Record) -> None:
    """An agent undoes only what it did itself for the same person; a person undoes what policy lets them.

    Raises ArgumentsInvalid.
    """
    actor = intent.actor
    if who.agent is not None and (actor.id, actor.on_behalf_of) != (who.agent, who.on_behalf_of):
        hint = "a person can: flyball undo"
        raise ArgumentsInvalid("that change was made by another principal", where=f"by {actor.id}", hint=hint)


def inverse(intent: Record) -> dict[str, Any]:
    """The arguments that put back what this intent changed. Raises ArgumentsInvalid where none do."""
    spec = registry.action(tool_of(intent))
    args = registry.parse(spec.args, intent.args or {})
    return spec.inverse(args, (intent.before or {})["fields"])


def tool_of(intent: Record) -> str:
    """The registered tool that an intent record came from."""
    return (intent.labels or {})["tool"]


def pods_of(intent: Record) -> Mapping[str, Mapping[str, Any]]:
    """The pods that an intent was for, each with what it had before."""
    pods: Mapping[str, Mapping[str, Any]] = (intent.before or {})["fields"]["pods"]
    return pods


def _keeps_marks(workload: Workload, intent: Record, after: Mapping[str, Any]) -> bool:
    """Whether all that the intent wrote is still marked as ours: nobody has written there since."""
    if workload.autoscaler is not None:
        return still_ours(workload.autoscaler, intent)
    if workload.pods is None:
        return workload.marked(intent.id)
    before = pods_of(intent)
    changed = {name for name, values in after["pods"].items() if values != before.get(name)}
    return all(pod.marked(intent.id) for pod in workload.pods if pod.name in changed)


async def applied_end(journal: Journal, intent: Entry | None) -> Record | None:
    """The record that says that this live intent was carried out, wholly, in part, or as it was so already; None
    where it was not."""
    if intent is None or intent.record.kind != "action.intent" or intent.record.mode != "live":
        return None
    ends = [entry.record for entry in await journal.of_intent(intent.record)]
    return next((end for end in ends if end.outcome and end.outcome.status in CARRIED_OUT), None)


def changed(end: Record | None) -> bool:
    """Whether what ended so has changed the cluster."""
    return end is not None and end.outcome is not None and end.outcome.status in CHANGED


def _same(request: Request, spec: ActionSpec[Any], intent: Record) -> None:
    target = intent.resource
    same = target is not None and target.key == request.target.key and tool_of(intent) == spec.name
    if not same or registry.plain(registry.parse(spec.args, inverse(intent))) != request.args:
        raise ArgumentsInvalid(
            "the request is not the inverse of the change it names", where=request.undoes or ""
        )
