"""Who else keeps a workload's replicas. A write against such an owner is undone by it, so it is found first.

In this order, the nearest keeper first: KEDA, an HPA, Argo CD, Flux.
"""

import re
from collections.abc import Iterable, Mapping

from policies.types import Target
from tools.cluster.objects import Object, controller_of

_FLUX = {"kustomize.toolkit.fluxcd.io": "kustomization", "helm.toolkit.fluxcd.io": "helmrelease"}
_ARGO_MANAGERS = frozenset({"argocd-controller", "argocd-application-controller"})
_APP = re.compile(r"[A-Za-z0-9][-._A-Za-z0-9]{0,252}")
"""An application's name. The annotation is anybody's text, and an owner is shown to models and on terminals."""
_KINDS = {"deployment": "Deployment", "statefulset": "StatefulSet"}


def owner_of(
    target: Target, obj: Object, scalers: Iterable[Object], autoscalers: Iterable[Object]
) -> str | None:
    """The keeper as `kind/name` (`horizontalpodautoscaler/web`, `argocd/shop`, …) or None.

    `scalers` are the namespace's KEDA ScaledObjects, `autoscalers` its HorizontalPodAutoscalers.
    """
    return (
        _scaler(target, scalers) or _autoscaler(target, autoscalers) or _argo(target, obj["metadata"])
        or _flux(obj["metadata"])
    )  # fmt: skip


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
            return f"scaledobject/{one['metadata']['name']}"
    return None


def _autoscaler(target: Target, autoscalers: Iterable[Object]) -> str | None:
    """An HPA that another controller made (KEDA's `keda-hpa-web`) is that controller's."""
    for one in autoscalers:
        if _aims_at(target, one["spec"]["scaleTargetRef"], ""):
            maker = controller_of(one["metadata"])
            if maker is not None:
                return f"{maker['kind'].lower()}/{maker['name']}"
            return f"horizontalpodautoscaler/{one['metadata']['name']}"
    return None


def _argo(target: Target, meta: Object) -> str | None:
    """Argo CD's tracking id `app:group/kind:namespace/name` counts where it names this very object (a copied
    one does not, as in Argo CD). The instance label is Helm's too: it counts only beside Argo CD's writes."""
    tracking = _of(meta, "annotations").get("argocd.argoproj.io/tracking-id", "")
    app, _, rest = tracking.partition(":")
    if app and rest == f"apps/{_KINDS.get(target.kind)}:{target.namespace}/{target.name}":
        return f"argocd/{app if _APP.fullmatch(app) else 'unknown'}"
    labels = _of(meta, "labels")
    name = labels.get("argocd.argoproj.io/instance") or labels.get("app.kubernetes.io/instance")
    wrote = any(one.get("manager") in _ARGO_MANAGERS for one in meta.get("managedFields") or ())
    return f"argocd/{name or 'unknown'}" if wrote else None


def _flux(meta: Object) -> str | None:
    """Flux names its owner in labels; an object that it was told to leave alone is nobody's."""
    labels, annotations = _of(meta, "labels"), _of(meta, "annotations")
    for group, kind in _FLUX.items():
        name = labels.get(f"{group}/name")
        left_alone = (
            annotations.get(f"{group}/reconcile") == "disabled" or annotations.get(f"{group}/ssa") == "Ignore"
        )
        if name and not left_alone:
            return f"{kind}/{name}"
    return None


def _of(meta: Object, field: str) -> Mapping[str, str]:
    return meta.get(field) or {}
