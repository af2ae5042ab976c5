"""Who deploys a workload from a source elsewhere, and would put its template back. Pure.

Argo CD, Flux, Config Sync and Fleet are known. Deployers mark what they keep by labels and annotations; those are
anybody's text, so that a mark gives the kind of deployer and never a name.
"""

from collections.abc import Mapping

from policies.types import Target
from tools.cluster.kinds import LOOKED_AT, MARKED, Object

_ARGO_MANAGERS = frozenset({"argocd-controller", "argocd-application-controller"})
ARGO_CD = _ARGO_NAMESPACE = "argocd"
_FLUX = {"kustomize.toolkit.fluxcd.io": "kustomization", "helm.toolkit.fluxcd.io": "helmrelease"}
_REPLICAS = frozenset({"/spec/replicas", "/spec", ".spec.replicas", ".spec"})
"""As `jsonPointers` and as `jqPathExpressions` name the replicas, or all that they stand in."""


def deployers_of(target: Target, meta: Object) -> list[str]:
    """Every kind of deployer whose mark it bears: ARGO_CD, `kustomization`, `helmrelease`, `configsync`, `fleet`."""
    found = (_argo(target, meta), _flux(meta), _config_sync(target, meta), _fleet(meta))
    return [one for one in found if one is not None]


def application_of(target: Target, meta: Object) -> tuple[str, str] | None:
    """Namespace and name of the Argo CD Application that keeps it. An Application outside of Argo CD's own namespace
    is written `namespace_name` (argo-cd, docs/operator-manual/app-any-namespace.md)."""
    if _argo(target, meta) is None:
        return None
    text = _tracked(target, meta) or _of(meta, "labels").get("app.kubernetes.io/instance", "")
    namespace, _, name = text.rpartition("_")
    return (namespace or _ARGO_NAMESPACE, name) if name else None


def ignores_replicas(target: Target, application: Object) -> bool:
    """Whether the Application leaves the replicas of this workload to others (its `ignoreDifferences`)."""
    return any(
        one.get("group", "") in (LOOKED_AT[target.kind].group, "*")
        and one.get("kind") in (LOOKED_AT[target.kind].name, "*")
        and one.get("name") in (None, "", target.name)
        and one.get("namespace") in (None, "", target.namespace)
        and _REPLICAS & {*(one.get("jsonPointers") or ()), *(one.get("jqPathExpressions") or ())}
        for one in (application.get("spec") or {}).get("ignoreDifferences") or ()
    )


def _argo(target: Target, meta: Object) -> str | None:
    """The instance label is Helm's too: without a tracking id Argo CD's writes count."""
    wrote = any(one.get("manager") in _ARGO_MANAGERS for one in meta.get("managedFields") or ())
    return ARGO_CD if _tracked(target, meta) or wrote else None


def _tracked(target: Target, meta: Object) -> str:
    """The application of Argo CD's tracking id `app:group/kind:namespace/name`, where it names this very object (a
    copied one does not, as in Argo CD)."""
    tracking = _of(meta, "annotations").get("argocd.argoproj.io/tracking-id", "")
    app, _, rest = tracking.partition(":")
    kind = MARKED[target.kind]
    own = f"{kind.group}/{kind.name}:{target.namespace}/{target.name}"
    return app if rest == own else ""


def _flux(meta: Object) -> str | None:
    """Flux labels what it keeps; an object that it was told to leave alone is nobody's."""
    labels, annotations = _of(meta, "labels"), _of(meta, "annotations")
    for group, kind in _FLUX.items():
        left_alone = (
            annotations.get(f"{group}/reconcile") == "disabled" or annotations.get(f"{group}/ssa") == "Ignore"
        )
        if labels.get(f"{group}/name") and not left_alone:
            return kind
    return None


def _config_sync(target: Target, meta: Object) -> str | None:
    """Config Sync keeps what says `managed: enabled` under its own resource id, unless it is to ignore mutations
    (cloud.google.com, Config Sync, "Manage existing cluster objects")."""
    annotations = _of(meta, "annotations")
    own = f"{MARKED[target.kind].group}_{target.kind}_{target.namespace}_{target.name}"
    managed = annotations.get("configmanagement.gke.io/managed") == "enabled"
    copied = annotations.get("configsync.gke.io/resource-id", own) != own
    ignored = annotations.get("client.lifecycle.config.k8s.io/mutation") == "ignore"
    return "configsync" if managed and not copied and not ignored else None


def _fleet(meta: Object) -> str | None:
    """Fleet's agent marks what it deploys with both; what other Rancher controllers apply names its owner too
    (rancher/wrangler, pkg/apply)."""
    annotations, labels = _of(meta, "annotations"), _of(meta, "labels")
    marked = "objectset.rio.cattle.io/id" in annotations and "objectset.rio.cattle.io/hash" in labels
    return "fleet" if marked and "objectset.rio.cattle.io/owner-gvk" not in annotations else None


def _of(meta: Object, field: str) -> Mapping[str, str]:
    return meta.get(field) or {}
