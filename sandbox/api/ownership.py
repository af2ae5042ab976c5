"""managedFields: who owns which field, as server-side apply keeps it.

A path is a tuple of segments as FieldsV1 writes them (`f:spec`, `k:{"name":"app"}`); rules from
sigs.k8s.io/structured-merge-diff: an update takes over what it changed, an apply owns what it named and may
change what another owns only by force.
"""

import copy
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any, Literal

from sandbox.api.store import Json

Path = tuple[str, ...]
Operation = Literal["Update", "Apply"]
UPDATE_MANAGERS_MAX = 10
"""More updating managers than this and the oldest share one entry, `ancient-changes`."""

REPLICAS: Path = ("f:spec", "f:replicas")
_KEYED = {
    "containers": ("name",),
    "initContainers": ("name",),
    "env": ("name",),
    "volumes": ("name",),
    "volumeMounts": ("mountPath",),
    "ports": ("containerPort", "protocol"),
}
_ATOMIC = frozenset({"selector", "securityContext"})
_OWNED_METADATA = ("labels", "annotations", "finalizers")


@dataclass(frozen=True, slots=True)
class Owner:
    """One entry of managedFields; name, operation and subresource identify an entry."""

    name: str
    operation: Operation
    subresource: str
    time: str = ""
    api_version: str = "apps/v1"
    fields: frozenset[Path] = field(default=frozenset())

    def same(self, other: "Owner") -> bool:
        return (self.name, self.operation, self.subresource) == (
            other.name,
            other.operation,
            other.subresource,
        )


@dataclass(frozen=True, slots=True)
class Conflict:
    """A field that an apply would change although another manager owns it."""

    owner: Owner
    path: Path


def leaves(body: Mapping[str, Any]) -> dict[Path, Any]:
    """Every ownable field of an object with its value: spec, and the shared parts of metadata."""
    metadata = body.get("metadata") or {}
    shared = {k: metadata[k] for k in _OWNED_METADATA if metadata.get(k)}
    found = dict(_leaves(shared, ("f:metadata",))) if shared else {}
    for part in ("spec", "status"):
        if body.get(part):
            found |= dict(_leaves(body[part], (f"f:{part}",)))
    return found


def _leaves(value: Any, path: Path) -> Iterable[tuple[Path, Any]]:
    name = path[-1].removeprefix("f:")
    if isinstance(value, Mapping) and value and name not in _ATOMIC:
        for key, inner in value.items():
            yield from _leaves(inner, (*path, f"f:{key}"))
    elif isinstance(value, list) and name in _KEYED and all(isinstance(i, Mapping) for i in value):
        for item in value:
            yield from _item(item, (*path, _key_segment(name, item)))
    else:
        yield path, value


def _item(item: Mapping[str, Any], path: Path) -> Iterable[tuple[Path, Any]]:
    yield (*path, "."), None
    for key, inner in item.items():
        yield from _leaves(inner, (*path, f"f:{key}"))


def _key_segment(list_name: str, item: Mapping[str, Any]) -> str:
    defaults = {"protocol": "TCP"}
    keys = {k: item.get(k, defaults.get(k)) for k in _KEYED[list_name]}
    return "k:" + json.dumps(keys, separators=(",", ":"))


def parse(entries: Iterable[Mapping[str, Any]]) -> tuple[Owner, ...]:
    """The entries as stored. Of two with the same name, operation and subresource the later one counts, and
    what the earlier one owned is nobody's from then on (measured on 1.36, after a no-op through /scale)."""
    found = (
        Owner(
            str(e.get("manager", "")),
            e.get("operation", "Update"),
            str(e.get("subresource", "")),
            str(e.get("time", "")),
            str(e.get("apiVersion", "apps/v1")),
            _fields_of(e.get("fieldsV1") or {}),
        )
        for e in entries
    )
    return tuple({(o.name, o.operation, o.subresource): o for o in found}.values())


class _Tree(dict[str, Any]):
    """A fieldsV1 that knows its paths, so that it is not taken apart again; never changed, so never copied."""

    paths: frozenset[Path]

    def __deepcopy__(self, _: object) -> "_Tree":
        return self


@lru_cache(maxsize=1024)
def _tree(fields: frozenset[Path]) -> _Tree:
    tree = _Tree()
    tree.paths = fields
    for path in sorted(fields):
        node: dict[str, Any] = tree
        for segment in path:
            node = node.setdefault(segment, {})
    return tree


def _fields_of(tree: Mapping[str, Any]) -> frozenset[Path]:
    return tree.paths if isinstance(tree, _Tree) else frozenset(_paths(tree, ()))


def _paths(node: Mapping[str, Any], path: Path) -> Iterable[Path]:
    for segment, inner in node.items():
        if inner:
            yield from _paths(inner, (*path, segment))
        else:
            yield (*path, segment)


def render(owners: Iterable[Owner]) -> list[Json]:
    """The entries as the API shows them: applies first, then by time, those without one before the others."""
    return [_entry(o) for o in sorted(owners, key=lambda o: (o.operation, o.time, o.name, o.subresource))]


def _entry(owner: Owner) -> Json:
    entry = {
        "manager": owner.name,
        "operation": owner.operation,
        "apiVersion": owner.api_version,
        "time": owner.time,
        "fieldsType": "FieldsV1",
        "fieldsV1": _tree(owner.fields),
        "subresource": owner.subresource,
    }
    return {key: value for key, value in entry.items() if value != ""}


