"""Record: one thing that happened. This package owns its shape and knows nothing of what an action means."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Kind = Literal[
    "run.started", "run.finished", "plan.proposed", "plan.step", "tool.proposed", "tool.rejected", "tool.read",
    "policy.decision", "approval.requested", "approval.granted", "approval.denied", "approval.expired",
    "action.intent", "action.outcome", "action.settled", "action.verified", "action.rolled_back",
    "action.in_doubt_resolved",
    "model.call", "annotation", "review.signoff", "redaction", "config.changed", "policy.changed",
    "killswitch", "key.rotated", "log.opened", "clock.anomaly", "pinned.anomaly", "export.read", "log.pruned",
    "finding.opened", "finding.resolved", "event.declared", "event.ended", "notification.sent",
    "service.started", "service.stopped", "schedule.missed",
    "agent.demoted", "agent.promoted", "agent.retired",
    "loop.pass",
    "tune.paused", "tune.resumed",
]  # fmt: skip

Mode = Literal["live", "dry_run"]
Json = dict[str, Any]
"""A JSON object on the canonical profile: no floats, |int| <= 2**53-1, ASCII keys, no lone surrogates."""

MAX_TEXT = 4096
"""Characters of a free text."""

Text = Annotated[str, Field(max_length=MAX_TEXT)]
Name = Annotated[str, Field(max_length=512)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")


class Actor(_Part):
    """Who did it: an agent (for a human), a human by hand, or Flyball itself."""

    type: Literal["agent", "human", "system"]
    id: Name
    on_behalf_of: Name | None = None
    session: Name | None = None
    model: Name | None = None


class Parent(_Part):
    """A link to an earlier record; `leaf` is its leaf hash in hex where it is known."""

    rel: Name
    id: Name
    leaf: str | None = None


class Tool(_Part):
    """The typed tool that was called, with the digest of its argument schema."""

    name: Name
    version: Name
    schema_sha256: str


class Resource(_Part):
    """The object that was touched."""

    cluster: Name
    cluster_uid: Name | None = None
    namespace: Name | None = None
    kind: Name
    name: Name
    uid: Name | None = None
    resource_version: Name | None = None

    @property
    def key(self) -> str:
        """`cluster/namespace/kind/name`, the indexed column."""
        return f"{self.cluster}/{self.namespace or ''}/{self.kind}/{self.name}"


class Verdict(_Part):
    """What the gate said: verdict, the stage and rule that determined it, the policy that was used."""

    verdict: Literal["allow", "deny", "needs_approval"]
    stage: Name
    rule: Name | None = None
    policy_sha256: str | None = None
    detail: Text | None = None


class Outcome(_Part):
    """What happened in the end. `in_part`: some pods of several were written, `detail` says which were not;
    `unchanged`: it was so already, and nothing was sent. Both stood under `applied` in older logs."""

    status: Literal[
        "applied", "in_part", "unchanged", "simulated", "refused", "failed", "not_applied", "conflict"
    ]
    error_code: Name | None = None
    http_status: int | None = None
    detail: Text | None = None


class Record(_Part):
    """One entry of the log; its canonical bytes are the leaf. Made by `Log.draft`, never changed after.

    `v` is the version of the shape: 2 names the claims as audit.claims does, 1 named three of them otherwise
    (`audit.replay`). What is stored is never written again, so every version stays readable.

    `ts` is RFC 3339 UTC with milliseconds; `world_ts` the simulated world's time; `mono_us` counts within
    one `boot_id`. Fields that a kind has no use for are None and left out of the stored bytes.
    """

    v: Literal[1, 2] = 2
    id: Name
    ts: Name
    world_ts: Name | None = None
    mono_us: int
    boot_id: Name
    software: Name
    kind: Kind
    actor: Actor
    run_id: Name | None = None
    step_id: Name | None = None
    parents: tuple[Parent, ...] = ()
    tool: Tool | None = None
    resource: Resource | None = None
    mode: Mode | None = None
    reason: Text | None = None
    request_id: Name | None = None
    request_digest: str | None = None
    view_digest: str | None = None
    request: Json | None = None
    observation: Json | None = None
    args: Json | None = None
    before: Json | None = None
    after: Json | None = None
    approval: Json | None = None
    claims: tuple[Json, ...] = ()
    decision: Verdict | None = None
    outcome: Outcome | None = None
    commits: dict[str, str] | None = None
    blobs: tuple[str, ...] = ()
    labels: dict[str, str] | None = None
