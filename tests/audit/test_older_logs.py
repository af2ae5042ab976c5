"""A state folder of each release is kept, and later ones must open it, verify it and write on."""

import json
import sqlite3
import tarfile
from pathlib import Path

import pytest

from audit.clock import SystemClock
from audit.errors import LogUnavailable
from audit.log import Log
from audit.store import schema
from audit.verify import verify
from policies.types import Request
from tests.kit.command_line import make_flyball
from tests.kit.logs import Told, read_record, run

DATA = Path(__file__).parent / "data"
RECORDS = 85


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """The state folder that Flyball 0.1 left: 85 records, with claims of every kind."""
    with tarfile.open(DATA / "state-0.1.tar.gz") as archive:
        archive.extractall(tmp_path / "state", filter="data")
    folder = tmp_path / "state" / "sandbox"
    (folder / "audit.key").chmod(0o600)
    return folder


async def _verifier(path: Path) -> Log:
    return await Log.open(path, clock=SystemClock())


def test_a_log_of_0_1_verifies_and_goes_on(state: Path) -> None:
    async def work() -> None:
        log = await _verifier(state / "audit.db")
        whole = verify(state / "audit.db", log.verifier, pinned_path=state / "checkpoint", full=True)
        assert (whole.findings, whole.records) == ([], RECORDS)
        await log.commit([read_record(log, 1)], [Told("set", "plan/x", 3), Told("equals", "stop/all", 2)])
        whole = verify(state / "audit.db", log.verifier, pinned_path=state / "checkpoint", full=True)
        assert (whole.findings, whole.records) == ([], RECORDS + 1)
        await log.close()

    run(work())
    (version,) = sqlite3.connect(state / "audit.db").execute("PRAGMA user_version").fetchone()
    assert version == schema.VERSION


def test_reading_leaves_a_log_of_0_1_as_it_is(state: Path) -> None:
    async def work() -> None:
        log = await _verifier(state / "audit.db")
        await log.close()
        sqlite3.connect(state / "audit.db").execute("PRAGMA user_version = 1")
        assert verify(state / "audit.db", log.verifier).findings == []

    run(work())
    (version,) = sqlite3.connect(state / "audit.db").execute("PRAGMA user_version").fetchone()
    assert version == 1


def test_new_names_in_a_record_of_version_1_are_a_finding(state: Path) -> None:
    """Nobody writes claims of one version into records of another without being seen."""
    from audit.replay import Replay

    for version, kind in ((1, "set"), (2, "put"), (2, "")):
        (found,) = Replay().take([{"kind": kind, "key": "a", "value": 1}], version)
        assert "is not one that" in found


def test_requests_of_0_1_keep_their_digest(state: Path) -> None:
    """Fields that came later are not in it: else no vote or end of that time would be found again."""

    async def work() -> None:
        log = await _verifier(state / "audit.db")
        decided = [e.record for e in await log.find(kinds=("policy.decision",)) if e.record.request]
        assert len(decided) > 5
        for record in decided:
            request = Request.model_validate_json(json.dumps(record.request))
            assert (request.document, request.digest) == (record.request, record.request_digest)
        await log.close()

    run(work())


def test_the_command_line_works_on_with_the_state_of_0_1(
    state: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FLYBALL_PINNED", str(state.parent / "pinned"))
    flyball = make_flyball(monkeypatch, capsys)
    at = f"--context sandbox --state {state.parent}"
    assert flyball(f"audit verify --full {at}").code == 0
    assert flyball(f"audit show 3 {at}").code == 0
    assert flyball(f"sandbox advance 10m {at}").code == 0
    assert flyball(f"act scale deploy/web --replicas 15 --yes {at}").code in (0, 4)
    assert flyball(f"audit verify --full {at}").code == 0


def test_what_is_newer_is_refused(state: Path) -> None:
    sqlite3.connect(state / "audit.db").execute(f"PRAGMA user_version = {schema.VERSION + 1}")
    with pytest.raises(LogUnavailable, match="of version"):
        run(_verifier(state / "audit.db"))
