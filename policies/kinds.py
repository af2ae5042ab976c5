"""What operators write: the five kinds of policy document (apiVersion flyball/v1), parsed strictly."""

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, field_validator, model_validator

from policies.agent_fields import Demotion, Promotion, Schedule, ScopePattern, Share, level_in
from policies.budgets import Per
from policies.fields import (
    Action,
    Autonomy,
    ClusterPattern,
    Hourly,
    Instant,
    KindPattern,
    LabelKey,
    LabelValue,
    Name,
    Pattern,
    Ratio,
    RoleName,
    Seconds,
    Some,
    Spec,
    Subject,
    WallTime,
    Zone,
)
from policies.limits import Caps, Limits, When
from policies.rates import Amounts, Changes
from policies.testcase import TestCase
from policies.types import Judged, StrategyName
from policies.windows import SHORTEST_S

MOST_MOVES = 120
"""The most moves an hour that an envelope may allow: the log keeps the time of each in a slot of its own."""


class Metadata(Spec):
    """`name` is what decisions cite; `owner` and `description` are for people."""

    name: Name
    owner: Annotated[str, Field(max_length=128)] | None = None
    description: Annotated[str, Field(max_length=1024)] | None = None


class Selected(Spec):
    """Which objects: patterns with a trailing `*` within a segment; `*` alone is any (cluster-scoped too)."""

    clusters: Annotated[tuple[ClusterPattern, ...], Some]
    namespaces: Annotated[tuple[Pattern, ...], Some]
    kinds: Annotated[tuple[KindPattern, ...], Some] = ("*",)
    names: Annotated[tuple[Pattern, ...], Some]
    labels: dict[LabelKey, LabelValue] = Field(default_factory=dict)


class Quorum(Spec):
    """Who must agree. `from: local` lets the requester's own OS user vote at another prompt."""

    from_: Annotated[RoleName, Field(alias="from")]
    count: Annotated[int, Field(ge=1, le=9)] = 1
    expires: Seconds = 900

    @field_validator("expires")
    @classmethod
    def _within_a_day(cls, value: int) -> int:
        if not 60 <= value <= 86_400:
            raise ValueError("must lie between 1m and 24h")
        return value


class ApprovalSpec(Quorum):
    """The approval that a rule asks for.

    Without `when` the approval is this rule's price: asked only where no other rule carries the change.
    With `when` (thresholds, or `always`) it binds every change that fits this rule, whatever others allow.
    """

    when: When | Literal["always"] | None = None


class TaintedSpec(Spec):
    """What a rule still allows to an agent whose session has read untrusted text: less, never more.

    `limits` lie within the rule's own; `approval` binds every tainted change that fits the rule, whatever
    others allow.
    """

    limits: Caps | None = None
    approval: Quorum | None = None

    @model_validator(mode="after")
    def _says_something(self) -> "TaintedSpec":
        if self.limits is None and self.approval is None:
            raise ValueError("says nothing: give limits or an approval, or write `allow` or `deny`")
        return self


def _form(value: Any) -> str:
    return "object" if isinstance(value, dict | TaintedSpec) else "word"


Tainted = Annotated[
    Annotated[Literal["deny", "allow"], Tag("word")] | Annotated[TaintedSpec, Tag("object")],
    Discriminator(_form),
]
"""`deny` (as where it is left out), `allow` (the rule as it stands), or tighter limits and an approval."""


class Verify(Spec):
    """After so long the workload is judged by its readiness, restarts and OOM kills, and a change that made it worse
    is undone. With `metric` also by that one: above `maxRatio` times its value before the change it is worse."""

    verify: Seconds
    metric: Judged | None = None
    max_ratio: Ratio | None = None

    @model_validator(mode="after")
    def _judges(self) -> "Verify":
        if not 10 <= self.verify <= 86_400:
            raise ValueError("must lie between 10s and 24h")
        if (self.metric is None) is not (self.max_ratio is None):
            raise ValueError("give metric and maxRatio together, e.g. metric: latency_p95, maxRatio: 1.2")
        return self


