"""The command line on a namespace of the real cluster, under the end-to-end policy."""

from pathlib import Path

from tests.e2e.policy import write
from tests.kit.console import Console
from tests.real.cluster import Namespace


def measured(kube: Namespace, folder: Path, prometheus_url: str, **settings: str) -> Console:
    """Its figures come from this Prometheus; `settings` are further ones of Flyball's."""
    return Console(
        folder,
        kubeconfig=str(kube.plane.kubeconfig),
        context="real",
        namespace=kube.name,
        policies=str(write(folder / "policies", "real", kube.name)),
        prometheus_url=prometheus_url,
        **settings,
    )
