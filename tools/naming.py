"""`deploy/web` as kubectl writes it, to a Target; and nothing that is not exactly a name."""

from pydantic import ValidationError

from policies.types import Target
from tools.errors import ArgumentsInvalid

KINDS = {
    "deployment": ("deploy", "deployments", "deployment.apps", "deployments.apps"),
    "statefulset": ("sts", "statefulsets", "statefulset.apps", "statefulsets.apps"),
}
_ALIASES = {alias: kind for kind, aliases in KINDS.items() for alias in (kind, *aliases)}


def target(cluster: str, namespace: str | None, workload: str) -> Target:
    """Parse `KIND/NAME`. Raises ArgumentsInvalid for an unknown kind or a name that is none (RFC 1123)."""
    kind, slash, name = workload.partition("/")
    if not slash or kind not in _ALIASES:
        raise ArgumentsInvalid(
            f"`{workload[:80]}` names no workload",
            where="workload",
            mend="write KIND/NAME with KIND one of " + ", ".join(sorted({*KINDS, "deploy", "sts"})),
        )
    try:
        return Target(cluster=cluster, namespace=namespace, kind=_ALIASES[kind], name=name)
    except ValidationError as e:
        raise ArgumentsInvalid(
            f"`{name[:80]}` is not a Kubernetes name",
            where="workload",
            mend="lower-case letters, digits, `-` and `.` (RFC 1123)",
        ) from e


def namespace_target(cluster: str, namespace: str) -> Target:
    """The namespace itself, what `list_workloads` is judged on."""
    try:
        return Target(cluster=cluster, namespace=namespace, kind="namespace", name=namespace)
    except ValidationError as e:
        raise ArgumentsInvalid(f"`{namespace[:80]}` is not a namespace's name", where="namespace") from e
