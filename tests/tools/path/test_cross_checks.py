"""Somebody with a database shell and no key takes records out of an index, or sets integers by hand. The path finds
it before it writes; nothing is sent.

| attack                                               | what the attacker wants                         |
|------------------------------------------------------|-------------------------------------------------|
| the outcome, or all records, out of the request index | a finished request looks in doubt, or new       |
| `attempt/`, `ended/`, `approval/` given back          | it is carried out, or a vote used, once more    |
| `busy/` given back                                    | a write in doubt is forgotten, and written over |
| `changed/` given back                                 | no cooldown                                     |
| an intent out of the workload's index                 | the same                                        |
| a record edited, its hash with it                     | another outcome, vote, or value to go back to   |
| a vote put in behind the last record                  | an approval that nobody gave                    |
| `stop/` given back, or its record out of the index    | what is stopped goes on                         |
"""

import tarfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from audit.clock import SystemClock
from audit.errors import LogTampered
from audit.log import Log
from audit.store.read import Reader
from policies.claim_keys import STOP
from sandbox.api.faults import Fault, FaultKind
from tests.kit.crash_rig import Rig, run
from tests.kit.log_attacks import edit, execute, hide_from_index, put_in
from tests.kit.logs import run as run_async
from tools.path import kill_switch, tuning_pause
from tools.path.cross_checks import CrossChecks
from tools.path.outcome import Applied, Unknown
from tools.path.undo import proposal

STATE_0_1 = Path(__file__).parents[2] / "audit" / "data" / "state-0.1.tar.gz"
WEB = "sandbox/shop/deployment/web"


def log_of(rig: Rig) -> Path:
    return rig.folder / "audit.db"


def newest(rig: Rig, kind: str) -> str:
    """What an index without the newest record of a kind is declared over."""
    with Reader(log_of(rig)) as reader:
        return f"seq <> {[e.seq for e in reader.find() if e.record.kind == kind][-1]}"


async def nothing_is_sent(rig: Rig, what: str, *, id: str = "request-2", replicas: int = 5) -> None:
    before = await rig.replicas()
    with pytest.raises(LogTampered, match=what):
        await rig.executor.execute(rig.scale(replicas, id=id))
    assert await rig.replicas() == before


def after_one_action(folder: Path, attack: Callable[[Rig], Awaitable[None]]) -> None:
    async def work(rig: Rig) -> None:
        assert isinstance(await rig.executor.execute(rig.scale(4, id="request-1")), Applied)
        await attack(rig)

    run(folder, work)


def test_a_finished_request_does_not_look_in_doubt(folder: Path) -> None:
    async def attack(rig: Rig) -> None:
        hide_from_index(log_of(rig), "audit_entry_request_id", newest(rig, "action.outcome"))
        await nothing_is_sent(
            rig, "ended/.* is 1, the records that are found lead to 0", id="request-1", replicas=4
        )

    after_one_action(folder, attack)


def test_a_finished_request_does_not_look_new(folder: Path) -> None:
    async def attack(rig: Rig) -> None:
        hide_from_index(log_of(rig), "audit_entry_request_id", "seq < 0")
        await nothing_is_sent(rig, "attempt/request-1/1 is 1", id="request-1", replicas=4)

    after_one_action(folder, attack)


