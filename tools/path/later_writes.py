"""What was written over a change of ours, and by whom: in words for a person, from what the cluster shows now."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from tools.cluster_types import Manager, Workload, manager_of
from tools.path.bounds_marks import fields_of
from tools.resource_arguments import VALUES

_MANAGER = re.compile(r"[A-Za-z0-9][-._:/A-Za-z0-9]{0,127}")


def last_writer(workload: Workload, intent: str, fields: Mapping[str, object]) -> str | None:
    """The field manager that wrote those fields of a view last, beside the intent; of the pods, where the view is of
    pods.

    None where none is seen, or its name is no plain word: it is untrusted text. A write through `/scale` has no
    time, so that only its field tells it from the others; and who scales has not written the template.
    """
    written, managers = _where(workload, fields)
    others = [
        one
        for one in managers
        if one.name != manager_of(intent) and any(_wrote(one, field) for field in written)
    ]
    newest = max(others, key=lambda one: one.at, default=None)
    return newest.name if newest and _MANAGER.fullmatch(newest.name) else None


def _where(workload: Workload, fields: Mapping[str, object]) -> tuple[Iterable[str], Iterable[Manager]]:
    """The fields that the view is of, and the managers of the objects that have them."""
    pods, hpa = workload.pods, workload.autoscaler
    if hpa is not None:
        return fields_of(fields), hpa.managers
    if pods is not None:
        return ("spec",), [one for pod in pods for one in pod.managers]
    return ("spec.replicas" if "replicas" in fields else "spec.template",), workload.managers


def _wrote(manager: Manager, field: str) -> bool:
    return any(path == field or path.startswith(f"{field}.") or path == "spec" for path in manager.fields)


def now_and_left(now: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    """What differs between a view of now and the one that a change of ours left: `now 5, we left 4`."""
    pods = after.get("pods")
    if pods is None:
        return ", ".join(_differences(now, after)) or "what we left is not recorded"
    found = list(_of_pods(now["pods"], pods))
    more = f", and {len(found) - 1} more" if len(found) > 1 else ""
    return found[0] + more if found else "other containers"


def _of_pods(now: Mapping[str, Any], left: Mapping[str, Any]) -> Iterator[str]:
    for name, pod in sorted(now.items()):
        if name not in left or pod["uid"] != left[name].get("uid", pod["uid"]):
            yield f"pod {name} came since, with other values"
        elif differences := list(_differences(pod, left[name])):
            yield f"pod {name}: {', '.join(differences)}"


def _differences(now: Mapping[str, Any], left: Mapping[str, Any]) -> Iterator[str]:
    for name, was in left.items():
        if name in now and now[name] != was:
            title = "" if name == "replicas" else f"{name} "
            yield f"{title}now {_shown(name, now[name])}, we left {_shown(name, was)}"


def _shown(name: str, value: Any) -> str:
    return VALUES[name].show(value) if name in VALUES else str(value)
