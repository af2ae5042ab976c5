"""Two APIs without a server of their own: metrics.k8s.io, and something to scale that no controller moves."""

from tests.real.rest import Json, Rest

METRICS = "/apis/metrics.k8s.io/v1beta1"
SCALABLE = "/apis/flyball.invalid/v1"
_DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


def install(api: Rest) -> None:
    """Define both. They are served within a second."""
    scale = {
        "specReplicasPath": ".spec.replicas",
        "statusReplicasPath": ".status.replicas",
        "labelSelectorPath": ".status.selector",
    }
    _define(api, "metrics.k8s.io", "v1beta1", "pods", "PodMetrics", {})
    _define(api, "flyball.invalid", "v1", "scalables", "Scalable", {"scale": scale})


def _define(api: Rest, group: str, version: str, plural: str, kind: str, subresources: Json) -> None:
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    served = {"name": version, "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    if subresources:
        served["subresources"] = subresources
    names = {"plural": plural, "singular": kind.lower(), "kind": kind, "listKind": f"{kind}List"}
    api.apply(
        f"{_DEFINITIONS}/{plural}.{group}",
        {
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "metadata": {
                "name": f"{plural}.{group}",
                "annotations": {"api-approved.kubernetes.io": "unapproved, test only"},
            },
            "spec": {"group": group, "scope": "Namespaced", "names": names, "versions": [served]},
        },
    )
