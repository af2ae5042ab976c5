"""The kinds that the simulated cluster knows, and their times and names as the API writes them."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache

from sandbox.api.errors import SandboxError
from sandbox.api.store import Json, Key


@dataclass(frozen=True, slots=True)
class Kind:
    """`resource` is the plural of the API's paths, `group` its API group."""

    name: str
    api_version: str
    resource: str
    namespaced: bool

    @property
    def group(self) -> str:
        return self.api_version.rpartition("/")[0]

    @property
    def full_name(self) -> str:
        """As messages name it: `Deployment.apps`."""
        return f"{self.name}.{self.group}".rstrip(".")

    @property
    def full_resource(self) -> str:
        """As messages name it: `deployments.apps`."""
        return f"{self.resource}.{self.group}".rstrip(".")


_ALL = (
    Kind("Namespace", "v1", "namespaces", False),
    Kind("Node", "v1", "nodes", False),
    Kind("Pod", "v1", "pods", True),
    Kind("Deployment", "apps/v1", "deployments", True),
    Kind("StatefulSet", "apps/v1", "statefulsets", True),
    Kind("HorizontalPodAutoscaler", "autoscaling/v2", "horizontalpodautoscalers", True),
    Kind("PodDisruptionBudget", "policy/v1", "poddisruptionbudgets", True),
    Kind("ResourceQuota", "v1", "resourcequotas", True),
    Kind("LimitRange", "v1", "limitranges", True),
    Kind("PersistentVolumeClaim", "v1", "persistentvolumeclaims", True),
    Kind("Event", "v1", "events", True),
    Kind("Change", "sandbox.flyball.io/v1", "changes", True),
    Kind("Load", "sandbox.flyball.io/v1", "loads", True),
)
KINDS = {kind.name.lower(): kind for kind in _ALL}
WORKLOADS = ("deployment", "statefulset")
ALPHABET = "bcdfghjklmnpqrstvwxz2456789"
"""Letters of the suffixes that controllers give (k8s.io/apimachinery/pkg/util/rand)."""
_DNS = re.compile(r"[a-z0-9]([-.a-z0-9]{0,251}[a-z0-9])?")


def key_of(manifest: Json) -> Key:
    """Where an object belongs. Raises SandboxError for a kind that the sandbox does not have, or no name."""
    kind = KINDS.get(str(manifest.get("kind", "")).lower())
    metadata = manifest.get("metadata")
    if kind is None:
        raise SandboxError(
            f"kind `{manifest.get('kind')}` is unknown to the sandbox",
            hint="it takes: " + ", ".join(k.name for k in _ALL if k.name not in ("Pod", "Event")),
        )
    names = metadata if isinstance(metadata, dict) else {}
    namespace = str(names.get("namespace") or "default") if kind.namespaced else ""
    for field, name in (("name", names.get("name")), ("namespace", namespace or "none")):
        if not isinstance(name, str) or _DNS.fullmatch(name) is None:
            raise SandboxError(
                f"a {kind.name} whose metadata.{field} is not a DNS name", hint="such as web-1"
            )
    return Key(kind.name.lower(), namespace, names["name"])


def stored_at(obj: Json) -> Key:
    """Where an object is that came out of the store: its names are good."""
    meta = obj["metadata"]
    return Key(obj["kind"].lower(), meta.get("namespace", ""), meta["name"])


def rfc3339(ms: int) -> str:
    """World milliseconds as the API writes times: UTC, whole seconds."""
    return _written(ms // 1000)


@lru_cache(maxsize=4096)
def _written(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
