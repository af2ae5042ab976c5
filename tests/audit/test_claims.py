"""Claims: each kind at its boundary, and that a lost one leaves nothing but its refusal."""

import asyncio
from pathlib import Path

import pytest

from audit.claims import settle
from audit.errors import ClaimLost
from audit.log import Log
from audit.record import Record
from tests.kit.logs import AGENT, Told, checked, read_record, with_log

CASES = [
    # claim, stored, what stands afterwards (None: lost)
    (Told("once", "k"), 0, 1),
    (Told("once", "k"), 1, None),
    (Told("once", "k"), -1, None),
    (Told("equals", "k", 7), 7, 7),
    (Told("equals", "k", 7), 8, None),
    (Told("equals", "k", 0), 0, 0),
    (Told("raise", "k", 7), 6, 7),
    (Told("raise", "k", 7), 7, 7),
    (Told("raise", "k", 7), 8, None),
    (Told("min_gap", "k", 1000, 600), 400, 1000),
    (Told("min_gap", "k", 1000, 600), 401, None),
    (Told("min_gap", "k", 1000, 600), 2000, None),
    (Told("set", "k", 0), 9, 0),
    (Told("add_within", "k", 2, 6), 4, 6),
    (Told("add_within", "k", 3, 6), 4, None),
    (Told("add_within", "k", 7, 6), 0, None),
    (Told("add_within", "k", -2, 6), 4, 2),
]


@pytest.mark.parametrize(("claim", "stored", "after"), CASES)
def test_each_kind_at_its_boundary(claim: Told, stored: int, after: int | None) -> None:
    assert settle(claim, stored) == after


def test_a_lost_claim_stores_its_refusal_and_gives_back_what_it_had_taken(path: Path) -> None:
    async def work(log: Log) -> None:
        await log.commit([read_record(log)], [Told("once", "nonce")])

        def lost(claim: object, stored: int) -> Record:
            return log.draft("policy.decision", actor=AGENT, reason=f"lost against {stored}")

        with pytest.raises(ClaimLost) as caught:
            await log.commit([read_record(log)], [Told("set", "budget", 5), Told("once", "nonce")], lost=lost)
        assert caught.value.stored == 1
        assert caught.value.seq == 2
        assert (await log.entry(2)).record.reason == "lost against 1"
        assert await log.values(["budget"]) == {"budget": 0}
        assert len(await log.find()) == 3

    with_log(path, work)
    assert checked(path).whole


def test_a_dry_run_checks_without_spending(path: Path) -> None:
    async def work(log: Log) -> None:
        for _ in range(2):
            (entry,) = await log.commit([read_record(log)], [Told("once", "nonce")], spend=False)
            assert entry.record.claims == ()
        assert await log.values(["nonce"]) == {"nonce": 0}
        await log.commit([read_record(log)], [Told("once", "nonce")])
        with pytest.raises(ClaimLost):
            await log.commit([read_record(log)], [Told("once", "nonce")], spend=False)

    with_log(path, work)
    assert checked(path).whole


def test_of_many_callers_at_once_one_gets_the_nonce(path: Path) -> None:
    async def work(log: Log) -> None:
        tries = [log.commit([read_record(log, n)], [Told("once", "nonce")]) for n in range(50)]
        results = await asyncio.gather(*tries, return_exceptions=True)
        assert sum(isinstance(r, tuple) for r in results) == 1
        assert sum(isinstance(r, ClaimLost) for r in results) == 49
        assert len(await log.find()) == 2

    with_log(path, work)


def test_a_claim_twice_in_one_submission_is_lost_to_itself(path: Path) -> None:
    async def work(log: Log) -> None:
        with pytest.raises(ClaimLost):
            await log.commit([read_record(log)], [Told("once", "n"), Told("once", "n")])

    with_log(path, work)
