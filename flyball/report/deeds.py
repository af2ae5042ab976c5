"""What agents did within a span, by the log: changes with their verdicts, what was refused, what was left alone."""

from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from audit.timeline import wall_ms
from flyball.tuning_log import asked_of_a_person, told_apart, was_changed, was_refused
from tools.path.journal import parent_of
from tools.path.log_span import walked

if TYPE_CHECKING:
    from audit.record import Kind, Record
    from audit.store.read import Entry
    from flyball.wiring import App

    Find = Callable[[Sequence[Kind]], AsyncIterator[Entry]]


@dataclass(frozen=True, slots=True)
class Deed:
    """One change that an agent made, and its verdict: `verified`, `rolled back`, `worse`, `inconclusive`, `awaited`,
    or `none` where policy asked for none. `record` is its intent's number."""

    record: int
    at_ms: int
    agent: str
    key: str
    target: str
    namespace: str
    action: str
    diff: str
    strategy: str
    verdict: str
    why: str = ""
    """What the verdict rests on, in words; of what was put back, why it was."""


@dataclass(frozen=True, slots=True)
class Refusals:
    """How often something refused a change, of which workloads, and its newest words."""

    times: int
    names: Sequence[str]
    said: str


@dataclass(frozen=True, slots=True)
class Deeds:
    """`refused` by what refused it, `asked`: how many changes or plans a person had to agree to, `left` alone by
    why-code (the newest word on each workload counts), `touched` the keys of all that was looked at or changed."""

    changes: tuple[Deed, ...] = ()
    runs: int = 0
    refused: Mapping[str, Refusals] = field(default_factory=dict)
    asked: int = 0
    left: Mapping[str, Sequence[str]] = field(default_factory=dict)
    touched: tuple[str, ...] = ()

    def verdicts(self) -> Mapping[str, int]:
        """How many changes came to which verdict."""
        return dict(sorted(Counter(deed.verdict for deed in self.changes).items()))


async def deeds(app: "App", since_ms: int) -> Deeds:
    """By the time that policy uses: the world's where it is simulated. Of this cluster only; read page by page."""
    uid = app.context.cluster.uid

    async def found(kinds: "Sequence[Kind]") -> "AsyncIterator[Entry]":
        async for entry in walked(app.log, kinds, since_ms):
            if _here(entry.record, uid):
                yield entry

    runs, newest = set[str | None](), dict[str, str | None]()
    async for entry in found(("tool.proposed",)):
        runs.add(entry.record.run_id)
        if entry.record.resource:
            newest[entry.record.resource.key] = _why_left(entry.record)
    refused: list[Record] = []
    asked = set[str]()
    async for entry in found(("policy.decision", "plan.step", "approval.requested")):
        if entry.record.actor.type != "agent":
            continue
        if entry.record.kind == "policy.decision":
            refused += [entry.record] if was_refused(entry.record) else []
        elif asked_of_a_person(entry.record):
            asked.add(told_apart(entry.record))
    changes = await _changes(found)
    return Deeds(
        changes=changes,
        runs=len(runs),
        refused=_refused(refused),
        asked=len(asked),
        left=_left(newest),
        touched=tuple(sorted({deed.key for deed in changes} | newest.keys())),
    )


async def _changes(found: "Find") -> tuple[Deed, ...]:
    ends = found(("action.outcome",))
    applied = {parent_of(e.record, "intent") async for e in ends if was_changed(e.record)}
    said = found(("action.verified", "action.rolled_back"))
    verdicts = dict[str, tuple[str, str]]()
    async for e in said:
        verdicts[parent_of(e.record, "intent") or ""] = _verdict(e.record), _why(e.record)
    intents = found(("action.intent",))
    return tuple(
        [_deed(e, verdicts) async for e in intents if e.record.id in applied and _by_agent(e.record)]
    )


def _deed(entry: "Entry", verdicts: Mapping[str, tuple[str, str]]) -> Deed:
    record, labels = entry.record, entry.record.labels or {}
    where, promised = record.resource, (record.observation or {}).get("verify") is not None
    verdict, why = verdicts.get(record.id, ("awaited" if promised else "none", ""))
    return Deed(
        record=entry.seq,
        at_ms=at_ms(record),
        agent=record.actor.id,
        key=where.key if where else "",
        target=f"{where.kind}/{where.name}" if where else "",
        namespace=(where.namespace or "") if where else "",
        action=labels.get("tool", ""),
        diff=labels.get("diff", ""),
        strategy=labels.get("strategy", ""),
        verdict=verdict,
        why=why,
    )


def _verdict(record: "Record") -> str:
    if record.kind == "action.rolled_back":
        status = (record.labels or {}).get("status", "")
        return "rolled back" if status == "applied" else f"rollback {status}"
    return str((record.labels or {}).get("verdict", ""))


def _why(record: "Record") -> str:
    return str((record.observation or {}).get("why", ""))


def _by_agent(record: "Record") -> bool:
    return record.actor.type == "agent" and parent_of(record, "undoes") is None


def _refused(records: "Sequence[Record]") -> dict[str, Refusals]:
    """By what refused it, the most frequent first."""
    by: dict[str, list[Record]] = {}
    for record in records:
        by.setdefault(_refusal(record), []).append(record)
    found = {
        what: Refusals(len(each), _names(each), (each[-1].decision.detail or "") if each[-1].decision else "")
        for what, each in by.items()
    }
    return dict(sorted(found.items(), key=lambda one: (-one[1].times, one[0])))


def _names(records: "Sequence[Record]") -> tuple[str, ...]:
    """The workloads that they are about, as namespace/kind/name."""
    return tuple(sorted({r.resource.key.split("/", 1)[1] for r in records if r.resource}))


def _refusal(record: "Record") -> str:
    """What refused it."""
    decision = record.decision
    assert decision is not None
    return f"{decision.stage}: {decision.rule}" if decision.rule else decision.stage


def _why_left(record: "Record") -> str | None:
    """Why a run wanted nothing of the workload; None where it wanted something."""
    told = record.args or {}
    return None if told.get("change") else str(told.get("why", ""))


def _left(newest: Mapping[str, str | None]) -> dict[str, list[str]]:
    """The workloads of which the newest run wanted nothing, by why."""
    found: dict[str, list[str]] = {}
    for key, why in newest.items():
        if why is not None:
            found.setdefault(why, []).append(key.split("/", 1)[1])
    return {why: sorted(names) for why, names in sorted(found.items())}


def at_ms(record: "Record") -> int:
    """Of the world where it is simulated."""
    return wall_ms(record.world_ts or record.ts)


def _here(record: "Record", cluster_uid: str) -> bool:
    return record.resource is None or record.resource.cluster_uid in (None, cluster_uid)
