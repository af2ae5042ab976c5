"""What the apiserver accepts through `pods/resize`, and what it refuses.

Kubernetes 1.36, pkg/apis/core/validation (ValidatePodResize), pkg/registry/core/pod (podResizeStrategy) and
plugin/pkg/admission/podresize; the messages are measured on 1.36.2. A request that is removed where a limit
stands is not refused: it becomes the limit, as when a pod is made.
"""

from collections.abc import Mapping
from typing import Any

from base.quantities import QuantityInvalid, parse
from sandbox.api import containers, validate
from sandbox.api.errors import ApiError
from sandbox.api.indices import asks
from sandbox.api.merge import merged
from sandbox.api.store import Json, Key, Transaction

_SECTIONS = ("requests", "limits")
_RESIZABLE = ("cpu", "memory")
_ONLY = ("spec", "Forbidden: only cpu and memory resources are mutable")
_UNREADABLE = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
_FIXED = (
    "Forbidden: pod updates may not change fields other than `spec.containers[*].image`,"
    "`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing "
    "tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)"
)


def resized(old: Json, body: Mapping[str, Any]) -> Json:
    """The pod with the resources and resize policies that are sent; everything else sent along is dropped
    without a word, unless containers come, go or change places."""
    sent = _readable(body).get("spec", {})
    spec = {} if sent is None else merged(old["spec"], sent)
    before = old["spec"]["containers"]
    listed = spec.get("containers")
    after: list[Any] = listed if isinstance(listed, list) else []
    _amounts_readable(body, after)
    if [one.get("name") for one in after] == [one["name"] for one in before]:
        after = [_with_resources(one, new) for one, new in zip(before, after, strict=True)]
    kept = {"containers": after}
    if "initContainers" in old["spec"]:
        kept["initContainers"] = spec.get("initContainers") or []
    new = old | {"metadata": dict(old["metadata"]), "spec": old["spec"] | kept}
    return validate.canonical(with_requests(new))


def _with_resources(one: Json, new: Json) -> Json:
    sent = {key: new[key] for key in ("resources", "resizePolicy") if new.get(key)}
    return {key: value for key, value in one.items() if key not in ("resources", "resizePolicy")} | sent


