"""What the log holds of tuning runs: which there were, what each weighed, and what came of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from flyball.tuning_plans import plan_ends

if TYPE_CHECKING:
    from audit.record import Kind, Record
    from audit.store.read import Entry
    from flyball.wiring import App

CAME: "tuple[Kind, ...]" = (
    "policy.decision",
    "action.intent",
    "action.outcome",
    "action.settled",
    "action.verified",
    "action.rolled_back",
    "plan.step",
)
"""Kinds that tell what became of a proposal."""


@dataclass(frozen=True, slots=True)
class LoggedRun:
    """A run as it was recorded; `ended` is None while it is under way, or where its process died. `plan` is how the
    steps of its plan stand now (plan_ends)."""

    started: "Entry"
    ended: "Entry | None"
    plan: Mapping[str, int] = field(default_factory=dict)

    @property
    def run_id(self) -> str:
        return self.started.record.run_id or ""

    @property
    def agent(self) -> str:
        return self.started.record.actor.id

    @property
    def facts(self) -> Mapping[str, Any]:
        """What it was asked for."""
        return self.started.record.args or {}

    @property
    def result(self) -> Mapping[str, Any]:
        """How many workloads ended how, or the error that it ended with; empty where nobody says."""
        return (self.ended.record.args or {}) if self.ended else {}

    def document(self) -> dict[str, Any]:
        """For a program."""
        return {
            "run_id": self.run_id,
            "agent": self.agent,
            "on_behalf_of": self.started.record.actor.on_behalf_of,
            "record": self.started.seq,
            "started_at": self.started.record.world_ts or self.started.record.ts,
            "ended_at": (self.ended.record.world_ts or self.ended.record.ts) if self.ended else None,
            **{name: self.facts.get(name) for name in ("namespaces", "strategies", "choice", "risk_ppm")},
            "result": dict(self.result),
            "plan": dict(self.plan),
        }


async def runs(app: "App", agent: str | None = None, limit: int = 20) -> list[LoggedRun]:
    """The newest tuning runs, newest first: those of agents, not the applications of plans."""
    found: list[LoggedRun] = []
    for entry in await app.log.find(kinds=("run.started",), newest_first=True):
        record = entry.record
        if "strategies" not in (record.args or {}) or agent not in (None, record.actor.id):
            continue
        found.append(await _logged(app, entry))
        if len(found) == limit:
            break
    return found


async def one_run(app: "App", run_id: str) -> LoggedRun | None:
    """The tuning run of this id; None where the log has none."""
    found = await app.log.find(kinds=("run.started",), run_id=run_id)
    mine = [entry for entry in found if "strategies" in (entry.record.args or {})]
    return await _logged(app, mine[-1]) if mine else None


async def weighings(app: "App", run_id: str) -> "list[Entry]":
    """What the run weighed, a record a workload, in its order."""
    return await app.log.find(kinds=("tool.proposed",), run_id=run_id)


async def came_of(app: "App", run_id: str, target_key: str) -> "list[Entry]":
    """The records of the run that tell what became of its proposal for one workload; of decisions the refusals."""
    found = await app.log.find(kinds=CAME, run_id=run_id, resource_key=target_key)
    return [e for e in found if e.record.kind != "policy.decision" or judged(e.record, "deny")]


async def read_for(app: "App", run_id: str, target_key: str) -> "list[Entry]":
    """The reads of the run that its figures rest on: of this workload, and of its namespace together."""
    cluster, namespace, _, _ = target_key.rsplit("/", 3)
    keys = (target_key, f"{cluster}/{namespace}/namespace/{namespace}")
    found = await app.log.find(kinds=("tool.read",), run_id=run_id)
    return [e for e in found if e.record.resource is not None and e.record.resource.key in keys]


def in_earnest(record: "Record") -> bool:
    """Whether a decision is about a change that would have been made: a live one, or one of a scheduled run, whose
    plan leaves out what its dry run was refused."""
    principal = (record.request or {}).get("principal")
    return record.mode == "live" or (isinstance(principal, dict) and principal.get("scheduled") is True)


def was_changed(record: "Record") -> bool:
    """Whether the end of an intent says that something was changed for good."""
    done = record.outcome is not None and record.outcome.status in ("applied", "in_part")
    return done and record.mode == "live"


def judged(record: "Record", verdict: str) -> bool:
    """Whether a decision was that."""
    return record.decision is not None and record.decision.verdict == verdict


def was_refused(record: "Record") -> bool:
    """Whether a decision refused a change that would have been made."""
    return in_earnest(record) and judged(record, "deny")


def asked_of_a_person(record: "Record") -> bool:
    """Whether the record is a question: of one change, or of a step of a plan."""
    return record.kind == "approval.requested" or (
        record.kind == "plan.step" and judged(record, "needs_approval")
    )


def told_apart(record: "Record") -> str:
    """What makes several records of a request one: a step that waits may ask again."""
    return record.request_id or record.id


async def _logged(app: "App", started: "Entry") -> LoggedRun:
    """The run with its own end: applications of its plan end under the same id, and name the plan."""
    run_id = started.record.run_id or ""
    ends = await app.log.find(kinds=("run.finished",), run_id=run_id)
    own = [entry for entry in ends if "plan" not in (entry.record.args or {})]
    return LoggedRun(started, own[0] if own else None, await plan_ends(app, run_id))
