"""The words that the gate speaks: who asks for what on which object, what was seen, what an answer is
made of (decision.py is the answer, permit.py the right that comes of a yes).

Everything here is frozen. What crosses a process boundary (Principal, Target, Request) is parsed strictly by
pydantic; what lives only in memory is a slotted dataclass.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from operator import not_
from typing import Annotated, Any, Literal, NamedTuple, Self

from pydantic import BaseModel, ConfigDict, Field

from policies.claim_keys import ClaimKind

Scalar = int | str | bool | None
Mode = Literal["live", "dry_run"]

# RFC 1123 labels and subdomains, ASCII only: a name is rejected, never normalised.
DnsLabel = Annotated[str, Field(pattern=r"\A[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?\z")]
DnsName = Annotated[str, Field(pattern=r"\A[a-z0-9]([-.a-z0-9]{0,251}[a-z0-9])?\z")]
CLUSTER_NAME = r"[A-Za-z0-9]([-._@:/A-Za-z0-9]{0,251}[A-Za-z0-9])?"
"""A context's name as kubeconfigs have them: EKS names its by an ARN, with `:` and `/`."""
ClusterName = Annotated[str, Field(pattern=rf"\A{CLUSTER_NAME}\z")]
StrategyName = Annotated[str, Field(pattern=r"\A[a-z][-a-z0-9]{0,62}\z")]
KindName = Annotated[str, Field(pattern=r"\A[a-z]{1,63}\z")]
ActionName = Annotated[str, Field(pattern=r"\A[a-z][a-z0-9_]{0,62}\z")]
AgentName = Annotated[str, Field(pattern=r"\Aagent:[a-z0-9]([-.a-z0-9]{0,61}[a-z0-9])?\z")]
HumanName = Annotated[str, Field(pattern=r"\Ahuman:[A-Za-z0-9_]([-.@A-Za-z0-9_]{0,127})\z")]
GroupName = Annotated[str, Field(pattern=r"\Agroup:[A-Za-z0-9_]([-.@A-Za-z0-9_]{0,127})\z")]

LOCAL_GROUP = "group:local"
"""The group of the OS user at this machine."""

MAX_WHOLE = 2**53 - 1
"""The largest whole number that a record holds."""
FigureName = Annotated[str, Field(pattern=r"\A[a-z][_a-z0-9]{0,62}\z")]
Figures = Annotated[
    dict[FigureName, Annotated[int, Field(ge=-MAX_WHOLE, le=MAX_WHOLE)]], Field(min_length=1, max_length=16)
]
"""Named whole numbers; the name ends in the unit (`replicas_mc`, `violations_after_ppm`)."""


def _absent(value: object) -> bool:
    """Of fields that came after the first release. Where one is None the document leaves it out, so that a request
    that was recorded before keeps its digest, and with it its votes and its end."""
    return value is None


_encode = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode


def digest_of(value: object) -> str:
    """SHA-256 in hex over canonical JSON (sorted keys, no spaces; RFC 8785 on our integer-only profile)."""
    return hashlib.sha256(_encode(value).encode("utf-8", "strict")).hexdigest()


class Wire(BaseModel):
    """A value that crosses a boundary: strict types, no unknown fields, never changed after parsing."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", ignored_types=(cached_property,))

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """A copy derives its digest and keys again: those kept by the original must not vouch for other content."""
        copied = super().model_copy(update=update, deep=deep)
        for kept in copied.__dict__.keys() - type(self).model_fields.keys():
            del copied.__dict__[kept]
        return copied


@dataclass(frozen=True, slots=True)
class ActionInfo:
    """One entry of the action catalogue, as the tools register it and policy sees it.

    `dimensions` are those a write may move (see Delta); a write must be limited in each that it moves.
    """

    name: str
    access: Literal["read", "write"]
    dimensions: tuple[str, ...] = ()
    neutral: bool = False
    """It changes how something is said and nothing that it does: the next change need not wait for it."""


class Scope(Wire):
    """What a task is confined to; the third of the three whole evaluations."""

    clusters: tuple[ClusterName, ...]
    namespaces: tuple[DnsLabel, ...] | None
    """None: every namespace of those clusters."""
    actions: tuple[ActionName, ...]


class Principal(Wire):
    """Who asks: an agent for a human within a task, or a human by hand (`agent` is None)."""

    agent: AgentName | None
    on_behalf_of: HumanName | None
    """The human whose rights bound the agent's. None is an absent human, which denies."""
    groups: tuple[GroupName, ...] = ()
    """The human's groups as the identity provider gave them; `group:local` is the OS user at this machine."""
    session: Annotated[str, Field(max_length=128)]
    task: Scope | None = None
    """None only where a human acts by hand: then the task is that one action."""
    scheduled: Annotated[bool, Field(exclude_if=not_)] = False
    """Nobody asks: the agent runs by the schedule that policy gives it, for the owner that policy names. Left out of
    what is recorded where it is false, so that what was recorded before the field came keeps its digest."""


