"""`deploy/web` as kubectl writes it, to a Target; and nothing that is not exactly a name."""

import re

from pydantic import ValidationError

from policies.types import Target
from tools.arguments import WorkloadName as WorkloadName
from tools.errors import ArgumentsInvalid

KINDS = {
    "deployment": ("deploy", "deployments", "deployment.apps", "deployments.apps"),
    "statefulset": ("sts", "statefulsets", "statefulset.apps", "statefulsets.apps"),
    "daemonset": ("ds", "daemonsets", "daemonset.apps", "daemonsets.apps"),
    "job": ("jobs", "job.batch", "jobs.batch"),
}
ALIASES = {alias: kind for kind, aliases in KINDS.items() for alias in (kind, *aliases)}
"""Whatever a kind may be called, with its name here."""
SHORT = "deploy, deployment, sts, statefulset, ds, daemonset, job"
"""What people call the kinds, for a hint."""
_OBJECT = re.compile(r"[a-z0-9](?:[-.a-z0-9]{0,251}[a-z0-9])?")


def target(cluster: str, namespace: str | None, workload: str) -> Target:
    """Parse `KIND/NAME`. Raises ArgumentsInvalid for an unknown kind or a name that is none (RFC 1123)."""
    kind, slash, name = workload.partition("/")
    if not slash or kind not in ALIASES:
        raise ArgumentsInvalid(
            f"`{workload[:80]}` names no workload",
            where="workload",
            hint=f"write KIND/NAME with KIND one of {SHORT}",
        )
    try:
        return Target(cluster=cluster, namespace=namespace, kind=ALIASES[kind], name=name)
    except ValidationError as e:
        raise ArgumentsInvalid(
            f"`{name[:80]}` is not a Kubernetes name",
            where="workload",
            hint="lower-case letters, digits, `-` and `.` (RFC 1123)",
        ) from e


def is_object_name(text: str) -> bool:
    """Whether an object of the API can have this name (an RFC 1123 subdomain): what may go into a path."""
    return _OBJECT.fullmatch(text) is not None


def is_handle(text: str) -> bool:
    """Whether it can name a question or a plan: 8 or more of the first hex digits of a digest."""
    return len(text) >= 8 and all(c in "0123456789abcdef" for c in text)


def namespace_target(cluster: str, namespace: str) -> Target:
    """The namespace itself, what `list_workloads` is judged on."""
    try:
        return Target(cluster=cluster, namespace=namespace, kind="namespace", name=namespace)
    except ValidationError as e:
        raise ArgumentsInvalid(f"`{namespace[:80]}` is not a namespace's name", where="namespace") from e
