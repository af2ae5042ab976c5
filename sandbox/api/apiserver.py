"""The simulated apiserver: reads, creates, patches, applies and deletes of objects, with its preconditions.

It works inside one transaction of the store and knows no faults, no permits and no controllers. Behaviour that
a comment calls measured or quotes from Kubernetes' source is held by tests/contract against a real apiserver.
Simpler than the real one: no watches, and of a pod an image that is changed in place restarts nothing.
"""

import copy
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from sandbox.api import autoscaler_rules, capacity, claim_rules, ownership, quota, resize_rules, validate
from sandbox.api.errors import ApiError, conflict, invalid, not_found
from sandbox.api.kinds import KINDS, WORKLOADS, key_of, rfc3339
from sandbox.api.merge import merged
from sandbox.api.ownership import Owner
from sandbox.api.store import Json, Key, Transaction

Verb = Literal["patch", "apply"]
_SERVER_KEPT = (
    "uid",
    "creationTimestamp",
    "generation",
    "name",
    "namespace",
    "managedFields",
    "resourceVersion",
)


@dataclass(frozen=True, slots=True)
class Write:
    """One changing call as it reaches the server."""

    verb: Verb
    key: Key
    subresource: Literal["", "scale", "resize"]
    body: Mapping[str, Any]
    manager: str
    audit_id: str = ""
    dry_run: bool = False
    force: bool = False


