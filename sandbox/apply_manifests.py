"""Loading manifests into a world: what `kubectl apply` would do, with the sandbox's own kinds."""

from collections.abc import Iterable

from base.quantities import QuantityInvalid
from forecasting.hpa.spec import parsed as parsed_autoscaler
from sandbox.api import quota
from sandbox.api.apiserver import ApiServer, Write
from sandbox.api.errors import SandboxError
from sandbox.api.kinds import WORKLOADS, key_of
from sandbox.api.store import Json, Key, Transaction
from sandbox.controllers.changes import ARGO_MANAGER, ARGO_TRACKING, argo_keeps
from sandbox.controllers.changes import parse as parse_change
from sandbox.controllers.node_room import is_up, room_of
from sandbox.controllers.workloads import settle
from sandbox.load.manifest import parse as parse_load
from tools.cluster import restraints

_UNLABELLED: Json = {"spec": {"template": {}}}


def put(txn: Transaction, documents: Iterable[Json]) -> list[Key]:
    """Add or change objects and settle what they touch. Raises SandboxError or ApiError."""
    api = ApiServer(txn, txn.number("now_ms"))
    touched = []
    for manifest in documents:
        key = _loadable(manifest)
        _ensure_namespace(api, key)
        _put(api, key, manifest)
        touched.append(key)
        kept = argo_keeps(manifest) if key.kind in WORKLOADS else None
        if kept is not None:
            _put(api, key_of(kept), kept)
            touched.append(key_of(kept))
    for key in touched:
        settle(api, key)
    return touched


def _put(api: ApiServer, key: Key, manifest: Json) -> None:
    """What Argo CD tracks, Argo CD made."""
    said = manifest["metadata"].get("annotations") if key.kind in WORKLOADS else None
    argo = isinstance(said, dict) and ARGO_TRACKING in said  # anything else the apiserver refuses
    if api.txn.get(key) is None:
        api.create(manifest, ARGO_MANAGER if argo else "kubectl-create")
    else:
        manager = ARGO_MANAGER if argo else "kubectl-client-side-apply"
        api.write(Write("patch", key, "", manifest, manager))


def _loadable(manifest: Json) -> Key:
    """What the controllers, the scheduler or the metrics would stumble over later is refused now."""
    key = key_of(manifest)
    spec = manifest["spec"] if isinstance(manifest.get("spec"), dict) else {}
    if key.kind == "pod":
        raise SandboxError("pods follow from workloads", where=f"Pod {key.name}", hint="load a Deployment")
    if key.kind == "event":
        raise SandboxError("events follow from what happens", where=f"Event {key.name}")
    if key.kind == "load":
        parse_load(manifest)
    if key.kind == "change":
        parse_change(manifest)
    if key.kind in ("resourcequota", "limitrange"):
        _refuse_amounts(key, spec)
    if key.kind == "poddisruptionbudget":
        _refuse_budget(key, manifest)
    if key.kind == "horizontalpodautoscaler":
        _refuse_autoscaler(key, manifest, spec)
    if key.kind == "node":
        try:
            room_of(manifest)
            is_up(manifest)
        except (QuantityInvalid, AttributeError, TypeError, ValueError) as e:
            why = f"status (its allocatable and conditions) cannot be read: {e}"
            raise SandboxError(why, where=f"Node {key.name}") from e
    return key


def _refuse_budget(key: Key, manifest: Json) -> None:
    """One of the two amounts, as the API has it, and a selector that can be read."""
    where = f"PodDisruptionBudget {key.name}"
    try:
        restraints.budgets([manifest], _UNLABELLED)
        of_all = manifest | {"spec": {**manifest["spec"], "selector": {}}}
        (one,) = restraints.budgets([of_all], _UNLABELLED)
        one.disruptions(1)
    except (KeyError, AttributeError, TypeError, ValueError) as e:
        raise SandboxError(f"spec cannot be read: {e}", where=where) from e
    if (one.min_available is None) == (one.max_unavailable is None):
        raise SandboxError("spec needs minAvailable or maxUnavailable, not both", where=where)


def _refuse_autoscaler(key: Key, manifest: Json, spec: Json) -> None:
    where = f"HorizontalPodAutoscaler {key.name}"
    if not isinstance(spec.get("scaleTargetRef"), dict):
        raise SandboxError("spec.scaleTargetRef is missing", where=where)
    try:
        parsed_autoscaler(manifest)
    except KeyError as e:
        raise SandboxError(f"spec: {e.args[0]} is missing", where=where) from e
    except (QuantityInvalid, AttributeError, TypeError, ValueError) as e:
        raise SandboxError(f"spec cannot be read: {e}", where=where) from e


def refuse_idle_loads(txn: Transaction, touched: Iterable[Key]) -> None:
    """A Load must have its workload, and a workload no more than one Load: of two, one would do nothing. Raises
    SandboxError."""
    for key in touched:
        if key.kind != "load":
            continue
        loads = txn.all("load", key.namespace)
        aim = next(one["spec"]["target"] for one in loads if one["metadata"]["name"] == key.name)
        others = [
            n for one in loads if one["spec"]["target"] == aim and (n := one["metadata"]["name"]) != key.name
        ]
        where, (kind, _, name) = f"Load {key.name}", aim.partition("/")
        if txn.get(Key(kind, key.namespace, name)) is None:
            hint = f"load {aim} first, or in the same file; namespace: {key.namespace}"
            raise SandboxError(f"there is no {aim} in {key.namespace}", where=where, hint=hint)
        if others:
            hint = f"change that one: load it again under the name {others[0]}"
            raise SandboxError(f"{aim} has the Load {others[0]} already", where=where, hint=hint)


def _refuse_amounts(key: Key, spec: Json) -> None:
    try:
        quota.check(spec)
    except (QuantityInvalid, AttributeError, TypeError, ValueError) as e:
        raise SandboxError(f"spec cannot be read: {e}", where=f"{key.kind} {key.name}") from e


def _ensure_namespace(api: ApiServer, key: Key) -> None:
    if key.namespace and api.txn.get(Key("namespace", "", key.namespace)) is None:
        api.create({"kind": "Namespace", "metadata": {"name": key.namespace}}, "kubectl-create")
