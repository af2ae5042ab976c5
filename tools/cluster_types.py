"""What a cluster is made of, as it was read, and a change as its API takes it: plain data, whoever the adapter is."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from forecasting.vertical.jvm import Jvm
from policies.types import Target


@dataclass(frozen=True, slots=True)
class ClusterIdentity:
    """A cluster as policy names it and as it is: `uid` is the UID of its kube-system namespace."""

    name: str
    uid: str
    server: str


@dataclass(frozen=True, slots=True)
class Resources:
    """Requests and limits of one container: CPU in millicores, memory in bytes; None where not set."""

    cpu_request: int | None = None
    cpu_limit: int | None = None
    memory_request: int | None = None
    memory_limit: int | None = None


@dataclass(frozen=True, slots=True)
class Container:
    """A container that runs as long as its pod. `native_sidecar`: it stands under the spec's `initContainers`, with
    `restartPolicy: Always`. `restarts_on`: the resources whose resize restarts it (resizePolicy RestartContainer)."""

    name: str
    image: str
    resources: Resources
    native_sidecar: bool = False
    restarts_on: tuple[str, ...] = ()
    jvm: Jvm | None = None
    """What the options of a JVM say of its memory: numbers; the options themselves stay with the adapter."""

    @property
    def listed_in(self) -> str:
        """The list of the pod's spec in which it stands."""
        return "initContainers" if self.native_sidecar else "containers"


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition of a workload's or a pod's status. `reason` is a word, `message` anybody's text: an admission
    webhook's refusal ends there. `since_ms` is when `holds` became what it is, Unix ms; 0 where nobody says."""

    type: str
    holds: bool
    reason: str
    message: str
    since_ms: int


def manager_of(intent: str) -> str:
    """The field manager that marks an intent's write."""
    return f"flyball-{intent}"


def fence_manager_of(intent: str) -> str:
    """The field manager of an intent's fence: who looks at managedFields sees whose it is, as of the write itself."""
    return manager_of(f"fence-{intent}")


def audit_id_of(intent: str, pod_uid: str) -> str:
    """The Audit-ID of an intent's write to one pod: each request to the apiserver has its own."""
    return f"{intent}-{pod_uid[:8]}"


@dataclass(frozen=True, slots=True)
class Manager:
    """One entry of managedFields. `fields` are the top paths it owns, e.g. `spec.replicas`."""

    name: str
    operation: str
    subresource: str
    at: str
    fields: tuple[str, ...]


LISTED = ("deployment", "statefulset")
"""Kinds that a list holds where none is asked for: those that can be changed."""

Strategy = Literal["RollingUpdate", "Recreate", "OnDelete", "Unknown"]
"""How a workload replaces its pods: `strategy` of a Deployment (RollingUpdate, Recreate), `updateStrategy` of a
StatefulSet (RollingUpdate, OnDelete); `Unknown`: one that we do not know."""


@dataclass(frozen=True, slots=True)
class Ownership:
    """Who keeps which part of a workload and would undo a change of it: its replicas, its template, its pods'
    requests and limits. `controller` is the one of its ownerReferences, which keeps all of it. None: nobody."""

    replicas: str | None = None
    template: str | None = None
    controller: str | None = None
    resources: str | None = None


@dataclass(frozen=True, slots=True)
class JobProgress:
    """How far a Job is (batch/v1): pods that `succeeded`, of `completions` (None: one is enough, of `parallelism` at
    once); from when to when, Unix ms, 0 where that is not yet. `ending`: it is being deleted."""

    succeeded: int
    completions: int | None
    parallelism: int
    started_ms: int
    completed_ms: int
    ending: bool = False


