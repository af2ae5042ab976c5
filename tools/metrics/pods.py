"""Which pods belong to a workload, recognised by their names alone: a regular expression for PromQL's `=~`.

Names of a Deployment's pods are made twice: the ReplicaSet is `<name>-<hash>` (pkg/controller/deployment/sync.go),
its pods get generateName `<replicaset>-` (pkg/controller/controller_utils.go) and 5 random characters. The hash
is a 32-bit number in decimal digits, each written in Kubernetes' safe alphabet (apimachinery/pkg/util/rand), so
1 to 10 characters. A generateName longer than 58 characters is cut to 58 first, so that the whole has 63
(apiserver/pkg/storage/names/generate.go). A StatefulSet's pods are `<name>-<ordinal>` and are never cut. A
DaemonSet's and a Job's get generateName `<name>-`, an indexed Job's `<name>-<index>-`
(pkg/controller/daemon/daemon_controller.go, pkg/controller/job/indexed_job_utils.go).

What names cannot tell: a DaemonSet, Job or bare ReplicaSet whose name is the Deployment's plus a dash and 1 to 10
characters of that alphabet makes pods that match too.
"""

from policies.types import Target
from tools.errors import MetricsUnavailable

SAFE = "bcdfghjklmnpqrstvwxz2456789"
"""apimachinery/pkg/util/rand: no vowels and no characters that look alike."""
SUFFIX, HASH, GENERATED = 5, 10, 58
_SUFFIX = f"[{SAFE}]{{{SUFFIX}}}"
_ORDINAL = "(0|[1-9][0-9]*)"


def pattern(target: Target) -> str:
    """A pattern that is matched whole, as PromQL does; without a backslash where the name is one of Kubernetes'.

    Raises MetricsUnavailable for a kind whose pods have no such names.
    """
    match target.kind:
        case "deployment":
            return _deployment(target.name)
        case "statefulset":
            return f"{literal(target.name)}-{_ORDINAL}"
        case "daemonset":
            return _generated(f"{target.name}-")
        case "job":
            return f"{literal(target.name)}-({_ORDINAL}-)?{_SUFFIX}|{_generated(f'{target.name}-')}"
    raise MetricsUnavailable(
        f"the pods of a {target.kind} cannot be recognised by their names",
        where=str(target),
        hint="ask for a deployment, a statefulset, a daemonset or a job",
    )


def any_pod(kind: str) -> str:
    """A pattern of the pods of all workloads of a kind, with the workload's name as its first group; of those whose
    names are too long to stand whole in their pods' names it is not one. Raises MetricsUnavailable."""
    match kind:
        case "deployment":
            return f"(.+)-[{SAFE}]{{1,{HASH}}}-{_SUFFIX}"
        case "statefulset":
            return f"(.+)-{_ORDINAL}"
        case "daemonset":
            return f"(.+)-{_SUFFIX}"
    raise MetricsUnavailable(f"the pods of {kind}s cannot be recognised by their names", where=kind)


def _generated(base: str) -> str:
    """What generateName makes of the base."""
    return f"{literal(base[:GENERATED])}{_SUFFIX}"


def _deployment(name: str) -> str:
    """`<name>-<hash>-<suffix>`, and where that is longer than 63 characters what is left of it."""
    whole = min(HASH, GENERATED - len(name) - 2)
    ways = []
    if whole >= 1:
        hashed = f"[{SAFE}]{{1,{whole}}}"
        ways.append(f"{literal(name)}-{hashed}-{_SUFFIX}")
    if whole < HASH:
        ways.append(_cut(name) + _SUFFIX)
    return ways[0] if len(ways) == 1 else f"({'|'.join(ways)})"


def _cut(name: str) -> str:
    """The first 58 characters of `<name>-<hash>-` where they end within the name or the hash."""
    rest = GENERATED - len(name) - 1
    if rest < 0:
        return literal(name[:GENERATED])
    return f"{literal(name)}-" + (f"[{SAFE}]{{{rest}}}" if rest else "")


def literal(name: str) -> str:
    """The name as a pattern of itself. DNS-1123 names hold one character that means something in a pattern; whatever
    else came is text too."""
    return "".join(c if c.isalnum() or c == "-" else "[.]" if c == "." else f"\\{c}" for c in name)
