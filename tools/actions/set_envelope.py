"""set_envelope: lease a range of replicas in which an agent's fast loop may move, or end the lease.

The write is an annotation; what is leased is what the log says of the request, so that only governed leases count.
With a guard the CPU target of its HPA is leased too: the loop carries the load, and the HPA what nobody foresaw.
"""

from collections.abc import Mapping
from typing import Any

from base.durations import written as duration
from base.instants import utc_ms, utc_text
from policies.types import ActionInfo, Delta, Scalar
from tools.arguments import SetEnvelopeArgs
from tools.cluster_types import Patch, Workload
from tools.envelope_text import ANNOTATION, Written, unread, written
from tools.errors import ArgumentsInvalid
from tools.spec import ActionSpec, RbacRule

SET, GUARDED, END = "set_envelope", "set_guarded_envelope", "end_envelope"
LEASE = "lease"
"""As policy calls the actions (policies.envelopes) and the seconds that are asked for (policies.quantities)."""


def leased(args: SetEnvelopeArgs) -> Written | None:
    """The range that is asked for; None where the lease shall end."""
    if args.min_replicas is None or args.max_replicas is None or args.until is None:
        return None
    guard, target = args.guard_percent, args.target_percent
    return Written(args.min_replicas, args.max_replicas, args.until, args.floor, args.agent, guard, target)


def _classify(args: SetEnvelopeArgs) -> str:
    if leased(args) is None:
        return END
    return GUARDED if _guarded(args) else SET


def _guarded(args: SetEnvelopeArgs) -> bool:
    return args.guard_percent is not None


def _owner(workload: Workload) -> str | None:
    """Who would undo the moves. An HPA would not (its minReplicas is what moves then), but who keeps that HPA."""
    owner, hpa = workload.owner, workload.autoscaler
    if owner is not None and not owner.startswith("horizontalpodautoscaler/"):
        return owner
    return hpa.owner if hpa else None


def _view(args: SetEnvelopeArgs, workload: Workload) -> dict[str, object]:
    """What stands there now; what the loop moves stays out, since each move would unbind an approval."""
    now, hpa = written(workload.annotations), workload.autoscaler
    guards: dict[str, object] = {}
    if hpa is not None and _guarded(args):
        mark = {"guard_percent": now.guard, "target_percent": now.target} if now else {}
        guards = {"autoscaler": hpa.name, "autoscaler_uid": hpa.uid, **mark}
    return guards | {
        "min_replicas": now.low if now else None,
        "max_replicas": now.high if now else None,
        "until": now.until if now else None,
        "floor": now.floor if now else None,
        "agent": now.agent if now else None,
        "unread": unread(workload.annotations),
    }


