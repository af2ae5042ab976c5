"""Somebody with a database shell gives budgets, directions and a blast radius back. The records tell, and nothing is
sent.

| attack                                             | what the attacker wants                          |
|----------------------------------------------------|--------------------------------------------------|
| `spent/` deleted, lowered, or an older copy        | the budget once more                             |
| `radius/` the same                                 | more workloads at once than policy allows        |
| `counted/` put in                                  | a workload counts as one that is inside already  |
| `moved/` deleted or older                          | the other direction at once                      |
| `clock/` deleted or lowered                        | a clock set back ends nothing                    |
| the intents out of the index                       | the records say as little as the integers        |
"""

import random
from pathlib import Path
from typing import Any

import pytest

from audit.errors import LogTampered
from audit.store.point_queries import PointQueries
from audit.store.read import Entry
from policies.counting import Counting
from policies.windows import PARTS
from sandbox.api.faults import Fault, FaultKind
from tests.kit.crash_rig import POLICY, Rig, balanced, run
from tests.kit.log_attacks import execute, hide_from_index
from tools.path.outcome import Applied, Refused, Result
from tools.path.recount import Recount

RULES = """limits: {replicas: {min: 1, max: 12}}
  budget: {per: namespace, changes: 2/h, delta: 9/h}
  flip: 30m"""
FEW = """---
apiVersion: flyball/v1
kind: Ceiling
metadata: {name: few}
spec:
  target: {clusters: ["*"], namespaces: ["*"], names: ["*"]}
  blastRadius: {share: 50%, within: 1h}
...
"""
WEB = "sandbox/shop/deployment/web"


def with_rules(folder: Path, rules: str) -> Path:
    policy = POLICY.replace("limits: {replicas: {min: 1, max: 12}}", rules, 1)
    (folder / "policy" / "policy.yaml").write_text(policy.removesuffix("...\n") + FEW)
    return folder


@pytest.fixture
def counted(folder: Path) -> Path:
    return with_rules(folder, RULES)


async def applied(rig: Rig, replicas: int, name: str = "web") -> None:
    result = await scaled(rig, replicas, name)
    assert isinstance(result, Applied), result


async def scaled(rig: Rig, replicas: int, name: str = "web") -> Result:
    return await rig.executor.execute(rig.scale(replicas, name, id=rig.context.nonce()))


async def nothing_is_sent(rig: Rig, what: str, name: str = "web", replicas: int = 6) -> None:
    before = await rig.replicas(name)
    with pytest.raises(LogTampered, match=f"{what}.*the records that are found lead to"):
        await scaled(rig, replicas, name)
    assert await rig.replicas(name) == before


def attacked(folder: Path, sql: str, what: str, *, name: str = "web", replicas: int = 6) -> None:
    """Two changes, then the attack: found by a process that has seen them, and by one that begins."""

    async def work(rig: Rig) -> None:
        await applied(rig, 4)
        await applied(rig, 5)
        execute(rig.folder / "audit.db", sql)
        await nothing_is_sent(rig, what, name, replicas)

    async def again(rig: Rig) -> None:
        await nothing_is_sent(rig, what, name, replicas)

    run(folder, work)
    run(folder, again)


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM audit_claim WHERE key LIKE 'spent/%'",
        "DELETE FROM audit_claim WHERE key LIKE 'spent/%' AND key NOT LIKE 'spent/total/%'",
        "DELETE FROM audit_claim WHERE key LIKE 'spent/total/%'",
        "UPDATE audit_claim SET value = 0 WHERE key LIKE 'spent/%'",
        "UPDATE audit_claim SET value = 1 WHERE key LIKE 'spent/%/changes/%'",
        "UPDATE audit_claim SET value = value - 1 WHERE key LIKE 'spent/%/replicas/%'",
        "UPDATE audit_claim SET value = -9 WHERE key LIKE 'spent/%'",
    ],
)
def test_a_budget_is_not_given_back_by_hand(counted: Path, sql: str) -> None:
    attacked(counted, sql, "spent/")


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM audit_claim WHERE key LIKE 'radius/%' OR key LIKE 'counted/%'",
        "UPDATE audit_claim SET value = 0 WHERE key LIKE 'radius/%'",
    ],
)
def test_a_place_among_the_workloads_is_not_given_back(counted: Path, sql: str) -> None:
    attacked(counted, sql, "(radius|counted)/")


