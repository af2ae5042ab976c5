"""Causal order and the clock: what only somebody who can append could get wrong."""

from pathlib import Path

import pytest

from audit.log import Log
from audit.record import Outcome, Parent, Verdict
from tests.kit.logs import AGENT, ToldClock, checked, checks, fill, read_record, with_log


def test_an_outcome_without_its_intent(path: Path) -> None:
    async def work(log: Log) -> None:
        alone = log.draft("action.outcome", actor=AGENT, outcome=Outcome(status="applied"))
        refusal = log.draft("action.outcome", actor=AGENT, outcome=Outcome(status="refused"))
        failure = log.draft("action.outcome", actor=AGENT, outcome=Outcome(status="failed"))
        resolved = log.draft("action.in_doubt_resolved", actor=AGENT)
        intent = log.draft("action.intent", actor=AGENT, parents=(Parent(rel="decision", id="none"),))
        await log.commit([alone, refusal, failure, resolved, intent])

    with_log(path, work)
    found = {(f.check, f.seq) for f in checked(path).findings}
    assert found == {("causal", 1), ("causal", 4), ("causal", 5)}


def test_an_intent_before_its_decision(path: Path) -> None:
    async def work(log: Log) -> None:
        decision = log.draft("policy.decision", actor=AGENT, decision=Verdict(verdict="allow", stage="s"))
        parents = (Parent(rel="decision", id=decision.id),)
        await log.commit([log.draft("action.intent", actor=AGENT, parents=parents), decision])

    with_log(path, work)
    assert {(f.check, f.seq) for f in checked(path).findings} == {("causal", 1)}


@pytest.mark.parametrize("mode", ["live", "dry_run"])
def test_a_live_intent_on_a_denial(path: Path, mode: str) -> None:
    async def work(log: Log) -> None:
        decision = log.draft(
            "policy.decision", actor=AGENT, decision=Verdict(verdict="needs_approval", stage="s")
        )
        parents = (Parent(rel="decision", id=decision.id),)
        await log.commit([decision, log.draft("action.intent", actor=AGENT, mode=mode, parents=parents)])

    with_log(path, work)
    assert checks(checked(path)) == ({"causal"} if mode == "live" else set())


def test_a_parent_of_another_content(path: Path) -> None:
    async def work(log: Log) -> None:
        (first,) = await log.commit([read_record(log)])
        right = Parent(rel="observation", id=first.record.id, leaf=first.leaf_hash.hex())
        wrong = Parent(rel="observation", id=first.record.id, leaf="00" * 32)
        await log.commit([read_record(log, parents=(right,)), read_record(log, parents=(wrong,))])

    with_log(path, work)
    assert {(f.check, f.seq) for f in checked(path).findings} == {("causal", 3)}


def test_a_clock_that_goes_back_is_tolerated_and_recorded(path: Path) -> None:
    clock = ToldClock()

    async def work(log: Log) -> None:
        await fill(log, 2)
        clock.advance(10_000)
        clock.wall -= 3_600_000
        entries = await log.commit([read_record(log)])
        assert [e.seq for e in entries] == [4]
        anomaly = (await log.entry(3)).record
        assert anomaly.kind == "clock.anomaly"
        assert anomaly.observation is not None
        assert anomaly.observation["back_ms"] == 3_600_000
        await fill(log, 2)
        assert len(await log.find(kinds=["clock.anomaly"])) == 1

    with_log(path, work, clock=clock)
    report = checked(path)
    assert report.whole
    assert [(n.check, n.seq) for n in report.notes] == [("clock", 3)]
