"""What others do to the cluster: a `Change` patches or deletes an object as a named manager, once, every day, or
whenever another manager has changed what it keeps (as Argo CD heals itself).

    spec.target   kind/name of the object, in the Change's own namespace (or `node/…`)
    spec.manager  who does it: its name in managedFields
    spec.patch    a strategic merge patch of the object, or of spec.subresource (`scale`); or
    spec.delete   true
    spec.after    so long after the Change was made (`90m`), once; or
    spec.daily    at that time of day (`10:30`), UTC; or
    spec.heal     so long after another has changed what `patch` says
"""

import re
from dataclasses import dataclass
from typing import Any, Literal

from base.durations import seconds
from sandbox.api.apiserver import ApiServer, Write
from sandbox.api.errors import ApiError, SandboxError
from sandbox.api.kinds import KINDS, key_of, stored_at
from sandbox.api.merge import merged
from sandbox.api.store import Json, Key
from sandbox.api.validate import canonical
from tools.cluster.objects import unix_ms

ARGO_MANAGER = "argocd-controller"
ARGO_TRACKING = "argocd.argoproj.io/tracking-id"
ARGO_HEAL = "3m"
"""Argo CD looks at an application again at least so often (argocd-cm, timeout.reconciliation: 120 s and up to
60 s of jitter)."""
_DAY_MS = 86_400_000
_FIELDS = frozenset({"target", "manager", "patch", "subresource", "delete", "after", "daily", "heal"})
_WHEN = ("after", "daily", "heal")
_CLOCK = re.compile(r"([01]?[0-9]|2[0-3]):([0-5][0-9])")


@dataclass(frozen=True, slots=True)
class Change:
    """A parsed Change: `at` is a span in ms for `after` and `heal`, a time of day in ms for `daily`."""

    target: Key
    manager: str
    patch: Json | None
    subresource: Literal["", "scale"]
    when: str
    at: int


def parse(manifest: Json) -> Change:
    """Raises SandboxError, naming the field."""
    key = key_of(manifest)
    where, spec = f"Change {key.name}", manifest.get("spec")
    if not isinstance(spec, dict) or spec.keys() - _FIELDS:
        unknown = ", ".join(sorted(spec.keys() - _FIELDS)) if isinstance(spec, dict) else "spec"
        raise SandboxError(
            f"unknown to a Change: {unknown}", where=where, hint=f"known: {', '.join(sorted(_FIELDS))}"
        )
    kind, _, name = str(spec.get("target")).partition("/")
    if kind not in KINDS or not name:
        raise SandboxError("spec.target must name an object", where=where, hint="target: deployment/web")
    when = [one for one in _WHEN if one in spec]
    patch, deletes = spec.get("patch"), spec.get("delete") is True
    if len(when) != 1 or (patch is None) is not deletes or not isinstance(patch, dict | None):
        raise SandboxError(
            "a Change has a `patch` or `delete: true`, and one of `after`, `daily`, `heal`", where=where
        )
    if (deletes and when == ["heal"]) or spec.get("subresource", "") not in ("", "scale"):
        raise SandboxError("spec.heal and spec.subresource go with a patch of the object", where=where)
    target = Key(kind, key.namespace if KINDS[kind].namespaced else "", name)
    manager = str(spec.get("manager", "kubectl"))
    return Change(
        target, manager, patch, spec.get("subresource", ""), when[0], _at(spec[when[0]], when[0], where)
    )


def _at(text: Any, when: str, where: str) -> int:
    try:
        if when != "daily":
            return seconds(str(text)) * 1000
        found = _CLOCK.fullmatch(str(text))
        if found is None:
            raise ValueError(f"`{text}` is not a time of day such as 10:30")
        return (int(found[1]) * 60 + int(found[2])) * 60_000
    except ValueError as e:
        raise SandboxError(f"spec.{when}: {e}", where=where) from e


def planned(api: ApiServer, key: Key) -> None:
    """A Change was made or changed: when it comes first."""
    body = api.txn.get(key)
    if body is None:
        return
    change = parse(body)
    if change.when == "heal":
        _watch(api, key, body, change)
    elif change.when == "daily":
        api.txn.put(key, body, _next_daily(change.at, api.now_ms))
    else:
        created = unix_ms(body["metadata"]["creationTimestamp"])
        api.txn.put(key, body, None if "done" in body else max(created + change.at, api.now_ms))


def _next_daily(of_day_ms: int, now_ms: int) -> int:
    today = now_ms - now_ms % _DAY_MS + of_day_ms
    return today if today > now_ms else today + _DAY_MS


def watch(api: ApiServer, changed: Key) -> None:
    """An object was written to: its owner sees whether it is still as they want it."""
    for key in _keepers(api).get(changed, ()):
        body = api.txn.get(key)
        if body is not None:
            _watch(api, key, body, parse(body))


def _keepers(api: ApiServer) -> dict[Key, list[Key]]:
    """Who heals what; found once for as long as no Change changes."""
    at = ("keepers", api.txn.changes("change"))
    found: dict[Key, list[Key]] | None = api.txn.memo.get(at)
    if found is None:
        found = api.txn.memo[at] = {}
        for body in api.txn.all("change"):
            if "heal" in body["spec"]:
                found.setdefault(parse(body).target, []).append(stored_at(body))
    return found


def _watch(api: ApiServer, key: Key, body: Json, change: Change) -> None:
    due = api.txn.due_of(key)
    wanted = None if _holds(api, change) else due or api.now_ms + change.at
    if due != wanted:
        api.txn.put(key, body, wanted)


def _holds(api: ApiServer, change: Change) -> bool:
    live = api.txn.get(change.target)
    if live is None or change.patch is None:
        return True
    parts = {part: value for part, value in change.patch.items() if part in ("metadata", "spec")}
    return canonical(merged(live, parts)) == live


def come_due(api: ApiServer, body: Json) -> Key | None:
    """Do it; returns what was written to. What the API refuses is noted in `refused` and not tried again before
    its next time."""
    key, change = stored_at(body), parse(body)
    next_ms = _next_daily(change.at, api.now_ms) if change.when == "daily" else None
    try:
        if change.patch is None:
            api.delete(change.target)
        else:
            api.write(Write("patch", change.target, change.subresource, change.patch, change.manager))
    except (ApiError, SandboxError) as e:
        api.txn.put(key, body | {"refused": str(e), "done": True}, next_ms)
        return None
    api.txn.put(key, body | {"done": True}, next_ms)
    return change.target


def argo_keeps(manifest: Json) -> Json | None:
    """The Change by which Argo CD heals a workload that it tracks: the manifest's spec is put back."""
    meta = manifest["metadata"]
    if ARGO_TRACKING not in (meta.get("annotations") or {}):
        return None
    target = f"{manifest['kind'].lower()}/{meta['name']}"
    spec = {"target": target, "manager": ARGO_MANAGER, "patch": {"spec": manifest["spec"]}, "heal": ARGO_HEAL}
    name = f"argocd-{target.replace('/', '-')}"
    return {
        "kind": "Change",
        "metadata": {"name": name, "namespace": meta.get("namespace", "default")},
        "spec": spec,
    }
