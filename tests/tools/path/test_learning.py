"""What verdicts teach, from the log alone: scores, cooling, and what a restart and a second process make of it.

| what happens                                     | what must be so                                          |
|--------------------------------------------------|----------------------------------------------------------|
| verified                                         | the score rises, the row of bad ones ends                |
| worse                                            | the score falls further, the strategy cools there        |
| worse again                                      | it cools twice as long, up to 14 days                    |
| inconclusive, or a change that no strategy chose | nothing is learned                                       |
| worse twice, then a restart                      | the third run is told to choose otherwise                |
| two verdicts at once                             | none is lost: one of the commits is tried again          |
| an integer is edited by hand                     | `audit verify` finds it; policy is as it was             |
"""

from pathlib import Path

import pytest

from audit.errors import ClaimLost
from audit.verify import verify
from policies.types import Target
from tests.kit.log_attacks import execute
from tests.tools.path.test_verification import becomes, changed, due, replicas, scaled, swept, within
from tests.tools.rig import WEB, Rig
from tools.path.expectation import missed
from tools.path.learning import COOL_MS, LONGEST_MS, Lesson, learned, lesson_claims
from tools.path.outcome import Applied

NOW = 1_790_000_000_000
DAY_MS = 86_400_000


def test_good_ones_raise_it_slowly_and_bad_ones_lower_it_fast() -> None:
    lesson = Lesson()
    for _ in range(3):
        lesson = lesson.after("verified", NOW)
    assert lesson == Lesson(578_125, 0, 0)
    lesson = lesson.after("worse", NOW)
    assert lesson == Lesson(-210_938, NOW + COOL_MS, 1)
    assert lesson.after("inconclusive", NOW) == lesson


def test_who_promised_too_much_loses_by_a_change_that_did_no_harm() -> None:
    assert Lesson(400_000).after("verified", NOW, missed=True) == Lesson(50_000, 0, 0)
    expected = {"violations_after_ppm": 20_000, "replicas_mc": 1}
    assert not missed(expected, {"violations_after_ppm": 30_000})
    assert missed(expected, {"violations_after_ppm": 30_001})
    assert not missed(expected, {"replicas_mc": 99_000})
    assert not missed({"replicas_mc": 1}, {"violations_after_ppm": 1_000_000})


def test_the_score_stays_within_its_bounds() -> None:
    best = worst = Lesson()
    for _ in range(200):
        best, worst = best.after("verified", NOW), worst.after("worse", NOW)
    assert 999_000 < best.score <= 1_000_000
    assert worst.score == -1_000_000


def test_each_bad_one_in_a_row_doubles_the_cooling_up_to_14_days() -> None:
    lesson, cooled = Lesson(), []
    for _ in range(7):
        lesson = lesson.after("worse", NOW)
        cooled.append((lesson.cooled_until_ms - NOW) // DAY_MS)
    assert cooled == [1, 2, 4, 8, 14, 14, 14]
    assert LONGEST_MS == 14 * DAY_MS
    again = lesson.after("verified", NOW).after("worse", NOW)
    assert again.cooled_until_ms - NOW == COOL_MS, "a verified one in between ends the row"


async def by(one: Rig, strategy: str | None, to: int, *, ready: int) -> None:
    """A change that a strategy chose, and its verdict."""
    one.clock.advance(DAY_MS)
    becomes(one, ready=replicas(one))
    result = await one.executor.execute(scaled(one, to, strategy=strategy))
    assert isinstance(result, Applied), result
    becomes(one, ready=ready)
    due(one)
    await swept(one)


async def known(one: Rig, *targets: Target) -> dict[str, Lesson]:
    found = await learned(one.log, targets or (WEB,))
    return dict(found.get(WEB.key, {}))


def test_after_two_rollbacks_and_a_restart_the_third_run_chooses_otherwise(tmp_path: Path) -> None:
    async def twice(one: Rig) -> None:
        await by(one, "forecast", 8, ready=3)
        await by(one, "forecast", 9, ready=3)

    async def third(one: Rig) -> None:
        lessons = await known(one)
        assert lessons["forecast"].worse_in_row == 2
        assert lessons["forecast"].score == -750_000
        assert lessons["forecast"].cooled_until_ms > one.context.now_ms()
        candidates = ["forecast", "hpa-formula"]
        chosen = [c for c in candidates if lessons.get(c, Lesson()).cooled_until_ms <= one.context.now_ms()]
        assert chosen == ["hpa-formula"]

    within(tmp_path, twice)
    within(tmp_path, third)


def test_the_verdict_and_what_it_teaches_are_one_commit(tmp_path: Path) -> None:
    async def work(one: Rig) -> None:
        await by(one, "forecast", 8, ready=8)
        (said,) = await one.log.find(kinds=("action.verified",))
        assert {"kind": "set", "key": f"score/forecast/{WEB.key}", "value": 250_000} in said.record.claims
        assert await known(one) == {"forecast": Lesson(250_000, 0, 0)}
        assert await learned(one.log, []) == {}

    within(tmp_path, work)


def test_who_chose_nothing_learns_nothing(tmp_path: Path) -> None:
    async def work(one: Rig) -> None:
        await by(one, None, 8, ready=3)
        assert await known(one) == {}
        await changed(one)
        one.clock.advance(12 * 3_600_000)
        await swept(one)  # too late: inconclusive
        assert await known(one) == {}

    within(tmp_path, work)


def test_of_two_verdicts_at_once_none_is_lost(tmp_path: Path) -> None:
    """The claims of the slower one no longer hold: its commit stores nothing, and it is given again."""

    async def work(one: Rig) -> None:
        await by(one, "forecast", 8, ready=8)
        (intent, *_) = await one.log.find(kinds=("action.intent",), newest_first=True)
        slow = await lesson_claims(one.log, intent.record, "verified", NOW)
        quick = await lesson_claims(one.log, intent.record, "worse", NOW)
        await one.log.commit((one.context.journal.resolving(intent.record, intent.record.actor),), quick)
        with pytest.raises(ClaimLost):
            await one.log.commit((one.context.journal.resolving(intent.record, intent.record.actor),), slow)

    within(tmp_path, work)


def test_a_score_that_was_set_by_hand_is_found_and_widens_nothing(tmp_path: Path) -> None:
    """Nothing is read of it but an order among candidates; whether they may be done, policy says as before."""

    async def work(one: Rig) -> None:
        await by(one, "forecast", 8, ready=3)
        execute(tmp_path / "audit.db", "UPDATE audit_claim SET value = 1000000 WHERE key LIKE 'score/%'")
        execute(tmp_path / "audit.db", "DELETE FROM audit_claim WHERE key LIKE 'cooled/%'")
        found = verify(tmp_path / "audit.db", one.log.verifier).findings
        assert {finding.check for finding in found} == {"claims"}
        assert {finding.what.split(" is ")[0] for finding in found} == {
            f"score/forecast/{WEB.key}",
            f"cooled/forecast/{WEB.key}",
        }
        refused = await one.executor.execute(scaled(one, 30, strategy="forecast"))
        assert not isinstance(refused, Applied)

    within(tmp_path, work)