def _readable(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """A patch that is none of a pod fails before anything is judged (measured on 1.36)."""
    spec = body.get("spec")
    parts = [body.get("metadata"), spec]
    for name in ("containers", "initContainers"):
        listed = spec.get(name) if isinstance(spec, Mapping) else None
        named = isinstance(listed, list) and all(
            isinstance(one, Mapping) and isinstance(one.get("name"), str) for one in listed
        )
        if listed is not None and not named:
            raise _no_patch(body, "cannot restore slice from map")
    if not all(part is None or isinstance(part, Mapping) for part in parts):
        raise _no_patch(body, "cannot restore struct from a plain value")
    return body


def _no_patch(body: Mapping[str, Any], why: str) -> ApiError:
    said = f'Invalid value: "{body}": {why}'
    return ApiError(422, "Invalid", f' "" is invalid: patch: {said}', (("patch", said),))


def _amounts_readable(body: Mapping[str, Any], containers: list[Any]) -> None:
    for one in containers:
        block = one.get("resources") or {}
        sections = [block.get(name) or {} for name in _SECTIONS] if isinstance(block, dict) else [None]
        try:
            for section in sections:
                for amount in _mapping(section).values():
                    parse(amount)
        except QuantityInvalid as e:
            raise _no_patch(body, _UNREADABLE) from e


def _mapping(section: Any) -> Mapping[str, Any]:
    if not isinstance(section, Mapping):
        raise QuantityInvalid("cannot restore map from slice")
    return section


def with_requests(pod: Json) -> Json:
    """A container's requests default to its limits, amount by amount, as the API does with every pod."""
    return pod | {"spec": containers.changed(pod["spec"], _defaulted)}


def _defaulted(one: Json) -> Json:
    block = one.get("resources") or {}
    if not block.get("limits"):
        return one
    return one | {"resources": block | {"requests": block["limits"] | (block.get("requests") or {})}}


def qos(spec: Json) -> str:
    """The quality of service class (pkg/apis/core/v1/helper/qos): amounts of zero do not count."""
    blocks = [one.get("resources") or {} for one in containers.every(spec)]
    pairs = [(_amounts(block.get("requests")), _amounts(block.get("limits"))) for block in blocks]
    if not any(requests or limits for requests, limits in pairs):
        return "BestEffort"
    full = all(limits.keys() == set(_RESIZABLE) and requests == limits for requests, limits in pairs)
    return "Guaranteed" if full else "Burstable"


def _amounts(section: Mapping[str, Any] | None) -> dict[str, Any]:
    found = {name: parse(amount) for name, amount in (section or {}).items() if name in _RESIZABLE}
    return {name: amount for name, amount in found.items() if amount}


def findings(new: Json, old: Json) -> validate.Causes:
    """Everything wrong with a resize, in the apiserver's order."""
    before, after = old["spec"]["containers"], new["spec"]["containers"]
    found = validate.containers(after, "spec.containers")
    was = old["status"].get("qosClass") or qos(old["spec"])
    if not any(why.startswith("Invalid") for _, why in found) and qos(new["spec"]) != was:
        found.append(
            ("spec", f'Invalid value: "{was}": Pod QOS Class may not change as a result of resizing')
        )
    moved = _moved(before, after)
    if moved:
        return found + moved
    for i, (was_one, one) in enumerate(zip(before, after, strict=True)):
        found += _removed(was_one, one, f"spec.containers[{i}].resources")
    if any(_frozen(one) != _frozen(two) for one, two in zip(before, after, strict=True)):
        found.append(_ONLY)
    return found


def _moved(before: list[Json], after: list[Json]) -> validate.Causes:
    if len(before) != len(after):
        return [("spec.containers", "Forbidden: containers may not be added or removed on resize")]
    return [
        (f"spec.containers[{i}].name", "Forbidden: containers may not be renamed or reordered on resize")
        for i, (one, two) in enumerate(zip(before, after, strict=True))
        if one["name"] != two.get("name")
    ]


def _removed(before: Json, after: Json, path: str) -> validate.Causes:
    had, has = before.get("resources") or {}, after.get("resources") or {}
    return [
        (f"{path}.{section}", f"Forbidden: resource {section} cannot be removed")
        for section in _SECTIONS
        if (had.get(section) or {}).keys() - (has.get(section) or {}).keys()
    ]


def _frozen(one: Json) -> Json:
    """What of a container no resize may change."""
    block = one.get("resources") or {}
    others = {
        section: {k: v for k, v in (block.get(section) or {}).items() if k not in _RESIZABLE}
        for section in _SECTIONS
    }
    return {k: v for k, v in one.items() if k != "resources"} | others


def fixed(new: Json, old: Json) -> validate.Causes:
    """What a plain update of a pod may not change: all of its spec but the images."""
    return [] if _without_images(new["spec"]) == _without_images(old["spec"]) else [("spec", _FIXED)]


def _without_images(spec: Json) -> Json:
    containers = spec.get("containers")
    bare = [
        {k: v for k, v in one.items() if k != "image"} if isinstance(one, dict) else one
        for one in (containers if isinstance(containers, list) else [])
    ]
    return spec | {"containers": bare}


def admit(txn: Transaction, pod: Json, old: Json) -> None:
    """Raises ApiError 403 where the pod's node can never hold it, or cannot resize what is asked."""
    name, node = pod["metadata"]["name"], pod["spec"].get("nodeName")
    if node is None:
        return
    if pod["spec"].get("initContainers") != old["spec"].get("initContainers"):
        why = f'InPlacePodVerticalScalingInitContainers which are not available on node "{node}"'
        raise forbidden("pods", name, f"pod update requires features {why}")
    found = txn.get(Key("node", "", node))
    if found is None:
        raise forbidden("pods", name, f'node "{node}" not found')
    asked = _sum(pod)
    have = asks((found.get("status") or {}).get("allocatable") or {})
    short = [
        f"{what}, requested: {want}, allocatable: {has}"
        for what, want, has in zip(_RESIZABLE, asked, have, strict=True)
        if want > has
    ]
    if short:
        raise forbidden("pods", name, f"node didn't have enough allocatable resources: {'; '.join(short)}")


def _sum(pod: Json) -> tuple[int, int]:
    amounts = [asks((one.get("resources") or {}).get("requests") or {}) for one in pod["spec"]["containers"]]
    return sum(cpu for cpu, _ in amounts), sum(memory for _, memory in amounts)


def forbidden(resource: str, name: str, why: str) -> ApiError:
    """An admission plugin's no: 403."""
    return ApiError(403, "Forbidden", f'{resource} "{name}" is forbidden: {why}')