class EnvelopeSpec(Spec):
    """What a rule that allows `set_envelope` says of the envelope: how long it may last, and of the moves inside of
    it the time between two, how many an hour on one workload, and the largest step."""

    longest: Seconds
    cooldown: Seconds = 60
    moves: Hourly
    max_step: Annotated[int, Field(ge=1, le=1_000_000)] | None = None

    @model_validator(mode="after")
    def _within_reason(self) -> "EnvelopeSpec":
        if not 60 <= self.longest <= 30 * 86_400:
            raise ValueError("longest must lie between 1m and 30d")
        if self.moves > MOST_MOVES:
            raise ValueError(f"moves may be at most {MOST_MOVES}/h")
        return self


Quiet = Literal["alerts", "rollouts"]
"""What must be quiet about a workload: no alert fires on it, no rollout of it goes on."""


class RuleBudget(Spec):
    """How often the rule may be used, and how much of a number it may move in all, up and down, within any hour or
    day: for each workload, for each agent (or person by hand) in a cluster, in each namespace, or in each cluster."""

    per: Per
    changes: Changes | None = None
    delta: Amounts = Field(default_factory=dict)

    @model_validator(mode="after")
    def _says_something(self) -> "RuleBudget":
        if self.changes is None and not self.delta:
            raise ValueError("says nothing: give changes, delta, or both")
        return self


class ActionPolicySpec(Spec):
    """Who (by role) may or may never do what to which objects, within which numbers."""

    roles: Annotated[tuple[RoleName, ...], Some]
    actions: Annotated[tuple[Action, ...], Some]
    target: Selected
    effect: Literal["allow", "deny"]
    limits: Limits | None = None
    cooldown: Seconds = 0
    envelope: EnvelopeSpec | None = None
    require: tuple[Literal["dryRun"] | Verify, ...] = ()
    approval: ApprovalSpec | None = None
    tainted: Tainted | None = None
    budget: RuleBudget | None = None
    flip: Seconds = 0
    quiet: tuple[Quiet, ...] = ()

    @model_validator(mode="after")
    def _deny_is_bare(self) -> "ActionPolicySpec":
        owed = ("limits", "approval", "cooldown", "envelope", "require", "tainted", "budget", "flip", "quiet")
        extra = [name for name in owed if getattr(self, name)]
        if self.effect == "deny" and extra:
            raise ValueError(f"a deny takes no {extra[0]}; absolute numbers belong in a Ceiling")
        return self


class RoleBindingSpec(Spec):
    """Gives a role to subjects (a `role:` subject makes everybody who has it inherit this one)."""

    subjects: Annotated[tuple[Subject, ...], Some]
    role: RoleName
    clusters: Annotated[tuple[ClusterPattern, ...], Some]
    until: Instant | None = None


class Budgets(Spec):
    """What one turn or run may use up (`steps`, `tokens`), and what all of the agent's changes in a cluster may."""

    steps: Annotated[int, Field(ge=1, le=1000)] | None = None
    tokens: Annotated[int, Field(ge=1, le=100_000_000)] | None = None
    changes: Changes | None = None
    delta: Amounts = Field(default_factory=dict)


