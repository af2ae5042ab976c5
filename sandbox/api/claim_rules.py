"""Persistent volume claims: what the simulated apiserver refuses, and how large each asks to be.

Of the real one's rules those that a manifest or an expansion can break (pkg/apis/core/validation,
ValidatePersistentVolumeClaimUpdate; pkg/apis/apps/validation, ValidateStatefulSetUpdate).
"""

from typing import Any

from base.quantities import QuantityInvalid, whole_bytes
from sandbox.api.store import Json

CLAIM = "persistentvolumeclaim"
_STORAGE = "spec.resources.requests.storage"


def findings(body: Json, old: Json | None = None) -> list[tuple[str, str]]:
    """Everything wrong with a claim; with `old`, also where it would shrink."""
    try:
        asked = storage(body)
    except (QuantityInvalid, KeyError, TypeError, AttributeError):
        return [(_STORAGE, "Required value")]
    if asked <= 0:
        return [(_STORAGE, "Invalid value: must be greater than zero")]
    if old is not None and asked < storage(old):
        return [("spec.resources.requests.storage", "Forbidden: field can not be less than previous value")]
    return []


def of_templates(spec: Json, old: Json | None = None) -> list[tuple[str, str]]:
    """Everything wrong with a StatefulSet's claim templates; with `old`, its spec before, where they changed."""
    path, templates = "spec.volumeClaimTemplates", spec.get("volumeClaimTemplates") or []
    if old is not None and (old.get("volumeClaimTemplates") or []) != templates:
        return [(path, "Forbidden: updates to statefulset spec for this field are forbidden")]
    if not isinstance(templates, list):
        return [(path, "Invalid value: must be a list")]
    found = list[tuple[str, str]]()
    for i, one in enumerate(templates):
        if not isinstance(one, dict) or not _name(one):
            found.append((f"{path}[{i}].metadata.name", "Required value"))
        else:
            found += [(f"{path}[{i}].{field}", why) for field, why in findings(one)]
    return found


def storage(body: Json) -> int:
    """The bytes that a claim asks for. Raises QuantityInvalid, and what Python raises for another shape."""
    return whole_bytes(body["spec"]["resources"]["requests"]["storage"])


def _name(template: Json) -> Any:
    meta = template.get("metadata")
    return meta.get("name") if isinstance(meta, dict) else None
