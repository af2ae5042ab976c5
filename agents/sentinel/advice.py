"""What would help against a finding: one action of the catalogue, or a reasoned no. Never applied by itself."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from agents.sentinel.checks import Checked, Seen
from base.quantities import format_bytes
from policies.types import Scalar, Target

_GIB = 1 << 30
_NAMED = 4
_NAME = re.compile(r"[a-z0-9]([-.a-z0-9]{0,251}[a-z0-9])?")


@dataclass(frozen=True, slots=True)
class Advice:
    """`action` and `args` are what would be asked for (None: nothing helps), `command` what a person types to look at
    it, `reason` why it helps or why nothing does."""

    action: str | None
    args: Mapping[str, Scalar]
    command: str
    reason: str


def advice(found: Checked, seen: Seen, claims: Sequence[str] = ()) -> Advice:
    """What would help against what was found, of the workload as it was seen; `claims` are those that its pods
    mount."""
    match found.what:
        case "memory":
            return _restart(seen)
        case "saturation":
            return _more(seen)
        case "slo_burn":
            return _none(seen, "an error budget burns for a cause that no number of pods tells: find it")
        case "disk":
            return _larger(seen, found.foreseen.figure("limit") or 0, claims)


def _restart(seen: Seen) -> Advice:
    name = str(seen.workload.target)
    if seen.workload.target.kind not in ("deployment", "statefulset"):
        return _none(seen, f"a {seen.workload.target.kind} is not restarted by Flyball")
    reason = "a restart gives the memory back until it has grown again; the cause stays"
    return Advice("restart", {"workload": name}, f"flyball act restart {name} {_where(seen)}", reason)


def _more(seen: Seen) -> Advice:
    """Half as much again: of the autoscaler's maximum where there is one, else of the pods."""
    name, hpa = str(seen.workload.target), seen.autoscaler
    if hpa is not None:
        most = hpa.maximum + max(1, hpa.maximum // 2)
        args: dict[str, Scalar] = {
            "workload": name,
            "max_replicas": most,
            "current_max_replicas": hpa.maximum,
        }
        command = f"flyball act set-autoscaler-bounds {name} --max-replicas {most} {_where(seen)}"
        return Advice("set_autoscaler_bounds", args, command, f"its autoscaler may make {hpa.maximum} pods")
    if seen.workload.target.kind not in ("deployment", "statefulset"):
        return _none(seen, f"a {seen.workload.target.kind} is not scaled by Flyball")
    now = seen.workload.replicas
    more = now + max(1, now // 2)
    wanted: dict[str, Scalar] = {"workload": name, "replicas": more, "current_replicas": now}
    return Advice(
        "scale", wanted, f"flyball act scale {name} --replicas {more} {_where(seen)}", f"it has {now} pods"
    )


def _larger(seen: Seen, holds: int, claims: Sequence[str]) -> Advice:
    """No action of ours makes a volume larger: what a person can do. A name that is none of Kubernetes' is not put
    into a line that somebody may paste into a shell."""
    names = [name for name in claims if _NAME.fullmatch(name)]
    more = format_bytes(-(-holds * 3 // 2 // _GIB) * _GIB or _GIB)
    size = f'{{"spec":{{"resources":{{"requests":{{"storage":"{more}"}}}}}}}}'
    claim = names[0] if len(names) == 1 else "CLAIM"
    which = (
        f" (its claims: {', '.join(names[:_NAMED])}{', …' if len(names) > _NAMED else ''})" if names else ""
    )
    reason = (
        f"nothing that Flyball does makes a volume larger or empties it{which}: delete what is not needed there, or, "
        "where its StorageClass has allowVolumeExpansion, ask for more storage"
    )
    return Advice(
        None, {}, f"kubectl patch pvc {claim} -n {seen.workload.target.namespace} -p '{size}'", reason
    )


def kept(helps: Advice, target: Target, why: str) -> Advice:
    """The same where policy lets nobody here do it: what would help, and where to ask who may what."""
    command = f"flyball policy can-i {target} -n {target.namespace}"
    return replace(helps, command=command, reason=f"{helps.reason}; policy keeps it: {why}")


def _none(seen: Seen, reason: str) -> Advice:
    return Advice(None, {}, f"flyball why {seen.workload.target} -n {seen.workload.target.namespace}", reason)


def _where(seen: Seen) -> str:
    return f"-n {seen.workload.target.namespace} --dry-run"