class AgentSpec(Spec):
    """An agent: whose it is, its roles, how far it acts by itself (one level, or one by cluster or namespace).

    With a `schedule` it runs by itself in `flyball serve`, for its owner: on the workloads of `scope` (without one on
    all that it may read), by the strategies named (without any by all that fit), as long as the accepted probability
    of a violation, `risk`, in parts per million, is kept.
    """

    owner: Annotated[str, Field(pattern=r"\A(local|human:[A-Za-z0-9_]([-.@A-Za-z0-9_]{0,127}))\z")]
    roles: Annotated[tuple[RoleName, ...], Some]
    autonomy: Autonomy | dict[ScopePattern, Autonomy]
    model: Annotated[str, Field(max_length=256)] | None = None
    budgets: Budgets = Field(default_factory=Budgets)
    schedule: Schedule | None = None
    scope: Selected | None = None
    strategy: Annotated[tuple[StrategyName, ...], Some] | None = None
    risk: Share | None = None
    demotion: Demotion | None = None
    promotion: Promotion | None = None

    def autonomy_in(self, cluster: str, namespace: str | None) -> Autonomy:
        """The level in a namespace of a cluster (None: of what lies in no namespace)."""
        if isinstance(self.autonomy, str):
            return self.autonomy
        return level_in(self.autonomy, cluster, namespace)

    def levels_in(self, cluster: str) -> frozenset[Autonomy]:
        """Every level that it may have somewhere in the cluster."""
        if isinstance(self.autonomy, str):
            return frozenset((self.autonomy,))
        named = (key.rpartition("/")[2].replace("*", "x") for key in self.autonomy)
        return frozenset(level_in(self.autonomy, cluster, namespace) for namespace in (None, *named))


Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
DAYS: tuple[Day, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class Window(Spec):
    """Either wall times in a zone (`end` at or before `start` is the next day), or two instants."""

    zone: Zone | None = None
    start: WallTime | None = None
    end: WallTime | None = None
    days: Annotated[tuple[Day, ...], Some] = DAYS
    from_: Annotated[Instant | None, Field(alias="from")] = None
    until: Instant | None = None

    @model_validator(mode="after")
    def _one_form(self) -> "Window":
        wall = (self.zone, self.start, self.end)
        span = (self.from_, self.until)
        if all(part is not None for part in wall) and span == (None, None):
            return self
        if self.from_ is not None and self.until is not None and wall == (None, None, None):
            if self.from_ < self.until:
                return self
            raise ValueError("from is not before until")
        raise ValueError("a window has either zone, start and end, or from and until")


class FreezeScope(Spec):
    clusters: Annotated[tuple[ClusterPattern, ...], Some]
    namespaces: Annotated[tuple[Pattern, ...], Some] = ("*",)


class FreezeSpec(Spec):
    """No write in the scope during the windows, but for people of the `override` group by hand, with a reason."""

    scope: FreezeScope
    windows: Annotated[tuple[Window, ...], Some]
    override: Annotated[str, Field(pattern=r"\Agroup:[A-Za-z0-9_]([-.@A-Za-z0-9_]{0,127})\z")] | None = None


class BlastRadius(Spec):
    """At most this share of a namespace's workloads is changed within this time, but always one."""

    share: Share
    within: Annotated[Seconds, Field(ge=SHORTEST_S)]


class CeilingSpec(Spec):
    """Absolute bounds that no rule widens and no approval lifts."""

    target: Selected
    limits: Caps = Field(default_factory=Caps)
    blast_radius: BlastRadius | None = None


class _Doc(Spec):
    api_version: Literal["flyball/v1"]
    metadata: Metadata


class ActionPolicy(_Doc):
    kind: Literal["ActionPolicy"]
    spec: ActionPolicySpec
    tests: tuple[TestCase, ...] = ()


class RoleBinding(_Doc):
    kind: Literal["RoleBinding"]
    spec: RoleBindingSpec


class Agent(_Doc):
    kind: Literal["Agent"]
    spec: AgentSpec

    @property
    def principal(self) -> str:
        """The agent as a principal, `agent:<name>`."""
        return f"agent:{self.metadata.name}"


class Freeze(_Doc):
    kind: Literal["Freeze"]
    spec: FreezeSpec


class Ceiling(_Doc):
    kind: Literal["Ceiling"]
    spec: CeilingSpec


Kind = ActionPolicy | RoleBinding | Agent | Freeze | Ceiling
KINDS: dict[str, type[Kind]] = {
    "ActionPolicy": ActionPolicy,
    "RoleBinding": RoleBinding,
    "Agent": Agent,
    "Freeze": Freeze,
    "Ceiling": Ceiling,
}