@pytest.mark.parametrize(
    ("sql", "id"),
    [
        ("UPDATE audit_claim SET value = 0 WHERE key = 'attempt/request-1/1'", "request-1"),
        ("DELETE FROM audit_claim WHERE key = 'attempt/request-1/1'", "request-1"),
        ("INSERT INTO audit_claim VALUES ('attempt/request-2/1', 1)", "request-2"),
        ("INSERT INTO audit_claim VALUES ('denied/request-2', 1)", "request-2"),
        ("UPDATE audit_claim SET value = 0 WHERE key LIKE 'ended/%'", "request-1"),
        (f"UPDATE audit_claim SET value = 1 WHERE key = 'busy/{WEB}'", "request-2"),
        (f"DELETE FROM audit_claim WHERE key = 'changed/{WEB}'", "request-2"),
        (f"UPDATE audit_claim SET value = value - 600000 WHERE key = 'changed/{WEB}'", "request-2"),
    ],
)
def test_an_integer_set_by_hand_is_found_before_it_is_used(folder: Path, sql: str, id: str) -> None:
    async def attack(rig: Rig) -> None:
        execute(log_of(rig), sql)
        await nothing_is_sent(rig, "is found|are found", id=id, replicas=4 if id == "request-1" else 5)

    after_one_action(folder, attack)


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        ("action.outcome", lambda record: record["outcome"].update(status="conflict")),
        ("action.outcome", lambda record: record["after"].update(replicas=9)),
        ("action.intent", lambda record: record["before"]["fields"].update(replicas=20)),
        ("policy.decision", lambda record: record["request"]["principal"].update(session="another")),
    ],
)
def test_a_record_that_was_edited_with_its_hash_is_not_used(
    folder: Path, kind: str, change: Callable[[dict[str, Any]], object]
) -> None:
    async def attack(rig: Rig) -> None:
        edit(log_of(rig), kind, change)
        await nothing_is_sent(rig, "is not proven by what was signed", id="request-1", replicas=4)

    after_one_action(folder, attack)


def test_a_vote_that_was_put_in_by_hand_does_not_count(folder: Path) -> None:
    """No integer says that a vote was given, so only the tree can tell."""

    def vote(record: dict[str, Any]) -> None:
        record |= {
            "id": "01a00000-0000-7000-8000-000000000000",
            "kind": "approval.granted",
            "approval": {"by": "human:boss", "groups": ["group:sre"], "expires_ms": 2**50},
            "claims": [],
        }

    async def attack(rig: Rig) -> None:
        put_in(log_of(rig), "action.outcome", vote)
        with pytest.raises(LogTampered, match="is not proven by what was signed"):
            await rig.context.journal.standing(rig.scale(4, id="request-1"))

    after_one_action(folder, attack)


def test_an_undo_goes_back_to_nothing_that_was_edited(folder: Path) -> None:
    async def attack(rig: Rig) -> None:
        edit(log_of(rig), "action.intent", lambda record: record["before"]["fields"].update(replicas=7))
        (intent,) = await rig.log.find(kinds=("action.intent",))
        who = rig.identity.by_hand()
        undo = await proposal(rig.context, intent.seq, id="request-undo", principal=who, mode="live")
        before = await rig.replicas()
        with pytest.raises(LogTampered, match="is not proven by what was signed"):
            await rig.executor.execute(undo)
        assert await rig.replicas() == before

    after_one_action(folder, attack)


@pytest.mark.parametrize(
    "sql", ["UPDATE audit_claim SET value = 0 WHERE key = '{}'", "DELETE FROM audit_claim WHERE key = '{}'"]
)
def test_a_write_in_doubt_is_not_forgotten(folder: Path, sql: str) -> None:
    async def work(rig: Rig) -> None:
        rig.world.inject([Fault(FaultKind.TIMEOUT_BEFORE)])
        assert isinstance(await rig.executor.execute(rig.scale(4, id="request-1")), Unknown)
        execute(log_of(rig), sql.format(f"busy/{WEB}"))
        await nothing_is_sent(rig, f"busy/{WEB} is 0, the records that are found lead to 1")

    run(folder, work)


def test_an_intent_out_of_the_workloads_index(folder: Path) -> None:
    async def attack(rig: Rig) -> None:
        hide_from_index(log_of(rig), "audit_entry_resource_key", newest(rig, "action.intent"))
        await nothing_is_sent(rig, f"changed/{WEB} is")

    after_one_action(folder, attack)


