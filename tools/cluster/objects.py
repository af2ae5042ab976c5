"""From the API's JSON to the ports' types. Pure: the adapter and the simulator both come through here.

What the API leaves out stays None or empty; it is never guessed as zero. A shape that no apiserver sends
raises KeyError, TypeError, AttributeError or ValueError: the adapter reports an answer that it cannot read.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime

from base.durations import go_seconds
from base.quantities import millicores, whole_bytes
from policies.types import Target
from tools.cluster import pod_status
from tools.cluster.containers import counted, counted_statuses, given, initializing, resources
from tools.cluster.counts import counts
from tools.cluster.kinds import Object
from tools.cluster_types import (
    ApiEvent,
    Autoscaler,
    Condition,
    JobProgress,
    Manager,
    Ownership,
    Pod,
    PodUsage,
    Strategy,
    Workload,
)

_STRATEGIES: Mapping[str, Strategy] = {
    "RollingUpdate": "RollingUpdate",
    "Recreate": "Recreate",
    "OnDelete": "OnDelete",
}


def workload(cluster: str, kind: str, obj: Object, ownership: Ownership) -> Workload:
    """One object of a kind that is LOOKED_AT. `kind` is given, since items of a list carry none; the ownership is
    what `owners.ownership_of` found."""
    meta, spec, status = obj["metadata"], obj["spec"], obj.get("status") or {}
    pods = counts(kind, obj)
    return Workload(
        target=Target(cluster=cluster, namespace=meta["namespace"], kind=kind, name=meta["name"]),
        uid=meta["uid"],
        resource_version=meta["resourceVersion"],
        generation=meta.get("generation", 0),
        observed_generation=pods.observed,
        replicas=pods.replicas,
        ready=pods.ready,
        updated=pods.updated,
        available=pods.available,
        paused=spec.get("paused") or spec.get("suspend") or False,
        containers=counted(spec["template"]["spec"]),
        labels=meta.get("labels") or {},
        annotations=meta.get("annotations") or {},
        managers=managers(meta),
        owner=ownership.replicas,
        created_at=meta["creationTimestamp"],
        selector=spec["selector"].get("matchLabels") or {},
        template_annotations=(spec["template"].get("metadata") or {}).get("annotations") or {},
        template_labels=(spec["template"].get("metadata") or {}).get("labels") or {},
        resources_owner=ownership.resources,
        template_owner=ownership.template,
        controller=ownership.controller,
        strategy=_STRATEGIES.get(_replacing(spec).get("type", "RollingUpdate"), "Unknown"),
        partition=(_replacing(spec).get("rollingUpdate") or {}).get("partition") or 0,
        newest_template=status.get("updateRevision", ""),
        conditions=conditions_of(status),
        current=status.get("currentNumberScheduled", 0),
        node_selector=spec["template"]["spec"].get("nodeSelector") or {},
        job=_job(meta, spec, status) if kind == "job" else None,
        mounts_claims=bool(spec.get("volumeClaimTemplates") or claims_of(spec["template"]["spec"])),
    )


def claims_of(pod_spec: Object) -> tuple[str, ...]:
    """The persistent volume claims that a pod names in its spec, in its order."""
    volumes = pod_spec.get("volumes") or ()
    return tuple(
        one["persistentVolumeClaim"]["claimName"] for one in volumes if one.get("persistentVolumeClaim")
    )


def _job(meta: Object, spec: Object, status: Object) -> JobProgress:
    return JobProgress(
        succeeded=status.get("succeeded", 0),
        completions=spec.get("completions"),
        parallelism=spec.get("parallelism", 1),
        started_ms=_ms(status.get("startTime")),
        completed_ms=_ms(status.get("completionTime")),
        ending="deletionTimestamp" in meta,
    )


def _replacing(spec: Object) -> Object:
    """`strategy` of a Deployment, `updateStrategy` of a StatefulSet; RollingUpdate where it is left out."""
    return spec.get("strategy") or spec.get("updateStrategy") or {}


def conditions_of(status: Object) -> tuple[Condition, ...]:
    """What the status says of itself; of a message only the beginning."""
    return tuple(
        Condition(
            type=one["type"],
            holds=one["status"] == "True",
            reason=pod_status.word(one["reason"]) if one.get("reason") else "",
            message=str(one.get("message") or "")[: pod_status.MESSAGE],
            since_ms=_ms(one.get("lastTransitionTime")),
        )
        for one in status.get("conditions") or ()
    )


def managers(meta: Object) -> tuple[Manager, ...]:
    """managedFields: who wrote which fields, to the second level (`spec.replicas`, `metadata.labels`)."""
    return tuple(
        Manager(
            name=entry.get("manager", ""),
            operation=entry.get("operation", ""),
            subresource=entry.get("subresource", ""),
            at=entry.get("time", ""),
            fields=tuple(sorted(set(_paths(entry.get("fieldsV1") or {})))),
        )
        for entry in meta.get("managedFields") or ()
    )


def _paths(fields: Object) -> Iterable[str]:
    for top, below in fields.items():
        names = [name[2:] for name in below if name.startswith("f:")]
        yield from (f"{top[2:]}.{name}" for name in names) if names else (top[2:],)


def pod(obj: Object) -> Pod:
    """One pod. `ready` is its Ready condition; restarts and the last exit are those of its containers and native
    sidecars."""
    meta, spec, status = obj["metadata"], obj["spec"], obj.get("status") or {}
    conditions = {one["type"]: one["status"] for one in status.get("conditions") or ()}
    statuses = counted_statuses(obj)
    started, labels = status.get("startTime"), meta.get("labels") or {}
    state, message = pod_status.resize_state(meta.get("generation", 0), status)
    last = pod_status.last_exit(statuses)
    against = {one.type: one for one in conditions_of(status) if not one.holds}
    held = {one.type: one for one in conditions_of(status) if one.holds}
    return Pod(
        name=meta["name"],
        phase=status.get("phase", "Unknown"),
        ready=conditions.get("Ready") == "True",
        node=spec.get("nodeName"),
        containers=counted(spec),
        started_at_ms=unix_ms(started) if started else None,
        restarts=sum(one.get("restartCount", 0) for one in statuses),
        deleting="deletionTimestamp" in meta,
        uid=meta.get("uid", ""),
        resource_version=meta.get("resourceVersion", ""),
        generation=meta.get("generation", 0),
        qos=status.get("qosClass", ""),
        claims=claims_of(spec),
        resources=resources(spec.get("resources") or {}),
        actual=given(obj),
        resize=state,
        resize_message=message,
        managers=managers(meta),
        last_exit=last.reason,
        last_exit_ms=_ms(last.at),
        last_exit_of=last.container,
        initializing=initializing(obj),
        ends_ms=_ms(meta.get("deletionTimestamp")),
        finalizers=tuple(meta.get("finalizers") or ()),
        unready=against.get("PodScheduled") or against.get("Ready"),
        waiting=pod_status.waiting(
            (*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ()))
        ),
        template_hash=labels.get("pod-template-hash") or labels.get("controller-revision-hash") or "",
        created_ms=_ms(meta.get("creationTimestamp")),
        ready_ms=held["Ready"].since_ms if "Ready" in held else 0,
    )


def pod_usage(obj: Object) -> PodUsage:
    """One PodMetrics of metrics.k8s.io; a container without both figures is left out, not zero."""
    usages = {one["name"]: one.get("usage") or {} for one in obj.get("containers") or ()}
    return PodUsage(
        pod=obj["metadata"]["name"],
        at_ms=unix_ms(obj["timestamp"]),
        window_s=go_seconds(obj["window"]),
        containers={
            name: (millicores(usage["cpu"]), whole_bytes(usage["memory"]))
            for name, usage in usages.items()
            if "cpu" in usage and "memory" in usage
        },
    )


def event(obj: Object) -> ApiEvent:
    """One Event, of `v1` or of `events.k8s.io/v1`. All of its text is untrusted: it is passed on as it is."""
    about = obj.get("involvedObject") or obj.get("regarding") or {}
    series = obj.get("series") or {}
    times = (
        series.get("lastObservedTime"),
        obj.get("lastTimestamp") or obj.get("deprecatedLastTimestamp"),
        obj.get("eventTime"),
        obj["metadata"].get("creationTimestamp"),
    )
    source = obj.get("source") or obj.get("deprecatedSource") or {}
    return ApiEvent(
        about=f"{about.get('kind', '').lower()}/{about.get('name', '')}",
        type=obj.get("type") or "",
        reason=obj.get("reason") or "",
        message=obj.get("message") or obj.get("note") or "",
        source=obj.get("reportingComponent") or obj.get("reportingController") or source.get("component", ""),
        count=series.get("count") or obj.get("count") or obj.get("deprecatedCount") or 1,
        at_ms=unix_ms(next(time for time in times if time)),
    )


def autoscaler(obj: Object, owner: str | None = None) -> Autoscaler:
    """A HorizontalPodAutoscaler (autoscaling/v2). What its status does not say yet is not so, or missing; the owner
    is what `owners.bounds_owner_of` found."""
    spec, status = obj["spec"], obj.get("status") or {}
    conditions = {one["type"]: one for one in status.get("conditions") or ()}

    def holds(name: str) -> bool:
        return (conditions.get(name) or {}).get("status") == "True"

    return Autoscaler(
        name=obj["metadata"]["name"],
        minimum=spec.get("minReplicas", 1),
        maximum=spec["maxReplicas"],
        current=status.get("currentReplicas", 0),
        desired=status.get("desiredReplicas", 0),
        cpu_percent=_cpu_percent(status.get("currentMetrics") or (), "current"),
        target_percent=_cpu_percent(spec.get("metrics") or (), "target"),
        able=holds("AbleToScale"),
        active=holds("ScalingActive"),
        limited=holds("ScalingLimited"),
        reasons=tuple(pod_status.word(one.get("reason")) for one in conditions.values() if one.get("reason")),
        uid=obj["metadata"]["uid"],
        resource_version=obj["metadata"]["resourceVersion"],
        managers=managers(obj["metadata"]),
        owner=owner,
        metrics=tuple(spec.get("metrics") or ()),
        target_cpu=_cpu_of_a_pod(spec.get("metrics") or ()),
    )


def _cpu_of_a_pod(metrics: Iterable[Object]) -> int | None:
    """The target of the resource metric `cpu` in millicores, where it is CPU of a pod."""
    for one in metrics:
        resource = one.get("resource") or {}
        if one.get("type") == "Resource" and resource.get("name") == "cpu":
            value = (resource.get("target") or {}).get("averageValue")
            return None if value is None else millicores(str(value))
    return None


def _cpu_percent(metrics: Iterable[Object], part: str) -> int | None:
    """Of the resource metric `cpu`, as a share of the requests; None for any other kind of metric."""
    for one in metrics:
        resource = one.get("resource") or {}
        if one.get("type") == "Resource" and resource.get("name") == "cpu":
            percent: int | None = (resource.get(part) or {}).get("averageUtilization")
            return percent
    return None


def belongs(target: Target, obj: Object) -> bool:
    """Whether a pod that the selector found is this workload's own, and not another's with a like selector."""
    return workload_of(obj) == (target.kind, target.name)


def workload_of(obj: Object) -> tuple[str, str] | None:
    """Kind and name of the workload that a pod is of, by what controls it; None where nothing does.

    A Deployment's pods are controlled by the ReplicaSet that is named after it and their pod-template-hash.
    """
    controller = controller_of(obj["metadata"])
    if controller is None:
        return None
    kind, name = controller["kind"], controller["name"]
    template = (obj["metadata"].get("labels") or {}).get("pod-template-hash", "")
    if kind == "ReplicaSet" and name.endswith(f"-{template}"):
        return "deployment", name.removesuffix(f"-{template}")
    return None if kind.lower() == "deployment" else (kind.lower(), name)


def controller_of(meta: Object) -> Object | None:
    """The one ownerReference that manages the object (`controller: true`), if any."""
    return next((one for one in meta.get("ownerReferences") or () if one.get("controller")), None)


def selector_text(selector: Object) -> str:
    """A LabelSelector in the form of the `labelSelector` query parameter."""
    parts = [f"{key}={value}" for key, value in (selector.get("matchLabels") or {}).items()]
    for one in selector.get("matchExpressions") or ():
        key, values = one["key"], ",".join(one.get("values") or ())
        word = {"In": f"{key} in ({values})", "NotIn": f"{key} notin ({values})", "Exists": key}
        parts.append(word.get(one["operator"], f"!{key}"))
    return ",".join(parts)


def _ms(text: str | None) -> int:
    """As `unix_ms`; 0 where there is none."""
    return unix_ms(text) if text else 0


def unix_ms(text: str) -> int:
    """An RFC 3339 time in Unix milliseconds, UTC."""
    return round(datetime.fromisoformat(text).timestamp() * 1000)
