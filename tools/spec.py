"""ActionSpec and ReadSpec: a tool as data. A new tool is one file with one spec, and one line in the registry."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from policies.types import ActionInfo, Delta, Scalar, Target, digest_of
from tools.arguments import Args as Args
from tools.cluster.rollout import RolloutProgress, rolled_out
from tools.cluster_types import ApiEvent, Autoscaler, Change, Patch, Pod, PodUsage, Workload
from tools.metrics.types import Metric, Number, Series

A = TypeVar("A", bound=Args)


@dataclass(frozen=True, slots=True)
class RbacRule:
    """What the cluster must grant for this tool: `patch deployments/scale` in `apps`."""

    group: str
    resource: str
    verbs: tuple[str, ...]


READ_PODS = (
    RbacRule("apps", "deployments", ("get",)),
    RbacRule("apps", "statefulsets", ("get",)),
    RbacRule("apps", "daemonsets", ("get",)),
    RbacRule("batch", "jobs", ("get",)),
    RbacRule("", "pods", ("list",)),
)
"""What it takes to read one workload with its pods."""

READ_USAGE = (*READ_PODS, RbacRule("metrics.k8s.io", "pods", ("list",)))
"""… and what they use."""


@dataclass(frozen=True, slots=True)
class ActionSpec(Generic[A]):
    """A tool that changes one object. Every function here is pure.

    - `classify(args)`: what policy calls this call (`scale` to 0 is `scale_to_zero`); one of `actions`.
    - `view(args, workload)`: the fields that it touches and the values that limits use; canonical (no floats).
    - `deltas(args, workload)`: the numbers that it moves, in Delta's units.
    - `patches(args, workload)`: the change as the API takes it: one patch of the workload or of its HPA, or one of
      each pod.
    - `pods(args)`: whether it works on the pods; then `workload.pods` is there for every function here.
    - `autoscaler(args)`: whether it works on the HPA; then `workload.autoscaler` is there for every function here.
    - `owner(workload)`: who else keeps these fields (then a live change would be reverted), or None.
    - `inverse(args, view)`: arguments that bring the recorded view from before `args` back.
    - `describe(args, workload)`: the diff for a person, e.g. `4 -> 8`.
    """

    name: str
    version: str
    summary: str
    example: str
    args: type[A]
    kinds: frozenset[str]
    actions: tuple[ActionInfo, ...]
    classify: Callable[[A], str]
    view: Callable[[A, Workload], dict[str, object]]
    owner: Callable[[Workload], str | None]
    deltas: Callable[[A, Workload], tuple[Delta, ...]]
    patches: Callable[[A, Workload], tuple[Patch, ...]]
    inverse: Callable[[A, Mapping[str, Any]], dict[str, Scalar]]
    describe: Callable[[A, Workload], str]
    kubectl: Callable[[A, Workload], str]
    """The command that does the same by hand, for when Flyball cannot."""
    rbac: tuple[RbacRule, ...]
    pods: Callable[[A], bool] = lambda _: False
    sees_pods: Callable[[A], bool] = lambda _: False
    """Whether it has to know the pods, which it leaves alone; then `workload.seen_pods` is there."""
    autoscaler: Callable[[A], bool] = lambda _: False
    scaled_by: Callable[[A], bool] = lambda _: False
    """Whether it has to know the HPA, which it leaves alone; then `deltas` finds it in `workload.scaled_by`."""
    only_pods: frozenset[str] = frozenset()
    """Those of `actions` that never touch the workload itself: who keeps it does not keep them."""
    ready: Callable[[A, Workload], None] = lambda _, __: None
    """Raises ArgumentsInvalid where another change has to be made first; asked right before a live write, not of a
    dry run or a plan, where that change may be a step before it."""
    restarts: Callable[[A], int] = lambda _: 0
    """In how many running pods it restarts a container on purpose: a verdict on it does not count those."""
    settled: Callable[[A, Workload, Sequence[Pod]], RolloutProgress] = rolled_out
    """How far the cluster has come with it after the write; `rolled_out` for whatever changes the workload."""


class Reads(Protocol):
    """Governed reads of one principal: each is screened, fetched, recorded, and only then released.

    Raises ReadRefused (by policy) and what ClusterReader raises.
    """

    def now_ms(self) -> int:
        """The time that policy and figures use; Unix ms."""

    async def workloads(self, namespace: str, selector: str = "") -> list[Workload]: ...
    async def workload(self, target: Target) -> Workload: ...
    async def pods(self, target: Target) -> list[Pod]: ...
    async def usage(self, target: Target) -> list[PodUsage]: ...
    async def events(self, target: Target) -> list[ApiEvent]: ...
    async def autoscaler(self, target: Target) -> Autoscaler | None: ...
    async def own_changes(self, target: Target) -> list[Change]:
        """Ours alone, by the log, oldest first."""

    async def metric(self, target: Target, metric: Metric) -> Number: ...
    async def series(self, target: Target, metric: Metric, span_s: int, step_s: int) -> Series:
        """The last `span_s` seconds up to now, on a grid of `step_s`."""


@dataclass(frozen=True, slots=True)
class ReadSpec(Generic[A]):
    """A tool that only reads. `fetch(args, reads, cluster, namespace)` returns a JSON object without floats.

    `untrusted`: what it returns holds untrusted text (events, labels, annotations): a
    session that has read it is tainted. `actions` is what policy must allow: a tool that puts reads together
    has no action of its own, and what one of its parts may not read it does not show.
    """

    name: str
    version: str
    summary: str
    args: type[A]
    actions: tuple[ActionInfo, ...]
    fetch: Callable[[A, Reads, str, str], Awaitable[dict[str, object]]]
    rbac: tuple[RbacRule, ...]
    untrusted: bool = False


_DIGESTS: dict[str, str] = {}


def schema_digest(spec: ActionSpec[Any] | ReadSpec[Any]) -> str:
    """SHA-256 of a tool's argument schema, so that a record says which contract it was called under."""
    if spec.name not in _DIGESTS:
        _DIGESTS[spec.name] = digest_of(spec.args.model_json_schema())
    return _DIGESTS[spec.name]
