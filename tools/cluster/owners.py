"""Who keeps a workload's replicas, its template or its resources, and would revert a write: it is found first.

Of replicas the nearest first: KEDA, an HPA, the controller of its ownerReferences, who deploys it. Of the template
the last two, whoever scales it; of resources a VPA. An owner is shown to models, and to sessions that have read
nothing untrusted: it is named only where it is an object that the apiserver named. What stands in a label, an
annotation or a reference gives the kind of owner, never a name: that is untrusted text, however it is spelt.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from policies.types import Target
from tools.cluster.deployers import ARGO_CD, deployers_of
from tools.cluster.kinds import AUTOSCALER, WORKLOADS, Object
from tools.cluster.names import is_object_name
from tools.cluster.objects import controller_of
from tools.cluster_types import Ownership

_MAKERS = {"ScaledObject": "scaledobject"}
_VPA_LEAVES_PODS = frozenset({"Off", "Initial"})
_KINDS = {kind: one.name for kind, one in WORKLOADS.items()}


@dataclass(frozen=True, slots=True)
class Above:
    """What stands above a workload as the apiserver confirms it: its controller (ControllerNames), and whether the
    Argo CD Application that keeps it ignores its replicas."""

    controller: str | None = None
    ignores_replicas: bool = False


NOBODY = Above()


def ownership_of(
    target: Target,
    obj: Object,
    scalers: Iterable[Object],
    autoscalers: Iterable[Object],
    above: Above = NOBODY,
) -> Ownership:
    """Who keeps which part, as `kind/name` (`horizontalpodautoscaler/web`) or as a kind (`argocd`).

    `scalers` are the namespace's KEDA ScaledObjects, `autoscalers` its HorizontalPodAutoscalers.
    """
    deployers = deployers_of(target, obj["metadata"])
    scaling = [one for one in deployers if one != ARGO_CD or not above.ignores_replicas]
    scales = _scaler(target, scalers) or _autoscaler(target, autoscalers)
    return Ownership(
        replicas=scales or above.controller or next(iter(scaling), None),
        template=above.controller or next(iter(deployers), None),
        controller=above.controller,
    )


def resources_owner_of(target: Target, resizers: Iterable[Object]) -> str | None:
    """The VerticalPodAutoscaler that changes the resources of running pods, as `kind/name`, or None.

    One that only advises (`Off`), or sets them when pods are made (`Initial`), leaves running pods alone. Where no
    mode is named it is `Recreate` or `Auto` (autoscaler/vertical-pod-autoscaler, pkg/apis/autoscaling.k8s.io/v1).
    """
    return _resizer(target, resizers, lambda mode: mode not in _VPA_LEAVES_PODS)


def new_pods_owner_of(target: Target, resizers: Iterable[Object]) -> str | None:
    """The VerticalPodAutoscaler of mode `Initial`: new pods get its amounts, whatever the template says."""
    return _resizer(target, resizers, lambda mode: mode == "Initial")


def _resizer(target: Target, resizers: Iterable[Object], fits: Callable[[str], bool]) -> str | None:
    for one in resizers:
        spec = one["spec"]
        mode = (spec.get("updatePolicy") or {}).get("updateMode") or "Auto"
        if _aims_at(target, spec.get("targetRef") or {}, "") and fits(mode):
            return f"verticalpodautoscaler/{_named(one['metadata'])}"
    return None


def bounds_owner_of(
    target: Target, hpa: Object, scalers: Iterable[Object], controller: str | None
) -> str | None:
    """Who would undo a change of the workload's HPA: KEDA, the controller of its ownerReferences (as the apiserver
    confirms it), or who deploys it; as `kind/name` or as a kind."""
    meta = hpa["metadata"]
    itself = target.model_copy(update={"kind": AUTOSCALER, "name": meta["name"]})
    return _scaler(target, scalers) or controller or next(iter(deployers_of(itself, meta)), None)


def all_aimed_at(target: Target, autoscalers: Iterable[Object]) -> list[Object]:
    """Every HorizontalPodAutoscaler of this workload."""
    return [one for one in autoscalers if _aims_at(target, one["spec"]["scaleTargetRef"], "")]


def aimed_at(target: Target, autoscalers: Iterable[Object]) -> Object | None:
    """The HorizontalPodAutoscaler of this workload; the first where there are several."""
    return next(iter(all_aimed_at(target, autoscalers)), None)


def aims(autoscalers: Iterable[Object]) -> dict[str, list[Object]]:
    """HorizontalPodAutoscalers by the name that they aim at, whatever is of that name."""
    found: dict[str, list[Object]] = {}
    for one in autoscalers:
        found.setdefault(str(one["spec"]["scaleTargetRef"].get("name")), []).append(one)
    return found


def _named(reference: Object) -> str:
    """A name as shown to models and on terminals: what a reference holds is checked by nobody but us."""
    name = str(reference.get("name", ""))
    return name if is_object_name(name) else "unknown"


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