@dataclass(frozen=True, slots=True)
class Workload:
    """A Deployment, StatefulSet, DaemonSet or Job as it was read. Counts are pods (of a DaemonSet `replicas` are the
    nodes that it chooses; of a Job what it wants to run now, and `paused` is suspended); `owner` is who keeps its
    replicas (`horizontalpodautoscaler/web`, `argocd`, …) or None."""

    target: Target
    uid: str
    resource_version: str
    generation: int
    observed_generation: int
    replicas: int
    ready: int
    updated: int
    available: int
    paused: bool
    containers: tuple[Container, ...]
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    managers: tuple[Manager, ...]
    owner: str | None
    created_at: str
    selector: Mapping[str, str]
    template_annotations: Mapping[str, str] = field(default_factory=dict)
    template_labels: Mapping[str, str] = field(default_factory=dict)
    """What its pods are made with: a PodDisruptionBudget selects by them."""
    pods: "tuple[Pod, ...] | None" = None
    """Its pods, where the action works on them (ActionSpec.pods); None where nobody looked."""
    autoscaler: "Autoscaler | None" = None
    """Its HPA, where the action works on that (ActionSpec.autoscaler); None where nobody looked."""
    scaled_by: "Autoscaler | None" = None
    """The HPA that scales it, where the action has to know (ActionSpec.scaled_by); None where nobody looked."""
    seen_pods: "tuple[Pod, ...] | None" = None
    """Its pods, where the action has to know them (ActionSpec.sees_pods); None where nobody looked."""
    seen_ms: int = 0
    """When it was read for an action (the world's Unix ms); 0 elsewhere."""
    resources_owner: str | None = None
    """Who keeps its pods' requests and limits (`verticalpodautoscaler/web`), or None."""
    template_owner: str | None = None
    """Who keeps its template (`argocd`, `prometheus/main`), whoever scales it; or None."""
    controller: str | None = None
    """The controller of its ownerReferences, which keeps every part of it; or None."""
    strategy: Strategy = "RollingUpdate"
    partition: int = 0
    """Of a StatefulSet's rolling update: the pods with a lower ordinal keep the old template."""
    conditions: tuple[Condition, ...] = ()
    """What its controller says of it (a Deployment's ReplicaFailure, Progressing, Available)."""
    newest_template: str = ""
    """Pod.template_hash of a StatefulSet's newest template; empty where the status does not name it."""
    current: int = 0
    """Of a DaemonSet: the nodes among those it chooses that have a pod of it."""
    node_selector: Mapping[str, str] = field(default_factory=dict)
    """Of its template: the labels that a node must have."""
    job: JobProgress | None = None
    """Of a Job; None of any other kind."""
    mounts_claims: bool = False
    """Whether its pods mount persistent volume claims, those of its own templates (StatefulSet) among them."""

    def condition(self, type: str) -> Condition | None:
        """That condition, if there is one."""
        return next((one for one in self.conditions if one.type == type), None)

    @property
    def ownership(self) -> Ownership:
        """Who keeps which part of it."""
        return Ownership(self.owner, self.template_owner, self.controller, self.resources_owner)

    def marked(self, intent: str) -> bool:
        """Whether fields that this intent wrote are still its own: nobody has written over them since."""
        return any(manager.name == manager_of(intent) for manager in self.managers)


@dataclass(frozen=True, slots=True)
class PodUsage:
    """The latest sample of metrics.k8s.io for one pod: containers' CPU in millicores, memory in bytes."""

    pod: str
    at_ms: int
    window_s: int
    containers: Mapping[str, tuple[int, int]]


ResizeState = Literal["", "pending", "deferred", "infeasible", "in_progress", "error"]
"""Where a resize in place stands, by the conditions PodResizePending (Deferred, Infeasible) and
PodResizeInProgress (Error); empty: nothing is under way."""


@dataclass(frozen=True, slots=True)
class Pod:
    """One pod. `containers` are what its spec asks for; `actual` what its node has given them (containerStatuses'
    resources), empty where no node says so. `last_exit` is why a container ended last (`OOMKilled`, `Error`),
    `waiting` why one does not run (`CrashLoopBackOff`, `ImagePullBackOff`), empty where neither is so."""

    name: str
    phase: str
    ready: bool
    node: str | None
    containers: tuple[Container, ...]
    started_at_ms: int | None
    restarts: int
    deleting: bool
    uid: str = ""
    resource_version: str = ""
    generation: int = 0
    qos: str = ""
    claims: tuple[str, ...] = ()
    """The persistent volume claims that its spec names."""
    resources: Resources = Resources()
    """Requests and limits of the pod as a whole (`spec.resources`, Kubernetes 1.34), beside its containers' own."""
    actual: tuple[Container, ...] = ()
    resize: ResizeState = ""
    resize_message: str = ""
    managers: tuple[Manager, ...] = ()
    last_exit: str = ""
    last_exit_ms: int = 0
    """When that was, Unix ms; 0 where nobody says."""
    last_exit_of: str = ""
    """The container that ended."""
    initializing: str = ""
    """The init container for whose end, or (a native sidecar) for whose start, the others wait; empty: for none."""
    ends_ms: int = 0
    """When a pod that is being deleted should have ended (its grace period included), Unix ms; 0 of any other."""
    finalizers: tuple[str, ...] = ()
    """Who must agree before it is gone."""
    unready: Condition | None = None
    """Its condition PodScheduled, or else Ready, while it does not hold."""
    waiting: str = ""
    template_hash: str = ""
    created_ms: int = 0
    """When the apiserver took it, Unix ms; 0 where nobody says."""
    ready_ms: int = 0
    """Since when its condition Ready holds, Unix ms; 0 while it does not."""

    def asked(self, name: str) -> tuple[int | None, ...]:
        """One of the four amounts (`cpu_request`, …): the pod's own where it has one, else each container's."""
        whole: int | None = getattr(self.resources, name)
        if whole is not None:
            return (whole,)
        return tuple(getattr(container.resources, name) for container in self.containers)

    @property
    def alive(self) -> bool:
        """Whether it is, or shall be, at work: neither finished nor being deleted."""
        return not self.deleting and self.phase not in ("Succeeded", "Failed")

    def marked(self, intent: str) -> bool:
        """Whether fields that this intent wrote are still its own."""
        return any(manager.name == manager_of(intent) for manager in self.managers)