@dataclass(frozen=True, slots=True)
class ApiServer:
    """The API over one transaction; `now_ms` is the world's time."""

    txn: Transaction
    now_ms: int

    def get(self, key: Key) -> Json:
        """Raises ApiError 404."""
        found = self.txn.get(key)
        if found is None:
            raise not_found(KINDS[key.kind].full_resource, key.name)
        return found

    def create(self, manifest: Json, manager: str, *, applied: bool = False) -> Json:
        """Make an object; `applied` by server-side apply, whose manager owns what it named and no defaults.

        Raises ApiError 409 where it exists, 404 without its namespace, 422 where it is invalid.
        """
        key = key_of(manifest)
        if self.txn.get(key) is not None:
            raise ApiError(
                409, "AlreadyExists", f'{KINDS[key.kind].full_resource} "{key.name}" already exists'
            )
        if key.namespace and self.txn.get(Key("namespace", "", key.namespace)) is None:
            raise not_found("namespaces", key.namespace)
        _refuse(key, validate.metadata(manifest))
        if not isinstance(manifest.get("spec") or {}, dict):
            _refuse(key, [("spec", "Invalid value: must be an object")])
        body = validate.canonical(_defaulted(key, manifest))
        _refuse(key, _findings(key, body))
        _refuse(key, capacity.beyond(self.txn, key, body) if key.kind in WORKLOADS else [])
        quota.admit_object(self.txn, key)
        body["metadata"] |= {"uid": self.new_uid(), "creationTimestamp": rfc3339(self.now_ms)}
        body["metadata"].pop("managedFields", None)
        operation: ownership.Operation = "Apply" if applied else "Update"
        fields = frozenset(ownership.leaves(validate.canonical(manifest) if applied else body))
        by = Owner(manager, operation, "", rfc3339(self.now_ms), body["apiVersion"], fields)
        body["metadata"]["managedFields"] = ownership.render([by])
        return self.store(key, body | ({"status": {}} if key.kind in WORKLOADS else {}))

    def write(self, call: Write) -> Json:
        """Carry out a patch or an apply; returns the object afterwards (dry-run: as it would be).

        Raises ApiError 404, 409 (stale resourceVersion, wrong UID, another manager's field), 422.
        """
        if call.verb == "apply" and not call.subresource and self.txn.get(call.key) is None:
            return self.create(dict(call.body), call.manager, applied=True)
        old = self.get(call.key)
        if call.verb == "apply":
            return self._apply(call, old)
        if call.subresource == "resize":
            return self._resize(call, old)
        new = _scaled(call.key, old, call.body) if call.subresource else _patched(call.key, old, call.body)
        by, owners = self._owner(call, old), ownership.parse(old["metadata"]["managedFields"])
        if call.subresource:
            owners = ownership.scaled(owners, by, changed=new["spec"]["replicas"] != old["spec"]["replicas"])
        else:
            owners = ownership.updated(owners, by, old, new)
        return self._finish(call, old, new, owners)

    def _resize(self, call: Write, old: Json) -> Json:
        """Resources of a pod's containers, and nothing else of what is sent. Validation (422) comes before
        admission (403: LimitRange, the node's allocatable, quota), as in the real one's chain."""
        if call.key.kind != "pod":
            raise ApiError(404, "NotFound", "the server could not find the requested resource")
        new = quota.defaulted(self.txn, resize_rules.resized(old, call.body))
        _check_identity(call.key, old, call.body.get("metadata") or {})
        _refuse(call.key, resize_rules.findings(new, old))
        if new["spec"] != old["spec"]:
            resize_rules.admit(self.txn, new, old)
            quota.admit(self.txn, new, old)
        owners = ownership.updated(
            ownership.parse(old["metadata"]["managedFields"]), self._owner(call, old), old, new
        )
        return self._store_changed(call, old, new, owners)

    def _apply(self, call: Write, old: Json) -> Json:
        by = self._owner(call, old)
        owners = ownership.parse(old["metadata"]["managedFields"])
        if call.subresource:
            owners = ownership.before_first_apply(owners)
        config = validate.canonical({k: v for k, v in call.body.items() if k in ("metadata", "spec")})
        clashes = ownership.conflicts(owners, by, config, old)
        if clashes and not call.force:
            raise _owned_by_others(clashes)
        base = old
        for path in sorted(ownership.dropped(owners, by, config), reverse=True):
            base = ownership.without(base, path)
        preconditions = {
            k: v for k, v in (call.body.get("metadata") or {}).items() if k in ("uid", "resourceVersion")
        }
        body = {**config, "metadata": {**_shared(config), **preconditions}}
        new = _scaled(call.key, base, body) if call.subresource else _patched(call.key, base, body)
        return self._finish(call, old, new, ownership.applied(owners, by, config, old))

    def _owner(self, call: Write, old: Json) -> Owner:
        operation: ownership.Operation = "Apply" if call.verb == "apply" else "Update"
        # Entries that come through /scale carry no time (measured on 1.36).
        time = "" if call.subresource == "scale" else rfc3339(self.now_ms)
        return Owner(call.manager, operation, call.subresource, time, old["apiVersion"])

    def _finish(self, call: Write, old: Json, new: Json, owners: tuple[Owner, ...]) -> Json:
        if call.subresource != "scale":  # that changes the count only, which was looked at already
            _refuse(call.key, validate.metadata(new))
            _refuse(call.key, _findings(call.key, new, old))
        if call.key.kind in WORKLOADS:
            _refuse(call.key, capacity.beyond(self.txn, call.key, new, old))
        if call.key.kind == "pod":
            _refuse(call.key, resize_rules.fixed(new, old))
        return self._store_changed(call, old, new, owners)

    def _store_changed(self, call: Write, old: Json, new: Json, owners: tuple[Owner, ...]) -> Json:
        entries = ownership.render(owners)
        if new == old and entries == old["metadata"]["managedFields"]:
            return old  # a write that changes nothing moves neither resourceVersion nor ownership
        new["metadata"]["managedFields"] = entries
        if _moves_generation(call.key.kind, old, new):
            new["metadata"]["generation"] = old["metadata"]["generation"] + 1
        return new if call.dry_run else self.store(call.key, new, self.txn.due_of(call.key))

    def delete(self, key: Key) -> None:
        """Raises ApiError 404. Its pods are the controllers' business."""
        self.get(key)
        self.txn.delete(key)

    def store(self, key: Key, body: Json, due_ms: int | None = None) -> Json:
        """Write an object under the next resourceVersion (one counter for the whole cluster, as etcd's)."""
        body["metadata"]["resourceVersion"] = str(self.txn.count("resource_version"))
        self.txn.put(key, body, due_ms)
        return body

    def new_uid(self) -> str:
        """A UID that follows from the cluster's own and a counter, so that a seeded world is reproducible."""
        space = self.txn.memo.get("uids") or self.txn.memo.setdefault(
            "uids", uuid.UUID(self.txn.meta("cluster_uid"))
        )
        return str(uuid.uuid5(space, str(self.txn.count("uid"))))


def _findings(key: Key, body: Json, old: Json | None = None) -> validate.Causes:
    if key.kind in WORKLOADS:
        return validate.findings(body, old)
    if key.kind == claim_rules.CLAIM:
        return claim_rules.findings(body, old)
    return autoscaler_rules.findings(body) if key.kind == autoscaler_rules.AUTOSCALER else []


