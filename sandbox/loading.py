"""Loading manifests into a world: what `kubectl apply` would do, with the sandbox's own kinds."""

from collections.abc import Iterable

from sandbox.apiserver import ApiServer, Write
from sandbox.controllers import settle
from sandbox.errors import SandboxError
from sandbox.kinds import key_of
from sandbox.load import parse as parse_load
from sandbox.pods import allocatable
from sandbox.store import Json, Key, Transaction
from tools.cluster.quantity import QuantityInvalid


def put(txn: Transaction, documents: Iterable[Json]) -> list[Key]:
    """Add or change objects and settle what they touch. Raises SandboxError or ApiError."""
    api = ApiServer(txn, txn.number("now_ms"))
    touched = []
    for manifest in documents:
        key = _loadable(manifest)
        _ensure_namespace(api, key)
        if txn.get(key) is None:
            api.create(manifest, "kubectl-create")
        else:
            api.write(Write("patch", key, "", manifest, "kubectl-client-side-apply"))
        touched.append(key)
    for key in touched:
        settle(api, key)
    return touched


def _loadable(manifest: Json) -> Key:
    """What the controllers, the scheduler or the metrics would stumble over later is refused now."""
    key = key_of(manifest)
    spec, status = (p if isinstance(p := manifest.get(part), dict) else {} for part in ("spec", "status"))
    if key.kind == "pod":
        raise SandboxError("pods follow from workloads", where=f"Pod {key.name}", mend="load a Deployment")
    if key.kind == "load":
        parse_load(manifest)
    if key.kind == "horizontalpodautoscaler" and not isinstance(spec.get("scaleTargetRef"), dict):
        raise SandboxError("spec.scaleTargetRef is missing", where=f"HorizontalPodAutoscaler {key.name}")
    if key.kind == "node":
        try:
            allocatable(status)
        except (QuantityInvalid, AttributeError) as e:
            raise SandboxError(f"status.allocatable cannot be read: {e}", where=f"Node {key.name}") from e
    return key


def _ensure_namespace(api: ApiServer, key: Key) -> None:
    if key.namespace and api.txn.get(Key("namespace", "", key.namespace)) is None:
        api.create({"kind": "Namespace", "metadata": {"name": key.namespace}}, "kubectl-create")
