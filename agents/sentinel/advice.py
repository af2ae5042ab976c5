"""What would help against a finding: one action of the catalogue, or a reasoned no. Never applied by itself."""

from collections.abc import Mapping
from dataclasses import dataclass

from agents.sentinel.checks import Seen
from policies.types import Scalar
from tools.findings.types import What


@dataclass(frozen=True, slots=True)
class Advice:
    """`action` and `args` are what would be asked for (None: nothing helps), `command` what a person types to look at
    it, `reason` why it helps or why nothing does."""

    action: str | None
    args: Mapping[str, Scalar]
    command: str
    reason: str


def advice(what: What, seen: Seen) -> Advice:
    """What would help against `what`, of the workload as it was seen."""
    match what:
        case "memory":
            return _restart(seen)
        case "saturation":
            return _more(seen)
        case "slo_burn":
            return _none(seen, "an error budget burns for a cause that no number of pods tells: find it")


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


def _none(seen: Seen, reason: str) -> Advice:
    return Advice(None, {}, f"flyball why {seen.workload.target} -n {seen.workload.target.namespace}", reason)


def _where(seen: Seen) -> str:
    return f"-n {seen.workload.target.namespace} --dry-run"