async def stop(rig: Rig) -> None:
    await kill_switch.throw(rig.context, "all", rig.identity.by_hand(), "drill")


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE audit_claim SET value = 2 WHERE key = 'stop/all'",
        "DELETE FROM audit_claim WHERE key = 'stop/all'",
    ],
)
def test_a_stop_is_not_given_back_by_hand(folder: Path, sql: str) -> None:
    async def attack(rig: Rig) -> None:
        await stop(rig)
        execute(log_of(rig), sql)
        await nothing_is_sent(rig, "stop/all is .*, the records that are found lead to 1")

    after_one_action(folder, attack)


@pytest.mark.parametrize("sql", ["UPDATE audit_claim SET value = 0 WHERE key = 'paused/all'",
                                 "DELETE FROM audit_claim WHERE key = 'paused/all'"])  # fmt: skip
def test_a_pause_is_not_ended_by_hand(folder: Path, sql: str) -> None:
    async def attack(rig: Rig) -> None:
        await tuning_pause.turn(rig.context, "all", rig.identity.by_hand(), pause=True)
        execute(log_of(rig), sql)
        await nothing_is_sent(rig, "paused/all is 0, the records that are found lead to 1")

    after_one_action(folder, attack)


def test_a_stop_whose_record_is_out_of_the_index(folder: Path) -> None:
    async def work(rig: Rig) -> None:
        await stop(rig)
        hide_from_index(log_of(rig), "audit_entry_kind", newest(rig, "killswitch"))
        with pytest.raises(LogTampered, match="stop/all is 1, the records that are found lead to 0"):
            await CrossChecks(rig.log).switches()

    run(folder, work)


def test_a_stop_that_is_gone_from_both_is_older_than_the_newest_intent(folder: Path) -> None:
    """Integer and index agree, and the last intent on the workload was committed under a counter of 2."""

    async def work(rig: Rig) -> None:
        await stop(rig)
        await kill_switch.lift(rig.context, "all", rig.identity.by_hand(), "over")
        assert isinstance(await rig.executor.execute(rig.scale(4, id="request-1")), Applied)
        execute(log_of(rig), "DELETE FROM audit_claim WHERE key = 'stop/all'")
        hide_from_index(log_of(rig), "audit_entry_kind", "kind <> 'killswitch'")

    async def again(rig: Rig) -> None:
        await nothing_is_sent(rig, "stop/all is 0, the records that are found lead to 2")

    run(folder, work)
    run(folder, again)


def test_what_others_claim_meanwhile_is_no_contradiction(folder: Path) -> None:
    """A stop by somebody else, and an action on another workload."""

    async def work(rig: Rig) -> None:
        assert isinstance(await rig.executor.execute(rig.scale(4, id="request-1")), Applied)
        await stop(rig)
        await kill_switch.lift(rig.context, "all", rig.identity.by_hand(), "over")
        assert isinstance(await rig.executor.execute(rig.scale(4, "queue", id="request-2")), Applied)
        assert isinstance(await rig.executor.execute(rig.scale(4, id="request-1")), Applied)
        assert isinstance(await rig.executor.execute(rig.scale(6, id="request-3")), Applied)

    run(folder, work)


def test_a_log_of_0_1_does_not_contradict_itself(tmp_path: Path) -> None:
    with tarfile.open(STATE_0_1) as archive:
        archive.extractall(tmp_path, filter="data")
    path = tmp_path / "sandbox" / "audit.db"
    path.with_suffix(".key").chmod(0o600)

    async def work() -> None:
        log = await Log.open(path, clock=SystemClock())
        checks = CrossChecks(log)
        entries = await log.find()
        for request_id in {e.record.request_id for e in entries if e.record.request_id}:
            assert await checks.request(request_id)
        for key in {e.record.resource.key for e in entries if e.record.resource}:
            await checks.before_write(key, None, under=True, simulated=False)
        assert any(STOP.has(name) for name in await log.prefixed(STOP.prefix))
        await log.close()

    run_async(work())
