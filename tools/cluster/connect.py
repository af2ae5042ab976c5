"""From a context's name to a cluster. The official client is imported here, at the first connection."""

import os
import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from audit.clock import Clock
from policies.types import CLUSTER_NAME
from tools.cluster import kubeconfig as kube

if TYPE_CHECKING:
    from tools.cluster.reader import KubernetesCluster

IN_CLUSTER = "in-cluster"


async def connect(
    context: str | None,
    kubeconfig: Path | None,
    *,
    clock: Clock,
    name: str | None = None,
    environ: Mapping[str, str] = os.environ,
) -> "KubernetesCluster":
    """A reader of the cluster that `context` (None: the current one) names.

    Looks where kubectl looks: the file given, else KUBECONFIG, else ~/.kube/config; in a pod without any of
    them, or for the context `in-cluster`, the pod's ServiceAccount. `name` is what policy calls the cluster,
    by default the context's name. Nothing is asked of the cluster yet. Raises KubeconfigInvalid.
    """
    from tools.cluster import client
    from tools.cluster.api import Api
    from tools.cluster.reader import KubernetesCluster

    paths = (kubeconfig,) if kubeconfig else kube.locations(environ)
    if context == IN_CLUSTER or (context is None and in_pod(paths, environ)):
        known_as = _named(name or IN_CLUSTER)
        return KubernetesCluster(Api(client.in_cluster()), known_as, clock)
    config = kube.read(paths)
    chosen = config.context(context)
    known_as = _named(name or chosen)
    login = await client.from_kubeconfig(config, chosen, clock)
    return KubernetesCluster(Api(login), known_as, clock)


def in_pod(paths: tuple[Path, ...], environ: Mapping[str, str] = os.environ) -> bool:
    """Whether this process runs in a pod and has no kubeconfig, so that the ServiceAccount is what it has."""
    return "KUBERNETES_SERVICE_HOST" in environ and not any(path.exists() for path in paths)


def _named(name: str) -> str:
    """Policy, claims and records use this name, so it has to fit their grammar."""
    if re.fullmatch(CLUSTER_NAME, name) is None:
        fitting = re.sub("[^-._@:/A-Za-z0-9]+", "-", name).strip("-._@:/")[:253]
        raise kube.KubeconfigInvalid(
            f"context name `{name}` cannot name a cluster (letters, digits and -._@:/ only, a letter or digit at "
            "both ends)",
            where="kubeconfig",
            hint=f"kubectl config rename-context {shlex.quote(name)} {fitting or 'NEW-NAME'}",
        )
    return name