class Target(Wire):
    """The object; `kind` in lower case (`deployment`). Namespace is None for cluster-scoped kinds."""

    cluster: ClusterName
    namespace: DnsLabel | None
    kind: KindName
    name: DnsName

    def __str__(self) -> str:
        return f"{self.kind}/{self.name}"

    @cached_property
    def path(self) -> str:
        """`namespace/kind/name`, Casbin's `obj`."""
        return f"{self.namespace or ''}/{self.kind}/{self.name}"

    @cached_property
    def key(self) -> str:
        """`cluster/namespace/kind/name`: what claims, leases and the log's index go by. Only the cluster's name may
        hold a `/`, so that no two targets have one key."""
        return f"{self.cluster}/{self.path}"


class Request(Wire):
    """One governed action, parsed once; the same object is judged, recorded and carried out."""

    id: Annotated[str, Field(pattern=r"\A[a-z0-9][-a-z0-9]{7,63}\z")]
    principal: Principal
    tool: ActionName
    """The registered ActionSpec, e.g. `scale`."""
    action: ActionName
    """What policy calls it, e.g. `scale` or `scale_to_zero`: the spec classifies its arguments."""
    target: Target
    args: dict[str, Scalar]
    mode: Mode
    reason: Annotated[str, Field(max_length=2048)] = ""
    basis: str | None = None
    """Digest of the view that the proposal was reasoned from; a live view that differs is drift, a deny."""
    undoes: str | None = None
    """Id of the intent record that this request puts back; the executor checks that claim itself."""
    run_id: str | None = None
    tainted: bool = False
    """The agent's session has read text that anybody may have written: policy's tighter limits hold."""
    strategy: Annotated[StrategyName | None, Field(exclude_if=_absent)] = None
    """Which strategy of the tuner chose it: what the verdict is learned for."""
    expects: Annotated[Figures | None, Field(exclude_if=_absent)] = None
    """The effect that its proposer expects; the verdict holds it against what came."""
    under: Annotated[Annotated[str, Field(max_length=64)] | None, Field(exclude_if=_absent)] = None
    """Id of the envelope's intent record inside which the fast loop makes this move."""

    @cached_property
    def document(self) -> dict[str, Any]:
        """The request whole, as JSON: what its digest is of and what is recorded of it. Not to be changed."""
        return self.model_dump(mode="json")

    @cached_property
    def digest(self) -> str:
        """What approvals bind to, in hex: every field, the id included, but the session: a person's retry from
        another process is the same request."""
        principal = {name: value for name, value in self.document["principal"].items() if name != "session"}
        return digest_of({**self.document, "principal": principal})


@dataclass(frozen=True, slots=True)
class Delta:
    """One number that the action moves. `subject` is the container, or empty.

    Dimensions and units: replicas (count), cpuRequest and cpuLimit (millicores), memoryRequest and
    memoryLimit (bytes); of an autoscaler minReplicas and maxReplicas (counts) and targetPercent (CPU in percent
    of requests). None is "not set".
    """

    dimension: str
    subject: str
    before: int | None
    after: int | None


