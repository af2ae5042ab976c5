"""Which other controller owns a workload's replicas, or its resources. It would revert a write, so it is found
first.

In this order, the nearest owner first: KEDA, an HPA, Argo CD, Flux; of resources: a VPA. An owner is shown to
models, and to sessions that have read nothing untrusted: it is named only where it is an object that the apiserver
named. What stands in a label, an annotation or a reference gives the kind of owner, never a name: that is untrusted
text, however it is spelt.
"""

import re
from collections.abc import Iterable, Mapping

from policies.types import Target
from tools.cluster.kinds import WORKLOADS, Object
from tools.cluster.objects import controller_of

_FLUX = {"kustomize.toolkit.fluxcd.io": "kustomization", "helm.toolkit.fluxcd.io": "helmrelease"}
_ARGO_MANAGERS = frozenset({"argocd-controller", "argocd-application-controller"})
_NAME = re.compile(r"[a-z0-9]([-.a-z0-9]{0,251}[a-z0-9])?")
_MAKERS = {"ScaledObject": "scaledobject"}
_VPA_ONLY_ADVISES = frozenset({"Off", "Initial"})
_KINDS = {kind: one.name for kind, one in WORKLOADS.items()}


def owner_of(
    target: Target, obj: Object, scalers: Iterable[Object], autoscalers: Iterable[Object]
) -> str | None:
    """The keeper as `kind/name` (`horizontalpodautoscaler/web`), or its kind (`argocd`), or None.

    `scalers` are the namespace's KEDA ScaledObjects, `autoscalers` its HorizontalPodAutoscalers.
    """
    return (
        _scaler(target, scalers) or _autoscaler(target, autoscalers) or _argo(target, obj["metadata"])
        or _flux(obj["metadata"])
    )  # fmt: skip


def resources_owner_of(target: Target, resizers: Iterable[Object]) -> str | None:
    """The VerticalPodAutoscaler that changes the resources of running pods, as `kind/name`, or None.

    One that only advises (`Off`), or sets them when pods are made (`Initial`), puts nothing back. Where no mode
    is named it is `Recreate` or `Auto` (autoscaler/vertical-pod-autoscaler, pkg/apis/autoscaling.k8s.io/v1).
    """
    for one in resizers:
        spec = one["spec"]
        mode = (spec.get("updatePolicy") or {}).get("updateMode") or "Auto"
        if _aims_at(target, spec.get("targetRef") or {}, "") and mode not in _VPA_ONLY_ADVISES:
            return f"verticalpodautoscaler/{_named(one['metadata'])}"
    return None


def aimed_at(target: Target, autoscalers: Iterable[Object]) -> Object | None:
    """The HorizontalPodAutoscaler of this workload."""
    return next((one for one in autoscalers if _aims_at(target, one["spec"]["scaleTargetRef"], "")), None)


def _named(reference: Object) -> str:
    """A name as shown to models and on terminals: what a reference holds is checked by nobody but us."""
    name = str(reference.get("name", ""))
    return name if _NAME.fullmatch(name) else "unknown"


def _aims_at(target: Target, ref: Object, default_kind: str) -> bool:
    group = ref.get("apiVersion", "apps/v1").partition("/")[0]
    return (
        ref.get("name") == target.name
        and ref.get("kind", default_kind) == _KINDS.get(target.kind)
        and group in ("apps", "extensions")
    )


def _scaler(target: Target, scalers: Iterable[Object]) -> str | None:
    """KEDA's scaleTargetRef means a Deployment where it names no kind."""
    for one in scalers:
        if _aims_at(target, one["spec"].get("scaleTargetRef") or {}, "Deployment"):
            return f"scaledobject/{_named(one['metadata'])}"
    return None


def _autoscaler(target: Target, autoscalers: Iterable[Object]) -> str | None:
    """An HPA that another controller made (KEDA's `keda-hpa-web`) is that controller's; a reference is untrusted
    text."""
    one = aimed_at(target, autoscalers)
    if one is None:
        return None
    maker = controller_of(one["metadata"])
    if maker is None:
        return f"horizontalpodautoscaler/{_named(one['metadata'])}"
    return f"{_MAKERS.get(str(maker['kind']), 'unknown')}/unknown"


def _argo(target: Target, meta: Object) -> str | None:
    """Argo CD's tracking id `app:group/kind:namespace/name` counts where it names this very object (a copied
    one does not, as in Argo CD). The instance label is Helm's too: there Argo CD's writes count."""
    tracking = _of(meta, "annotations").get("argocd.argoproj.io/tracking-id", "")
    app, _, rest = tracking.partition(":")
    if app and rest == f"apps/{_KINDS.get(target.kind)}:{target.namespace}/{target.name}":
        return "argocd"
    wrote = any(one.get("manager") in _ARGO_MANAGERS for one in meta.get("managedFields") or ())
    return "argocd" if wrote else None


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


def _of(meta: Object, field: str) -> Mapping[str, str]:
    return meta.get(field) or {}