@dataclass(frozen=True, slots=True)
class ApiEvent:
    """One Event about a workload or one of its pods. `message` is anybody's text: untrusted.

    `count` is how often it happened, last at `at_ms` (Unix ms).
    """

    about: str
    type: str
    reason: str
    message: str
    source: str
    count: int
    at_ms: int


ChangeSource = Literal["log", "fields", "event"]


@dataclass(frozen=True, slots=True)
class Change:
    """One entry of the timeline. `who` and `what` may be anybody's text where it is not ours, made harmless.

    `at_ms` is Unix ms, 0 where nobody says when: the apiserver keeps no time for a write through `/scale`.
    `status` is how ours ended (`applied`, `in_doubt`, `failed`, …), `undo` whether it can still be put back;
    `intent` is the id under which ours was written, `settled` how the cluster carried it out, where that was
    waited for.
    """

    at_ms: int
    source: ChangeSource
    who: str
    what: str
    about: str
    ours: bool = False
    status: str = ""
    record: int | None = None
    undo: bool = False
    intent: str = ""
    settled: str = ""


@dataclass(frozen=True, slots=True)
class Autoscaler:
    """A HorizontalPodAutoscaler as it stands; `limited` says that it wants more (or fewer) than its bounds let
    it have, `able` and `active` are its conditions AbleToScale and ScalingActive, with the reasons.

    `target_percent` is the CPU utilisation that it aims at, in percent of requests; None where it aims at another
    metric. `owner` is who would undo a change of it (`scaledobject/web`, `argocd`, …), or None; `metrics` are its
    spec's as the API has them.
    """

    name: str
    minimum: int
    maximum: int
    current: int
    desired: int
    cpu_percent: int | None
    target_percent: int | None
    able: bool
    active: bool
    limited: bool
    reasons: tuple[str, ...]
    uid: str = ""
    resource_version: str = ""
    managers: tuple[Manager, ...] = ()
    owner: str | None = None
    metrics: tuple[Mapping[str, Any], ...] = ()
    target_cpu: int | None = None
    """The CPU of a pod that it aims at, in millicores, whatever the requests; None where it aims at another one."""

    def marked(self, intent: str) -> bool:
        """Whether this intent's write is on it. The mark is an annotation of that field manager, so that it stays
        when another manager changes the bounds: an HPA counts no generations that would tell."""
        return any(manager.name == manager_of(intent) for manager in self.managers)


@dataclass(frozen=True, slots=True)
class Budget:
    """A PodDisruptionBudget over a workload's pods, as its spec has it: a count or a percentage (`2`, `50%`)."""

    name: str
    min_available: int | str | None = None
    max_unavailable: int | str | None = None

    def disruptions(self, pods: int) -> int:
        """How many of so many healthy pods may be away at once (Kubernetes, pkg/controller/disruption,
        getExpectedPodCount: percentages are rounded up). Raises ValueError for what is neither."""
        if self.max_unavailable is not None:
            return min(_of(self.max_unavailable, pods), pods)
        return max(0, pods - _of(self.min_available or 0, pods))


def _of(amount: int | str, pods: int) -> int:
    return amount if isinstance(amount, int) else -(-int(amount.removesuffix("%")) * pods // 100)


@dataclass(frozen=True, slots=True)
class Quota:
    """A ResourceQuota over a workload's pods: what it leaves, by resource: `pods` (a count), `requests.cpu` and
    `limits.cpu` (millicores), `requests.memory` and `limits.memory` (bytes)."""

    name: str
    left: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Restraints:
    """What bounds the number of a workload's pods beside policy; None where it may not be listed."""

    budgets: tuple[Budget, ...] | None = ()
    quotas: tuple[Quota, ...] | None = ()


@dataclass(frozen=True, slots=True)
class Patch:
    """One change as the API takes it: a strategic merge patch of the object or of a subresource.

    The adapter adds UID and resourceVersion as preconditions, the field manager, the Audit-ID and dryRun.
    """

    subresource: Literal["", "scale", "resize"]
    body: Mapping[str, object]
    pod: str = ""
    """The name of the workload's pod that it changes; empty: the workload itself."""
    autoscaler: str = ""
    """The name of the workload's HPA that it changes; empty: none."""


@dataclass(frozen=True, slots=True)
class Precondition:
    """What must still hold on the server: a mismatch is a DefiniteConflict."""

    uid: str
    resource_version: str