def _defaulted(key: Key, manifest: Json) -> Json:
    body = copy.deepcopy({part: value for part, value in manifest.items() if part != "sandbox"})
    body["apiVersion"], body["kind"] = KINDS[key.kind].api_version, KINDS[key.kind].name
    if key.namespace:
        body["metadata"]["namespace"] = key.namespace
    if key.kind in WORKLOADS:
        body["metadata"]["generation"] = 1
        body["spec"] = {"replicas": 1, "revisionHistoryLimit": 10, **(body.get("spec") or {})}
    if key.kind == autoscaler_rules.AUTOSCALER:
        body["spec"] = autoscaler_rules.defaulted(body.get("spec") or {})
    if key.kind != "node":  # a node's status is its kubelet's word, which here is the manifest's
        body.pop("status", None)
    return body


def _patched(key: Key, old: Json, body: Mapping[str, Any]) -> Json:
    metadata = body.get("metadata") or {}
    if metadata.get("name") not in (None, key.name):
        why = f"the name of the object ({metadata['name']}) does not match the name on the URL ({key.name})"
        raise ApiError(400, "BadRequest", why)
    _check_identity(key, old, metadata)
    # A node's status is its kubelet's word, which here is whoever changes it.
    parts = ("metadata", "spec", "status") if key.kind == "node" else ("metadata", "spec")
    new = validate.canonical(merged(old, {k: v for k, v in body.items() if k in parts}))
    new["metadata"] |= {k: old["metadata"][k] for k in _SERVER_KEPT if k in old["metadata"]}
    for field in ("labels", "annotations"):
        if not new["metadata"].get(field):
            new["metadata"].pop(field, None)
    return new


def _scaled(key: Key, old: Json, body: Mapping[str, Any]) -> Json:
    """Through /scale only `spec.replicas` arrives; annotations sent along are dropped without a word."""
    new = old | {"metadata": dict(old["metadata"]), "spec": dict(old["spec"])}
    asked = (body.get("spec") or {}).get("replicas", old["spec"]["replicas"])
    new["spec"]["replicas"] = 0 if asked is None else asked  # a null is the type's zero (measured on 1.36)
    _refuse(key, validate.replicas(new["spec"]["replicas"]), "Scale.autoscaling")
    metadata = body.get("metadata") or {}
    uid, asked = old["metadata"]["uid"], metadata.get("uid")
    if asked not in (None, uid):
        why = f"Precondition failed: UID in precondition: {asked}, UID in object meta: {uid}"
        raise conflict(KINDS[key.kind].full_resource, key.name, why)
    _check_version(key, old, metadata)
    return new


def _check_identity(key: Key, old: Json, metadata: Mapping[str, Any]) -> None:
    _check_version(key, old, metadata)
    if metadata.get("uid") not in (None, old["metadata"]["uid"]):
        cause = ("metadata.uid", f'Invalid value: "{metadata["uid"]}": field is immutable')
        _refuse(key, [cause, cause])  # the apiserver names it twice (measured on 1.36)


def _check_version(key: Key, old: Json, metadata: Mapping[str, Any]) -> None:
    if metadata.get("resourceVersion") not in (None, "", old["metadata"]["resourceVersion"]):
        why = "the object has been modified; please apply your changes to the latest version and try again"
        raise conflict(KINDS[key.kind].full_resource, key.name, why)


def _shared(config: Json) -> Json:
    metadata = config.get("metadata") or {}
    return {k: metadata[k] for k in ("labels", "annotations") if k in metadata}


def _refuse(key: Key, causes: validate.Causes, called: str = "") -> None:
    if causes:
        raise invalid(called or KINDS[key.kind].full_name, key.name, tuple(causes))


def _moves_generation(kind: str, old: Json, new: Json) -> bool:
    """Spec changes move it; on a Deployment annotations do too, since they are copied to its ReplicaSets
    (Kubernetes, pkg/registry/apps/deployment/strategy.go)."""
    if kind not in (*WORKLOADS, "pod"):
        return False
    annotated = old["metadata"].get("annotations") != new["metadata"].get("annotations")
    return bool(old["spec"] != new["spec"] or (kind == "deployment" and annotated))


def _owned_by_others(clashes: list[ownership.Conflict]) -> ApiError:
    causes = []
    for clash in clashes:
        through = f' with subresource "{clash.owner.subresource}"' if clash.owner.subresource else ""
        said = f'conflict with "{clash.owner.name}"{through} using {clash.owner.api_version}'
        causes.append((ownership.dotted(clash.path), said))
    listed = "; ".join(f"{why}: {field}" for field, why in causes)
    plural = "conflict" if len(causes) == 1 else "conflicts"
    return ApiError(409, "Conflict", f"Apply failed with {len(causes)} {plural}: {listed}", tuple(causes))
