"""What the simulated apiserver refuses: the rules of the real one that a scale, a resources patch or a
manifest can break. Each finding is a field and why, as in a `Status`'s causes."""

import copy
import re
from collections.abc import Iterable, Mapping
from typing import Any

from base.quantities import (
    QuantityInvalid,
    format_bytes,
    format_millicores,
    millicores,
    parse,
    whole_bytes,
)
from sandbox.api import claim_rules
from sandbox.api.containers import LISTS
from sandbox.api.store import Json

Causes = list[tuple[str, str]]
_REQUIRED = "Required value"


def metadata(body: Json) -> Causes:
    """Labels and annotations are text, owners are objects."""
    found: Causes = []
    meta = _object(body.get("metadata"))
    for field in ("labels", "annotations"):
        pairs = meta.get(field) or {}
        if not isinstance(pairs, dict) or not all(isinstance(v, str) for v in pairs.values()):
            found.append((f"metadata.{field}", "Invalid value: must be text by name"))
    owners = meta.get("ownerReferences") or []
    if not isinstance(owners, list) or not all({"kind", "name"} <= _object(o).keys() for o in owners):
        found.append(("metadata.ownerReferences", "Invalid value: must name kind and name"))
    return found


def findings(body: Json, old: Json | None = None) -> Causes:
    """Everything wrong with a Deployment or StatefulSet; with `old`, also what may not change."""
    spec = body.get("spec")
    if not isinstance(spec, dict):
        return [("spec", _REQUIRED)]
    found = (
        replicas(spec.get("replicas"))
        + _strategy(spec.get("strategy"))
        + _update_strategy(spec.get("updateStrategy"))
    )
    found += claim_rules.of_templates(spec, old["spec"] if old is not None else None)
    template = _object(spec.get("template"))
    selector = _object(_object(spec.get("selector")).get("matchLabels"))
    labels = _object(_object(template.get("metadata")).get("labels"))
    if not selector:
        found.append(("spec.selector", _REQUIRED))
    elif any(labels.get(k) != v for k, v in selector.items()):
        found.append(
            ("spec.template.metadata.labels", "Invalid value: `selector` does not match template `labels`")
        )
    if old is not None and old["spec"]["selector"] != spec.get("selector"):
        found.append(("spec.selector", "Invalid value: field is immutable"))
    pod, path = _object(template.get("spec")), "spec.template.spec"
    if pod.get("initContainers") is not None:
        found += containers(pod["initContainers"], f"{path}.initContainers")
    found += _volumes(pod.get("volumes"), f"{path}.volumes")
    return found + containers(pod.get("containers"), f"{path}.containers")


def _volumes(value: Any, path: str) -> Causes:
    """Names, and the claims that are named."""
    if not isinstance(value or [], list):
        return [(path, "Invalid value: must be a list")]
    found: Causes = []
    for i, one in enumerate(value or []):
        if not _object(one).get("name"):
            found.append((f"{path}[{i}].name", _REQUIRED))
        claim = _object(one).get("persistentVolumeClaim")
        if claim is not None and not isinstance(_object(claim).get("claimName"), str):
            found.append((f"{path}[{i}].persistentVolumeClaim.claimName", _REQUIRED))
    return found


def replicas(value: Any) -> Causes:
    """A count of pods: an integer of 32 bits, zero or more."""
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) >= 2**31:
        return [("spec.replicas", "Invalid value: must be an integer of 32 bits")]
    if value < 0:
        return [("spec.replicas", f"Invalid value: {value}: must be greater than or equal to 0")]
    return []


def _strategy(value: Any) -> Causes:
    rolling = _object(value).get("rollingUpdate")
    shapes = {"spec.strategy": value, "spec.strategy.rollingUpdate": rolling}
    return [
        (path, "Invalid value: must be an object")
        for path, one in shapes.items()
        if one is not None and not isinstance(one, dict)
    ] + [
        (f"spec.strategy.rollingUpdate.{name}", "Invalid value: must be a count or a percentage")
        for name, amount in _object(rolling).items()
        if isinstance(amount, bool) or re.fullmatch(r"[0-9]{1,9}|[0-9]{1,3}%", str(amount)) is None
    ]


