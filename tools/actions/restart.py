"""restart: replace the pods of a workload by its own rollout, as `kubectl rollout restart` does."""

import re
from collections.abc import Mapping
from typing import Any

from base.instants import utc_text
from policies.types import ActionInfo, Scalar, digest_of
from tools.cluster.names import WorkloadName
from tools.cluster.rollout import replaceable, replacement
from tools.cluster_types import Patch, Workload
from tools.errors import ArgumentsInvalid
from tools.spec import ActionSpec, Args, RbacRule

ANNOTATION = "kubectl.kubernetes.io/restartedAt"
_RFC3339 = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}(Z|[+-][0-9]{2}:[0-9]{2})")


class RestartArgs(Args):
    workload: WorkloadName


def _view(_: RestartArgs, workload: Workload) -> dict[str, object]:
    """What a restart would restart: the containers that run, and when that was last done.

    Generation stays out: an autoscaler's every step would unbind an approval.
    """
    return {
        "restarted_at": _time_or_digest(workload.template_annotations.get(ANNOTATION, "")),
        "images_sha256": digest_of({one.name: one.image for one in workload.containers}),
        "paused": workload.paused,
        "strategy": workload.strategy,
        "partition": workload.partition,
    }


def _time_or_digest(text: str) -> str:
    """An annotation is untrusted text: what is not a time is marked as such, and not passed on."""
    return text if not text or _RFC3339.fullmatch(text) else f"sha256:{digest_of(text)[:16]}"


def _patches(_: RestartArgs, workload: Workload) -> tuple[Patch, ...]:
    """Raises ArgumentsInvalid for a paused Deployment, whose pods would be replaced when it is resumed, and for
    a second restart within a second, which would change nothing; as kubectl does
    (kubectl/pkg/polymorphichelpers/objectrestarter.go, kubectl/pkg/cmd/rollout/rollout_restart.go). kubectl takes
    a restart of a StatefulSet whose update strategy replaces no pod; here it is refused."""
    if workload.paused:
        raise ArgumentsInvalid(
            "it is paused, so nothing would restart",
            where=str(workload.target),
            hint=f"kubectl rollout resume {workload.target} -n {workload.target.namespace}",
        )
    _replaces_some(workload)
    at = utc_text(workload.seen_ms)
    if workload.template_annotations.get(ANNOTATION) == at:
        raise ArgumentsInvalid(
            "it was restarted within this very second", where=str(workload.target), hint="wait a second"
        )
    return (Patch("", {"spec": {"template": {"metadata": {"annotations": {ANNOTATION: at}}}}}),)


def _inverse(args: RestartArgs, _: Mapping[str, Any]) -> dict[str, Scalar]:
    raise ArgumentsInvalid(
        "a restart cannot be undone: the old pods are gone", where=args.workload, hint="nothing is left to do"
    )


def _replaces_some(workload: Workload) -> None:
    """Raises ArgumentsInvalid for a StatefulSet that leaves every pod as it is (OnDelete, or a partition above
    them all): the restart would wait in the template, until a pod is deleted."""
    where, namespace = str(workload.target), workload.target.namespace
    if workload.strategy == "OnDelete":
        raise ArgumentsInvalid(
            "its update strategy is OnDelete: no pod is replaced until it is deleted",
            where=where,
            hint=f"kubectl delete pod NAME -n {namespace}, one after another",
        )
    if workload.replicas and not replaceable(workload):
        raise ArgumentsInvalid(
            f"its rolling update begins at pod {workload.partition}, of {workload.replicas}: none is replaced",
            where=where,
            hint="lower spec.updateStrategy.rollingUpdate.partition",
        )


def _kubectl(_: RestartArgs, workload: Workload) -> str:
    t = workload.target
    return f"kubectl rollout restart {t} -n {t.namespace} --context {t.cluster}"


SPEC = ActionSpec(
    name="restart",
    version="1",
    summary="Restart a workload: its pods are replaced by a rollout, with the same template.",
    example="flyball act restart deploy/web -n shop",
    args=RestartArgs,
    kinds=frozenset({"deployment", "statefulset"}),
    actions=(ActionInfo("restart", "write"),),
    classify=lambda _: "restart",
    view=_view,
    owner=lambda workload: workload.controller,  # a deployer leaves alone an annotation that it does not know
    deltas=lambda _, __: (),
    patches=_patches,
    inverse=_inverse,
    describe=lambda _, workload: replacement(workload),
    kubectl=_kubectl,
    rbac=(
        RbacRule("apps", "deployments", ("get", "patch")),
        RbacRule("apps", "statefulsets", ("get", "patch")),
    ),
)
