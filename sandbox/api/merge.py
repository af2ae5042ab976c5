"""Strategic merge patch: how the API joins a partial object onto a whole one.

Rules: Kubernetes, "Update API Objects in Place Using kubectl patch" and sig-api-machinery's
strategic-merge-patch.md. Only the lists that workloads have are known here; any other list is replaced.
"""

import copy
from collections.abc import Mapping
from typing import Any

from sandbox.api.store import Json

LIST_KEYS: Mapping[str, str] = {
    "containers": "name",
    "initContainers": "name",
    "env": "name",
    "volumes": "name",
    "imagePullSecrets": "name",
    "volumeMounts": "mountPath",
    "ports": "containerPort",
    "ownerReferences": "uid",
    "volumeClaimTemplates": "",
}
"""Lists that are merged by a key of their items (patchMergeKey); an empty key is a list that is replaced."""


def merged(base: Json, patch: Mapping[str, Any]) -> Json:
    """`base` with `patch` laid on it: null deletes, objects and keyed lists join, anything else replaces."""
    result = copy.deepcopy(base)
    if patch.get("$patch") == "replace":
        return {k: copy.deepcopy(v) for k, v in patch.items() if k != "$patch"}
    for key, value in patch.items():
        if key.startswith(("$setElementOrder/", "$retainKeys", "$patch")):
            continue
        if value is None:
            result.pop(key, None)
        else:
            result[key] = _value(key, result.get(key), value)
    return result


def _value(key: str, old: Any, new: Any) -> Any:
    if isinstance(new, Mapping):
        return merged(old if isinstance(old, dict) else {}, new)
    if isinstance(new, list) and LIST_KEYS.get(key):
        return _items(LIST_KEYS[key], old if isinstance(old, list) else [], new)
    return copy.deepcopy(new)


def _items(by: str, old: list[Json], new: list[Json]) -> list[Json]:
    result = [copy.deepcopy(item) for item in old]
    for item in new:
        found = next((i for i, had in enumerate(result) if had.get(by) == item.get(by)), None)
        if item.get("$patch") == "delete":
            if found is not None:
                del result[found]
        elif found is None:
            result.append(merged({}, item))
        else:
            result[found] = merged(result[found], item)
    return result