def _update_strategy(value: Any) -> Causes:
    """A StatefulSet's (pkg/apis/apps/validation, ValidateStatefulSetSpec)."""
    path, rolling = "spec.updateStrategy", _object(value).get("rollingUpdate")
    if not all(one is None or isinstance(one, dict) for one in (value, rolling)):
        return [(path, "Invalid value: must be an object")]
    found: Causes = []
    if _object(value).get("type", "RollingUpdate") not in ("RollingUpdate", "OnDelete"):
        found.append((path, f"Invalid value: {value}: must be 'RollingUpdate' or 'OnDelete'"))
    partition = _object(rolling).get("partition")
    if partition is not None and (type(partition) is not int or partition < 0):
        where = f"{path}.rollingUpdate.partition"
        found.append((where, f"Invalid value: {partition}: must be greater than or equal to 0"))
    return found


def containers(value: Any, path: str) -> Causes:
    """Names, images and resources of a list of containers; `path` is where it stands."""
    if not isinstance(value, list) or not value:
        return [(path, _REQUIRED)]
    found: Causes = []
    for i, one in enumerate(value):
        found += _container(_object(one), f"{path}[{i}]")
    names = [_object(one).get("name") for one in value]
    if len(set(map(str, names))) < len(names):
        found.append((path, "Duplicate value: container names"))
    return found


def _container(one: Mapping[str, Any], path: str) -> Causes:
    found = [(f"{path}.{key}", _REQUIRED) for key in ("name", "image") if not one.get(key)]
    if any(not isinstance(part, dict) for part in _parts(one)):
        return [(f"{path}.resources", "Invalid value: must be an object")]
    block = _object(one.get("resources"))
    requests, limits = _object(block.get("requests")), _object(block.get("limits"))
    for name, amount in requests.items():
        found += _quantity(amount, f"{path}.resources.requests[{name}]")
    for name, amount in limits.items():
        found += _quantity(amount, f"{path}.resources.limits[{name}]")
    if found:
        return found
    return [
        (
            f"{path}.resources.requests",
            f'Invalid value: "{requests[name]}": must be less than or equal to {name} limit of {limits[name]}',
        )
        for name in sorted(requests.keys() & limits.keys())
        if parse(requests[name]) > parse(limits[name])
    ]


def _parts(one: Mapping[str, Any]) -> list[Any]:
    block = one.get("resources") or {}
    return [block, *((_object(block).get(name) or {}) for name in ("requests", "limits"))]


def _quantity(amount: Any, path: str) -> Causes:
    try:
        negative = parse(amount) < 0
    except QuantityInvalid as e:
        return [(path, f"Invalid value: {e}")]
    return [(path, f'Invalid value: "{amount}": must be greater than or equal to 0')] if negative else []


def canonical(body: Json) -> Json:
    """The object with quantities as the apiserver stores them (`1000m` becomes `1`): equal is then equal."""
    result = copy.deepcopy(body)
    for one in _resource_blocks(result):
        for section in ("requests", "limits"):
            if isinstance(one.get(section), dict):
                one[section] = {name: _written(name, amount) for name, amount in one[section].items()}
    return result


def _resource_blocks(body: Json) -> Iterable[Json]:
    spec = _object(body.get("spec"))
    inner = spec if body.get("kind") == "Pod" else _object(_object(spec.get("template")).get("spec"))
    listed = (inner.get(name) for name in LISTS)
    for one in (one for found in listed if isinstance(found, list) for one in found):
        block = _object(one).get("resources")
        if isinstance(block, dict):
            yield block


def _written(name: str, amount: Any) -> Any:
    try:
        if name == "cpu":
            return format_millicores(millicores(amount))
        if name == "memory" and str(amount).endswith("i"):
            return format_bytes(whole_bytes(amount))
        parse(amount)
    except QuantityInvalid:
        return amount
    return str(amount)


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
