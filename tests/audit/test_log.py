"""The log as other packages use it."""

import asyncio
import json
import stat
from pathlib import Path

import pytest

from audit.errors import ClaimLost, LogTampered, LogUnavailable, RecordInvalid
from audit.keys import KeySigner
from audit.log import Log
from audit.record import Resource
from tests.kit.logs import AGENT, WEB, Told, ToldClock, act, checked, fill, read_record, run, with_log


def test_a_new_log_begins_with_log_opened_as_record_0(path: Path) -> None:
    async def work(log: Log) -> None:
        first = await log.entry(0)
        assert first.record.kind == "log.opened"
        assert first.record.observation == {"vkey": log.verifier.text}
        assert [e.seq for e in await log.commit([read_record(log)])] == [1]

    with_log(path, work)
    with_log(path, lambda log: fill(log, 1))
    assert checked(path).records == 3


def test_files_and_folders_are_private(path: Path) -> None:
    with_log(path, lambda log: fill(log, 1))
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert {stat.S_IMODE(p.stat().st_mode) for p in path.parent.iterdir()} == {0o600}


def test_the_write_ahead_log_is_private_while_open(path: Path) -> None:
    async def work(log: Log) -> set[int]:
        await fill(log, 1)
        return {stat.S_IMODE(p.stat().st_mode) for p in path.parent.glob("audit.db*")}

    assert with_log(path, work) == {0o600}


def test_a_draft_carries_id_times_and_software(path: Path) -> None:
    async def work(log: Log) -> None:
        draft = read_record(log)
        assert draft.ts == "2023-11-14T22:13:20.000Z"
        assert draft.mono_us == 5_000_000
        assert draft.id[14] == "7"
        assert draft.software.startswith("flyball")
        assert len({read_record(log).id for _ in range(1000)}) == 1000

    with_log(path, work)


def test_a_draft_that_is_no_record_says_which_field(path: Path) -> None:
    async def work(log: Log) -> None:
        with pytest.raises(RecordInvalid, match=r"tool\.read\.nonsense"):
            log.draft("tool.read", actor=AGENT, nonsense=1)

    with_log(path, work)


def test_what_was_committed_is_found_again(path: Path) -> None:
    async def work(log: Log) -> None:
        other = Resource(cluster="sandbox", kind="node", name="n1")
        one = read_record(log, 1, request_id="r1", request_digest="ab" * 32, run_id="run-1")
        two = log.draft("annotation", actor=AGENT, resource=other, request_id="r1", run_id="run-1")
        entries = await log.commit([one, two])
        assert (await log.by_id(one.id)) == entries[0] == await log.entry(1)
        assert await log.by_id("nobody") is None
        assert await log.by_request("r1") == list(entries)
        assert await log.find(kinds=["annotation"]) == [entries[1]]
        assert await log.find(resource_key=WEB.key) == [entries[0]]
        assert await log.find(resource_key="sandbox//node/n1") == [entries[1]]
        assert await log.find(run_id="run-1", newest_first=True) == [*reversed(entries)]
        assert await log.find(request_digest_prefix="abab") == [entries[0]]
        assert await log.find(request_digest_prefix="abac") == []
        assert [e.seq for e in await log.find(since_seq=1)] == [1, 2]
        assert [e.seq for e in await log.find(limit=1)] == [0]
        with pytest.raises(KeyError):
            await log.entry(99)

    with_log(path, work)