def _deltas(args: SetEnvelopeArgs, workload: Workload) -> tuple[Delta, ...]:
    """Both ends from where the workload stands (what the annotation says now is anybody's), and how long."""
    asked = leased(args)
    if asked is None:
        return ()
    lasts = max(0, -(-(utc_ms(asked.until) - workload.seen_ms) // 1000))
    found = (
        Delta("minReplicas", "", workload.replicas, asked.low),
        Delta("maxReplicas", "", workload.replicas, asked.high),
        Delta(LEASE, "", 0, lasts),
    )
    if asked.guard is None:
        return found
    return (*found, Delta("targetPercent", "", _own_target(asked, workload), asked.guard))


def _own_target(asked: Written, workload: Workload) -> int:
    """The HPA's CPU target without any lease: what it has now, or what a lease that stands puts back. Raises
    ArgumentsInvalid where the one that is asked to be put back is another."""
    hpa, before = workload.autoscaler, written(workload.annotations)
    now = hpa.target_percent if hpa else None
    where = str(workload.target)
    if now is None:
        hint = "leave guard_percent and target_percent out"
        raise ArgumentsInvalid("its HPA does not aim at a share of the CPU requests", where=where, hint=hint)
    leases = before is not None and now in (before.guard, before.target)
    own = before.target if before is not None and leases else now
    if asked.target != own:
        raise ArgumentsInvalid(
            f"its HPA aims at {own}% of the CPU requests, not at {asked.target}%",
            where=where,
            hint=f"give target_percent {own}: what it has again afterwards",
        )
    return now


def _patches(args: SetEnvelopeArgs, workload: Workload) -> tuple[Patch, ...]:
    """Raises ArgumentsInvalid for a lease that is over already, and for a workload that is scaled to zero."""
    asked, where = leased(args), str(workload.target)
    if asked is not None and utc_ms(asked.until) <= workload.seen_ms:
        now = utc_text(workload.seen_ms)
        raise ArgumentsInvalid(f"{asked.until} is past", where=where, hint=f"it is {now} now")
    if asked is not None and workload.replicas == 0:
        raise ArgumentsInvalid("it is scaled to zero", where=where, hint="scale it up first")
    text = None if asked is None else str(asked)
    return (Patch("", {"metadata": {"annotations": {ANNOTATION: text}}}),)


def _inverse(args: SetEnvelopeArgs, _: Mapping[str, Any]) -> dict[str, Scalar]:
    """The end of the lease, whatever stood there before: that is an annotation, anybody's text, and putting it back
    would lease what nobody has asked for."""
    if leased(args) is None:
        raise ArgumentsInvalid(
            "an ended lease is not taken up again",
            where=args.workload,
            hint="ask for a new one: set-envelope",
        )
    gone = dict.fromkeys(("min_replicas", "max_replicas", "until", "guard_percent", "risk_permille"))
    return {**dict(args.model_dump()), **gone}


def _describe(args: SetEnvelopeArgs, workload: Workload) -> str:
    before, asked = written(workload.annotations), leased(args)
    shown = f"{before.low}..{before.high}" if before else "no envelope"
    if asked is None:
        again = "" if args.target_percent is None else f" at {args.target_percent}%"
        return f"{shown} -> no envelope, then at least {args.floor}{again}"
    lasts = duration(max(0, utc_ms(asked.until) - workload.seen_ms) // 1000, most=2)
    risk = "" if args.risk_permille is None else f", forecasts exceeded {args.risk_permille / 10:g} %"
    return f"{shown} -> {asked} ({lasts}{risk})"


def _kubectl(args: SetEnvelopeArgs, workload: Workload) -> str:
    """Shows what it would write. By hand it gives nobody room, it only takes it away."""
    t, asked = workload.target, leased(args)
    value = f"{ANNOTATION}-" if asked is None else f"--overwrite {ANNOTATION}='{asked}'"
    return f"kubectl annotate {t} -n {t.namespace} --context {t.cluster} {value}"


SPEC = ActionSpec(
    name=SET,
    version="1",
    summary="Lease a range of replicas in which an agent may move a workload each minute, until a time; or end it.",
    example="flyball act set-envelope deploy/web -n shop --min-replicas 3 --max-replicas 7 --for 8h",
    args=SetEnvelopeArgs,
    kinds=frozenset({"deployment", "statefulset"}),
    actions=(
        ActionInfo(SET, "write", ("minReplicas", "maxReplicas", LEASE)),
        ActionInfo(GUARDED, "write", ("minReplicas", "maxReplicas", "targetPercent", LEASE)),
        ActionInfo(END, "write"),
    ),
    classify=_classify,
    view=_view,
    owner=_owner,
    deltas=_deltas,
    patches=_patches,
    inverse=_inverse,
    describe=_describe,
    kubectl=_kubectl,
    rbac=(
        RbacRule("apps", "deployments", ("get", "patch")),
        RbacRule("apps", "statefulsets", ("get", "patch")),
        RbacRule("autoscaling", "horizontalpodautoscalers", ("list",)),
    ),
    autoscaler=_guarded,
)