def test_a_workload_is_not_put_among_those_that_are_counted(counted: Path) -> None:
    attacked(
        counted,
        "INSERT INTO audit_claim SELECT replace(key, '/web', '/worker'), value FROM audit_claim "
        "WHERE key LIKE 'counted/%'",
        "counted/3600/few/sandbox/shop/deployment/worker",
        name="worker",
    )


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM audit_claim WHERE key LIKE 'moved/%'",
        "UPDATE audit_claim SET value = value - 1800000 WHERE key LIKE 'moved/%'",
        "INSERT INTO audit_claim SELECT replace(key, '/up/', '/down/'), value FROM audit_claim "
        "WHERE key LIKE 'moved/up/%'",
    ],
)
def test_a_direction_is_not_forgotten(counted: Path, sql: str) -> None:
    attacked(counted, sql, "moved/", replicas=3)


@pytest.mark.parametrize("value", ["0", "value - 60000"])
def test_the_clock_that_was_seen_is_not_set_back(counted: Path, value: str) -> None:
    attacked(counted, f"UPDATE audit_claim SET value = {value} WHERE key LIKE 'clock/%'", "clock/sandbox")


def test_an_older_copy_of_the_integers_is_found(counted: Path) -> None:
    """Each is one that the log has really held."""

    async def work(rig: Rig) -> None:
        await applied(rig, 4)
        older = await rig.log.prefixed("spent/")
        await applied(rig, 5)
        sql = "UPDATE audit_claim SET value = {} WHERE key = '{}'"
        execute(rig.folder / "audit.db", *(sql.format(value, key) for key, value in older.items()))
        await nothing_is_sent(rig, "spent/")

    run(counted, work)


def test_intents_out_of_the_index_contradict_what_was_spent(counted: Path) -> None:
    async def work(rig: Rig) -> None:
        await applied(rig, 4)
        hide_from_index(rig.folder / "audit.db", "audit_entry_kind", "kind <> 'action.intent'")

    async def again(rig: Rig) -> None:
        await nothing_is_sent(rig, "is [0-9]+, ")

    run(counted, work)
    run(counted, again)


def test_what_is_long_past_is_not_counted_again(counted: Path) -> None:
    """What was taken away of a window that is over gives nothing back, and costs nobody a look."""

    async def work(rig: Rig) -> None:
        for replicas in range(3, 9):
            await applied(rig, replicas)
            rig.world.advance(3000)
        rig.world.advance(7200)
        execute(rig.folder / "audit.db", "DELETE FROM audit_claim WHERE key LIKE 'spent/%'")

    async def again(rig: Rig) -> None:
        await applied(rig, 9)
        recount = rig.context.journal.checks._recount
        assert recount._since_ms
        assert recount._counted == {}

    run(counted, work)
    run(counted, again)


