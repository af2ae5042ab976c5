"""Where a command works, from the settings alone. Cheap to import: reading the log needs no more than this."""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from flyball.settings import Settings

SANDBOX = "sandbox"
MEMORY = Path("/dev/shm")  # noqa: S108 - what is used in it is a folder of this user alone
"""A folder in memory that is always there, whoever is logged in."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a command works: the cluster's name, the namespace, and the folder of its log."""

    context: str
    namespace: str
    folder: Path

    def __str__(self) -> str:
        return f"{self.context}/{self.namespace}"

    @property
    def simulated(self) -> bool:
        return self.context == SANDBOX

    @property
    def log(self) -> Path:
        return self.folder / "audit.db"


def place_of(settings: Settings) -> Place:
    """Which cluster and namespace, and where its log lies: real and simulated records never share one."""
    context, namespace = settings["context"], settings["namespace"]
    if not context or context != SANDBOX:
        found = _kubeconfig_place(settings, context)
        context, namespace = found[0], namespace or found[1]
    folder = settings.state / ("sandbox" if context == SANDBOX else "real")
    return Place(context, namespace or ("shop" if context == SANDBOX else "default"), folder)


def log_place(settings: Settings) -> Place:
    """Where the log lies, also while the kubeconfig cannot be read: then its clusters are real ones.

    The context may be empty then. For the kill switch and for reading the log; acting takes `place_of`.
    """
    from tools.cluster.kubeconfig import KubeconfigInvalid

    try:
        return place_of(settings)
    except KubeconfigInvalid:
        return Place(settings["context"], settings["namespace"] or "default", settings.state / "real")


def _kubeconfig_place(settings: Settings, context: str) -> tuple[str, str]:
    """The context and its namespace as the kubeconfig has them; the sandbox where there is none."""
    from tools.cluster import kubeconfig as kube
    from tools.cluster.connect import IN_CLUSTER, in_pod

    given = settings["kubeconfig"]
    paths = (Path(given),) if given else kube.locations()
    if context == IN_CLUSTER or (not context and in_pod(paths)):
        return IN_CLUSTER, ""
    named = bool(given or os.environ.get("KUBECONFIG"))  # a file that is named and missing is a mistake
    if not context and not named and not any(path.exists() for path in paths):
        return SANDBOX, ""
    config = kube.read(paths)
    chosen = config.context(context or None)
    return chosen, config.namespace(chosen) or ""


def pinned_path(settings: Settings, place: Place) -> Path:
    """Where the second copy of this log's newest checkpoint is: by the log's place on disk, so that a log
    that was exchanged for another one is found out too."""
    there = hashlib.sha256(str(place.folder.resolve()).encode()).hexdigest()[:12]
    return settings.pinned / f"{place.folder.name}-{there}"


def stop_places(settings: Settings, place: Place) -> tuple[Path, ...]:
    """Where the file that stops everything of this log may lie: beside the log, beside its pinned checkpoint, and in
    memory, so that no full or read-only disk is in a stop's way. No variable moves the last one."""
    name = f"{pinned_path(settings, place).name}.stop"
    memory = MEMORY if MEMORY.is_dir() else Path("/tmp")  # noqa: S108 - likewise
    return place.folder / "stop", settings.pinned / name, memory / f"flyball-{os.geteuid()}" / name