def updated(owners: tuple[Owner, ...], by: Owner, old: Json, new: Json) -> tuple[Owner, ...]:
    """Ownership after an update: `by` takes what changed, everybody loses it, nobody keeps what is gone."""
    before, after = leaves(old), leaves(new)
    changed = {p for p, v in after.items() if p not in before or before[p] != v}
    gone = before.keys() - after.keys()
    if not changed and not gone:
        return owners
    mine = next((o.fields for o in owners if o.same(by)), frozenset())
    kept = [replace(o, fields=o.fields - changed - gone) for o in owners if not o.same(by)]
    taken = (mine | changed) - gone
    return _capped([o for o in (*kept, replace(by, fields=taken)) if o.fields])


def reported(entries: Iterable[Mapping[str, Any]], by: Owner, status: Json) -> list[Json]:
    """The entries after `by`, the only one who writes status, has written it whole (of plain values); the others
    stay as they are (and as in `parse` the later of two of the same name counts)."""
    kept = {(e["manager"], e["operation"], e.get("subresource", "")): dict(e) for e in entries}
    mine = replace(by, fields=frozenset(("f:status", f"f:{name}") for name in status))
    kept[(by.name, by.operation, by.subresource)] = _entry(mine)
    return sorted(kept.values(), key=_rank)


def _rank(entry: Json) -> tuple[str, str, str, str]:
    return entry["operation"], entry.get("time", ""), entry["manager"], entry.get("subresource", "")


def scaled(owners: tuple[Owner, ...], by: Owner, *, changed: bool) -> tuple[Owner, ...]:
    """Ownership after an update through /scale, which sees the owners of `spec.replicas` only.

    Where nobody owns it, the writer is not recorded either: an update of an object without managedFields is
    not tracked, and such a Scale has none. Where nothing changes, its owners are still split off into entries
    without a time. (Both measured on 1.36.)
    """
    holders = [o for o in owners if REPLICAS in o.fields]
    if not holders:
        return owners
    taken = [by] if changed else holders
    rest = [replace(o, fields=o.fields - {REPLICAS}) for o in owners]
    split = [replace(o, time="", fields=frozenset({REPLICAS})) for o in taken]
    return _capped([o for o in (*rest, *split) if o.fields])


def before_first_apply(owners: tuple[Owner, ...]) -> tuple[Owner, ...]:
    """Before an apply through /scale a `spec.replicas` that nobody owns gets an owner of that name."""
    if any(REPLICAS in o.fields for o in owners):
        return owners
    nobody = Owner("before-first-apply", "Update", "scale", fields=frozenset({REPLICAS}))
    return (*owners, nobody)


def conflicts(owners: tuple[Owner, ...], by: Owner, config: Json, live: Json) -> list[Conflict]:
    """The fields that applying `config` would take from others by changing them."""
    want, have = leaves(config), leaves(live)
    changing = {p for p, v in want.items() if p not in have or have[p] != v}
    return [Conflict(o, p) for o in owners if not o.same(by) for p in sorted(o.fields & changing)]


def applied(owners: tuple[Owner, ...], by: Owner, config: Json, live: Json) -> tuple[Owner, ...]:
    """Ownership after an apply: `by` owns exactly what it named; fields that it changed are its alone."""
    taken = {c.path for c in conflicts(owners, by, config, live)}
    named = frozenset(leaves(config))
    previous = next((o for o in owners if o.same(by)), None)
    if previous is not None and previous.fields == named and not taken:
        return owners
    kept = [replace(o, fields=o.fields - taken) for o in owners if not o.same(by)]
    return tuple(o for o in (*kept, replace(by, fields=named)) if o.fields)


def dropped(owners: tuple[Owner, ...], by: Owner, config: Json) -> set[Path]:
    """Fields that `by` applied before, names no more, and nobody else owns: the apply removes them."""
    previous = next((o.fields for o in owners if o.same(by)), frozenset())
    others = {p for o in owners if not o.same(by) for p in o.fields}
    return set(previous - leaves(config).keys() - others)


def without(body: Json, path: Path) -> Json:
    """The object without that field."""
    result = copy.deepcopy(body)
    node: Any = result
    for segment in path[:-1]:
        node = _step(node, segment)
    if isinstance(node, dict):
        node.pop(path[-1].removeprefix("f:"), None)
    return result


def _step(node: Any, segment: str) -> Any:
    if segment.startswith("k:"):
        keys = json.loads(segment[2:])
        items = node if isinstance(node, list) else []
        return next((i for i in items if all(i.get(k, v) == v for k, v in keys.items())), None)
    return node.get(segment.removeprefix("f:")) if isinstance(node, dict) else None


def dotted(path: Path) -> str:
    """A path as conflict messages write it: `.spec.template.spec.containers[name="app"].image`."""
    text = ""
    for segment in path:
        if segment.startswith("k:"):
            keys = json.loads(segment[2:])
            text += "[" + ",".join(f"{k}={json.dumps(v)}" for k, v in keys.items()) + "]"
        elif segment != ".":
            text += "." + segment.removeprefix("f:")
    return text


def _capped(owners: list[Owner]) -> tuple[Owner, ...]:
    updates = sorted(
        (o for o in owners if o.operation == "Update" and o.subresource != "status"), key=lambda o: o.time
    )
    excess = (
        updates[: max(0, len(updates) - UPDATE_MANAGERS_MAX + 1)]
        if len(updates) > UPDATE_MANAGERS_MAX
        else []
    )
    if not excess:
        return tuple(owners)
    shared = frozenset(p for o in excess for p in o.fields)
    oldest = Owner("ancient-changes", "Update", "", excess[-1].time, fields=shared)
    return (oldest, *(o for o in owners if o not in excess))