def test_a_service_keeps_no_part_that_is_over(counted: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tools.path.recount._PRUNE_FROM", 8)

    async def work(rig: Rig) -> None:
        rig.context.journal.checks._recount = Recount()
        for replicas in (3, 4, 5, 6, 7, 8):
            await applied(rig, replicas)
            rig.world.advance(7200)
        kept = rig.context.journal.checks._recount._counted
        assert sum(key.startswith("spent/") and "total" not in key for key in kept) <= 6

    run(counted, work)


FAULTS = (
    FaultKind.CONFLICT, FaultKind.REFUSED, FaultKind.TIMEOUT_AFTER, FaultKind.TIMEOUT_BEFORE, FaultKind.THROTTLED,
)  # fmt: skip


@pytest.mark.parametrize("seed", range(3))
def test_no_honest_log_contradicts_itself(folder: Path, seed: int) -> None:
    """Changes that arrive, conflict, fail or stay in doubt, on several workloads, over hours, in processes that come
    and go: whatever rides with whichever record, the records lead to what is stored."""
    roomy = RULES.replace("2/h", "9/h").replace("9/h, delta: 9/h", "9/h, delta: 40/h").replace("30m", "6m")
    with_rules(folder, roomy)
    dice = random.Random(seed)

    async def work(rig: Rig) -> None:
        for _ in range(12):
            if dice.random() < 0.5:
                rig.world.inject([Fault(dice.choice(FAULTS), times=dice.randint(1, 3))])
            result = await scaled(rig, dice.randint(2, 8), dice.choice(("web", "worker", "queue")))
            assert not isinstance(result, Refused) or result.stage != "error", result
            rig.world.inject([])
            await rig.executor.resolver.sweep()
            rig.world.advance(dice.choice((0, 40, 400, 1500)))

    for _ in range(3):
        run(folder, work)
    run(folder, balanced)


def test_the_records_of_a_clock_that_was_wrong_are_found_all_the_same(counted: Path) -> None:
    """The walk back stops too early here: the whole log is counted before anything is said."""

    async def work(rig: Rig) -> None:
        await applied(rig, 4)
        rig.context.journal.checks._recount._begin(10_000, 1)
        await applied(rig, 5)
        assert rig.context.journal.checks._recount._since_ms == 0

    run(counted, work)


def test_a_part_is_held_as_long_as_its_window(counted: Path) -> None:
    """The integers of twelve parts back still count, so their records are looked for."""

    async def work(rig: Rig) -> None:
        await applied(rig, 4)
        rig.world.advance(3600 + 3600 // PARTS - 400)
        execute(rig.folder / "audit.db", "DELETE FROM audit_claim WHERE key LIKE 'spent/%/changes/%'")
        await nothing_is_sent(rig, "spent/")

    run(counted, work)


def test_a_part_in_which_the_time_that_counts_begins_is_no_contradiction(folder: Path) -> None:
    """The oldest time that counts is that of the longest rule, and no part of a radius need begin there: what was
    noted in that part before it sends nobody through the whole log."""
    with_rules(folder, RULES.replace("flip: 30m", "flip: 3h"))
    part_ms = 3_600_000 // PARTS

    async def work(rig: Rig) -> None:
        now_ms = rig.context.now_ms()
        rig.world.advance(-(-now_ms // part_ms) * part_ms // 1000 - now_ms // 1000 + 5)
        await applied(rig, 4)
        rig.world.advance(3 * 3600 + 200)

    async def again(rig: Rig) -> None:
        await applied(rig, 5)
        assert rig.context.journal.checks._recount._since_ms

    run(folder, work)
    run(folder, again)


def test_a_long_log_is_read_piece_by_piece(counted: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    find, pieces = PointQueries.find, list[int]()

    def seen(reads: PointQueries, **asked: Any) -> list[Entry]:
        found = find(reads, **asked)
        pieces.extend([len(found)] if "action.outcome" in asked.get("kinds", ()) else [])
        return found

    async def work(rig: Rig) -> None:
        for replicas in (4, 5):
            await applied(rig, replicas)

    async def again(rig: Rig) -> None:
        whole, parts = Recount(), Recount()
        (key,) = [key for key in await rig.log.prefixed("spent/") if "total" not in key and "changes" in key]
        now_ms = rig.context.now_ms()
        counting = Counting("sandbox", (key,), 0, now_ms)
        ask = rig.log.at_one_moment
        assert await ask(lambda reads: whole.contradiction(reads, counting, simulated=True)) is None
        monkeypatch.setattr(PointQueries, "find", seen)
        monkeypatch.setattr("tools.path.recount._AT_ONCE", 2)
        assert await ask(lambda reads: parts.contradiction(reads, counting, simulated=True)) is None
        assert parts._counted == whole._counted
        assert len(pieces) > 2
        assert max(pieces) == 2

    run(counted, work)
    run(counted, again)