def test_callers_at_once_share_commits_and_each_gets_its_own_numbers(path: Path) -> None:
    async def work(log: Log) -> None:
        async def caller(n: int) -> list[int]:
            found = []
            for i in range(10):
                entries = await log.commit([read_record(log, n * 100 + i), read_record(log, n * 100 + i)])
                assert [e.record.args for e in entries] == [{"n": n * 100 + i}] * 2
                found += [e.seq for e in entries]
            return found

        numbers = await asyncio.gather(*[caller(n) for n in range(20)])
        assert sorted(seq for found in numbers for seq in found) == list(range(1, 401))
        stored = {e.seq: e.record.args for e in await log.find(since_seq=1)}
        for n, found in enumerate(numbers):
            assert [stored[seq] for seq in found] == [{"n": n * 100 + i // 2} for i in range(20)]

    with_log(path, work)
    report = checked(path)
    assert report.whole
    assert report.checkpoints < 60, "200 commits of 20 callers shared transactions"


def test_one_bad_submission_takes_no_other_with_it(path: Path) -> None:
    async def work(log: Log) -> None:
        twice = read_record(log)
        await log.commit([twice])
        good = [log.commit([read_record(log, n)]) for n in range(5)]
        bad = log.commit([read_record(log), twice])
        *stored, refused = await asyncio.gather(*good, bad, return_exceptions=True)
        assert isinstance(refused, RecordInvalid)
        assert [e[0].seq for e in stored if isinstance(e, tuple)] == [2, 3, 4, 5, 6]
        assert len(await log.find()) == 7

    with_log(path, work)
    assert checked(path).whole


def test_an_invalid_record_is_refused_before_it_reaches_the_log(path: Path) -> None:
    async def work(log: Log) -> None:
        with pytest.raises(RecordInvalid):
            await log.commit([read_record(log), log.draft("annotation", actor=AGENT, args={"x": 0.5})])
        opened, attempt = await log.find()
        assert (opened.record.kind, (attempt.record.labels or {})["refused"]) == ("log.opened", "annotation")

    with_log(path, work)


def test_a_cancelled_caller_leaves_a_whole_log(path: Path) -> None:
    async def work(log: Log) -> None:
        tasks = [asyncio.create_task(log.commit([read_record(log, n)])) for n in range(10)]
        await asyncio.sleep(0)
        for task in tasks[::2]:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await log.commit([read_record(log)])

    with_log(path, work)
    assert checked(path).whole


def test_claims_are_told_by_the_last_record(path: Path) -> None:
    async def work(log: Log) -> None:
        taken = [Told("once", "a"), Told("min_gap", "b", 9, 4)]
        first, last = await log.commit([read_record(log), read_record(log)], taken)
        assert first.record.claims == ()
        assert last.record.claims == (
            {"kind": "once", "key": "a", "value": 1},
            {"kind": "min_gap", "key": "b", "value": 9, "gap": 4},
        )
        assert await log.values(["a", "b", "c"]) == {"a": 1, "b": 9, "c": 0}
        with pytest.raises(RecordInvalid, match="written by commit"):
            await log.commit([last.record])
        with pytest.raises(RecordInvalid, match="claims without a record"):
            await log.commit([], taken)
        with pytest.raises(RecordInvalid, match="ASCII"):
            await log.commit([read_record(log)], [Told("once", "é")])

    with_log(path, work)


def test_a_log_reopened_with_another_key_is_refused(path: Path) -> None:
    with_log(path, lambda log: fill(log, 1))
    with pytest.raises(LogTampered, match="not signed by the log's key"):
        with_log(path, lambda log: fill(log, 1), signer=KeySigner.generate())


@pytest.mark.parametrize(
    "content", [b"not a database at all, but long enough to be one" * 40, b"SQLite format 3\0"]
)
def test_a_file_that_is_no_log_is_refused(path: Path, content: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(content)
    with pytest.raises(LogUnavailable):
        with_log(path, lambda log: fill(log, 1), signer=KeySigner.generate())


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(LogUnavailable):
        with_log(tmp_path / "file" / "audit.db", lambda log: fill(log, 1))


def test_the_wal_is_folded_in_while_the_log_stays_open(path: Path) -> None:
    async def work(log: Log) -> int:
        await fill(log, 300)
        return path.with_name("audit.db-wal").stat().st_size

    assert with_log(path, work) < 300 * 12 * 4096
    assert checked(path).whole


def test_an_action_reads_back_in_order(path: Path) -> None:
    async def work(log: Log) -> None:
        await act(log, 3)
        kinds = [e.record.kind for e in await log.by_request("r3")]
        assert kinds == ["action.intent", "action.outcome"]
        assert await log.values(["busy/web", "attempt/r3/0"]) == {"busy/web": 0, "attempt/r3/0": 1}
        assert await log.prefixed("attempt/") == {"attempt/r3/0": 1}
        assert await log.prefixed("busy/") == {}, "what is 0 is as what was never stored"

    with_log(path, work)


def test_stored_bytes_are_the_hashed_ones(path: Path) -> None:
    import sqlite3

    from audit.tree import leaf_hash

    with_log(path, lambda log: act(log))
    rows = sqlite3.connect(path).execute("SELECT leaf_hash, body FROM audit_entry").fetchall()
    assert all(leaf_hash(body) == digest for digest, body in rows)
    assert all(json.loads(body)["v"] == 2 for _, body in rows)


def test_closing_waits_for_what_was_submitted(path: Path) -> None:
    async def work() -> None:
        log = await Log.open(path, clock=ToldClock())
        task = asyncio.create_task(log.commit([read_record(log)]))
        await asyncio.sleep(0)
        await log.close()
        await task

    run(work())
    assert checked(path).records == 2


def test_a_lost_claim_without_a_refusal_leaves_nothing(path: Path) -> None:
    async def work(log: Log) -> None:
        with pytest.raises(ClaimLost) as caught:
            await log.commit([read_record(log)], [Told("equals", "epoch", 5)])
        assert (caught.value.stored, caught.value.seq) == (0, None)
        assert len(await log.find()) == 1

    with_log(path, work)


def test_a_closed_log_says_so(path: Path) -> None:
    async def work() -> None:
        log = await Log.open(path, clock=ToldClock())
        await log.close()
        with pytest.raises(LogUnavailable, match="closed"):
            await log.commit([read_record(log)])

    run(work())


def test_of_a_record_that_does_not_fit_the_attempt_is_recorded(path: Path) -> None:
    async def work(log: Log) -> None:
        large = log.draft("tool.read", actor=AGENT, run_id="r-1", args={"x": ["x" * 4000] * 20})
        with pytest.raises(RecordInvalid, match="at most 65535 fit"):
            await log.commit([read_record(log), large])
        (attempt,) = await log.find(since_seq=1)
        assert (attempt.record.kind, attempt.record.actor, attempt.record.run_id) == (
            "annotation",
            AGENT,
            "r-1",
        )
        assert attempt.record.labels == {"refused": "tool.read", "id": large.id}
        assert "at most 65535 fit" in (attempt.record.reason or "")

    with_log(path, work)