@dataclass(frozen=True, slots=True)
class Observation:
    """Our own read of what the action touches, quantised before the decision.

    `view` holds UID, the touched fields, their owner, the labels that policy looks at and the values that
    limits use; never resourceVersion. `resource_version` guards the final write only.
    """

    target: Target
    at_ms: int
    uid: str
    resource_version: str
    generation: int
    labels: Mapping[str, str] | None
    """None where they could not be read: then no rule that asks for a label allows, and every such deny holds."""
    view: Mapping[str, object]
    view_digest: str
    deltas: tuple[Delta, ...]
    cluster_uid: str
    owner: str | None = None
    """Who else keeps this field (an HPA, Argo CD, …) as `kind/name`; None if nobody."""
    peers: int | None = None
    """How many workloads are in its namespace; None, as of the next two, where nobody looked or it is not known."""
    alerts: int | None = None
    """How many alerts fire on it."""
    rolling_out: bool | None = None
    """Whether its pods are being replaced by those of a newer template."""

    @property
    def moves(self) -> bool:
        """Whether anything would be another afterwards; an action that moves no numbers always does."""
        return not self.deltas or any(delta.before != delta.after for delta in self.deltas)


@dataclass(frozen=True, slots=True)
class Approval:
    """A recorded vote, bound to one request and one view. `id` is its record's id, spent on use."""

    id: str
    by: str
    groups: tuple[str, ...]
    request_digest: str
    view_digest: str
    expires_ms: int


class Claim(NamedTuple):
    """What must still be true, or is spent, when the intent becomes durable.

    The log applies it to the integer at `key` (one of policies.claim_keys) in its own transaction.
    """

    kind: ClaimKind
    key: str
    value: int = 1
    gap: int = 0


Judged = Literal["latency_p50", "latency_p95", "latency_p99", "error_rate", "throttled_ratio"]
"""The metrics that a change can be judged by: those of which more is worse."""


@dataclass(frozen=True, slots=True)
class Obligation:
    """What an allow demands on top: `dryRun` before the write; `verify`, which judges the workload `seconds` after
    it: by its pods, and where a `metric` is named by that too, which may reach `max_ppm` of its value before."""

    kind: Literal["dryRun", "verify"]
    seconds: int = 0
    metric: Judged | None = None
    max_ppm: int = 0


@dataclass(frozen=True, slots=True)
class ApprovalNeed:
    """Who must agree: a role, `count` distinct humans, within `expires_s`; `local` lets the requester's own
    human vote at another prompt."""

    rule: str
    role: str
    count: int
    expires_s: int
    local: bool


@dataclass(frozen=True, slots=True)
class Headroom:
    """What would be allowed now along one dimension (inclusive), for a refusal's hint."""

    rule: str
    dimension: str
    low: int
    high: int
    alone: bool
    """False: only with an approval."""


@dataclass(frozen=True, slots=True)
class Leased:
    """The envelope that a request names by `under`, as the executor has found it in the log: applied to this very
    object, for this agent and human, narrowed by what the object bears.

    `mark` is what the log's integer must be while it is the newest; `ended` says why it is over before `until_ms`,
    empty where it is not; `votes` are those that were spent on it, `most` the end of the range that was let pass.
    `guard` is the CPU target in percent that its HPA may have meanwhile (None: its own), `target` its own, which it
    has again afterwards.
    """

    low: int
    high: int
    floor: int
    until_ms: int
    mark: int
    ended: str = ""
    votes: tuple[Approval, ...] = ()
    most: int = 0
    guard: int | None = None
    target: int | None = None

    def over(self, now_ms: int) -> bool:
        """Whether nothing may move in it any more: all that is left is to put its floor back."""
        return bool(self.ended) or now_ms >= self.until_ms


@dataclass(frozen=True, slots=True)
class Situation:
    """Everything the pure gate cannot know by itself.

    `now_ms` is the world's time (Unix ms), `values` the log's integers at `Gate.keys(request)`, `lease` the
    key and fencing token under which the executor holds the workload, `nonce` fresh randomness, `rollback`
    true where the executor has verified that this request restores a recorded pre-image in time; `leased` the
    envelope that it names, or `not_leased` why there is none.
    """

    now_ms: int
    values: Mapping[str, int]
    lease: tuple[str, int]
    nonce: str
    attempt: int = 1
    rollback: bool = False
    leased: Leased | None = None
    not_leased: str = ""
