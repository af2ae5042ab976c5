"""What one can be notified of: topics, and the kinds of record that each is made of."""

from typing import Literal, get_args

from audit.record import Kind, Record

Topic = Literal["pending", "denied", "rolled_back", "level", "in_doubt", "finding", "event", "run", "service"]
TOPICS: tuple[Topic, ...] = get_args(Topic)

MEANING: dict[Topic, str] = {
    "pending": "a request waits for an approval",
    "denied": "an agent was refused because a budget or the blast radius is used up",
    "rolled_back": "a change made things worse and was rolled back, or could not be",
    "level": "an agent was demoted, promoted or retired",
    "in_doubt": "a write without an answer for a minute, and how it turned out",
    "finding": "the sentinel foresees something, or it is gone",
    "event": "load was declared, or an event ended",
    "run": "a run of an agent has finished",
    "service": "the service started, took over, stopped, or missed a schedule",
}

_OF: dict[str, Topic] = {
    "approval.requested": "pending",
    "policy.decision": "denied",
    "action.rolled_back": "rolled_back",
    "agent.demoted": "level",
    "agent.promoted": "level",
    "agent.retired": "level",
    "action.intent": "in_doubt",
    "action.in_doubt_resolved": "in_doubt",
    "finding.opened": "finding",
    "finding.resolved": "finding",
    "event.declared": "event",
    "event.ended": "event",
    "run.finished": "run",
    "service.started": "service",
    "service.stopped": "service",
    "schedule.missed": "service",
}
WATCHED: tuple[Kind, ...] = tuple(kind for kind in get_args(Kind) if kind in _OF)
"""The kinds of record that are looked at."""

SPENT = frozenset({"budget", "blast_radius"})
"""Stages of the gate whose refusals end by themselves: somebody may want to give more room meanwhile."""


def topic_of(record: Record) -> Topic | None:
    """The topic that the record belongs to; None where nobody is told of it. Of an intent it is not known yet: it is
    told only where it stays open."""
    topic = _OF.get(record.kind)
    if record.kind == "policy.decision":
        said = record.decision
        spent = said is not None and said.verdict == "deny" and said.stage in SPENT
        return topic if spent and record.actor.type == "agent" else None
    if record.kind == "action.intent":
        return topic if record.mode == "live" else None
    return topic
