"""set_envelope: lease a range of replicas in which an agent's fast loop may move, or end the lease.

The write is an annotation; what is leased is what the log says of the request, so that only governed leases count.
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

SET, END = "set_envelope", "end_envelope"
LEASE = "lease"
"""As policy calls the actions (policies.envelopes) and the seconds that are asked for (policies.quantities)."""


def leased(args: SetEnvelopeArgs) -> Written | None:
    """The range that is asked for; None where the lease shall end."""
    if args.min_replicas is None or args.max_replicas is None or args.until is None:
        return None
    return Written(args.min_replicas, args.max_replicas, args.until, args.floor, args.agent)


def _classify(args: SetEnvelopeArgs) -> str:
    return END if leased(args) is None else SET


def _owner(workload: Workload) -> str | None:
    """Who would undo the moves. An HPA would not: its minReplicas is what moves then."""
    owner = workload.owner
    return None if owner is not None and owner.startswith("horizontalpodautoscaler/") else owner


def _view(_: SetEnvelopeArgs, workload: Workload) -> dict[str, object]:
    """What stands there now; replicas stay out, since each move would unbind an approval."""
    now = written(workload.annotations)
    return {
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
    return (
        Delta("minReplicas", "", workload.replicas, asked.low),
        Delta("maxReplicas", "", workload.replicas, asked.high),
        Delta(LEASE, "", 0, lasts),
    )


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
    return {**dict(args.model_dump()), "min_replicas": None, "max_replicas": None, "until": None}


def _describe(args: SetEnvelopeArgs, workload: Workload) -> str:
    before, asked = written(workload.annotations), leased(args)
    shown = f"{before.low}..{before.high}" if before else "no envelope"
    if asked is None:
        return f"{shown} -> no envelope, then at least {args.floor}"
    lasts = duration(max(0, utc_ms(asked.until) - workload.seen_ms) // 1000, most=2)
    return f"{shown} -> {asked} ({lasts})"


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
    ),
)
