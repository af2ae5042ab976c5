"""The log cannot take a record: full, locked, or no log at all. No record, no action; and nothing is forgotten."""

import sqlite3
from pathlib import Path

import pytest

from audit.errors import LogUnavailable
from audit.store import sqlite as store
from flyball.cli.main import main
from policies.permit import Permit
from policies.types import Target
from tests.kit.crash_rig import Rig, balanced, run
from tools.cluster_types import Patch, Precondition, Workload
from tools.path.outcome import Applied, Unknown
from tools.path.undo import proposal
from tools.ports import ClusterWriter


def fill(rig: Rig) -> None:
    """The disk has no room for another page of the log (SQLITE_FULL)."""
    _limit(rig, rig.log._connection.execute("PRAGMA page_count").fetchone()[0])


def make_room(rig: Rig) -> None:
    _limit(rig, 1_000_000)


def _limit(rig: Rig, pages: int) -> None:
    rig.log._connection.set_authorizer(None)
    rig.log._connection.execute(f"PRAGMA max_page_count = {pages}")
    rig.log._connection.set_authorizer(store._authorize)


async def until_full(rig: Rig) -> None:
    """Some records fit into pages that are there already; then none does."""
    fill(rig)
    for n in range(99):
        try:
            await rig.executor.preview(rig.scale(3, id=f"preview-{n}"))
        except LogUnavailable:
            return
    raise AssertionError("it never got full")


def test_disk_full_before_the_intent_nothing_is_sent(folder: Path) -> None:
    async def work(rig: Rig) -> None:
        await until_full(rig)
        with pytest.raises(LogUnavailable) as error:
            await rig.executor.execute(rig.scale(5, id="request-1"))
        assert "full" in error.value.what
        assert not rig.world.arrivals()
        make_room(rig)
        assert isinstance(await rig.executor.execute(rig.scale(5, id="request-1")), Applied)
        await balanced(rig)

    run(folder, work)


class Between:
    """A writer that does something between its write and the outcome."""

    def __init__(self, inner: ClusterWriter) -> None:
        self.inner, self.then = inner, lambda: None

    async def apply(
        self, permit: Permit, intent: str, target: Target, patch: Patch, precondition: Precondition
    ) -> Workload:
        after = await self.inner.apply(permit, intent, target, patch, precondition)
        self.then()
        return after

    async def fence(self, target: Target, intent: str) -> Workload:
        return await self.inner.fence(target, intent)


def between(rig: Rig) -> Between:
    writer = rig.executor._runner._writer
    assert isinstance(writer, Between)
    return writer


def test_disk_full_at_the_outcome_leaves_it_in_doubt(folder: Path) -> None:
    """Done, but not recorded as done: in doubt, and the resolver finds it when there is room again."""

    async def work(rig: Rig) -> None:
        held = sqlite3.connect(folder / "audit.db", isolation_level=None, check_same_thread=False)
        between(rig).then = lambda: held.execute("BEGIN IMMEDIATE")
        result = await rig.executor.execute(rig.scale(5, id="request-1"))
        assert isinstance(result, Unknown)
        assert "could not be recorded" in result.why
        held.execute("ROLLBACK")
        held.close()
        (resolved,) = await rig.executor.resolver.sweep()
        assert isinstance(resolved, Applied)
        assert (await balanced(rig)).statuses() == {"applied": 1}

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store, "BUSY_S", 0.1)
        run(folder, work, writer=Between)


def test_locked_for_long_nothing_is_sent(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "BUSY_S", 0.1)

    async def work(rig: Rig) -> None:
        held = sqlite3.connect(folder / "audit.db", isolation_level=None)
        held.execute("BEGIN IMMEDIATE")
        with pytest.raises(LogUnavailable):
            await rig.executor.execute(rig.scale(5, id="request-1"))
        held.execute("ROLLBACK")
        held.close()
        assert not rig.world.arrivals()
        assert isinstance(await rig.executor.execute(rig.scale(5, id="request-1")), Applied)

    run(folder, work)


def test_an_undo_that_the_log_holds_up_names_the_way_by_hand(folder: Path) -> None:
    async def work(rig: Rig) -> None:
        done = await rig.executor.execute(rig.scale(5, id="request-1"))
        who = rig.identity.by_hand()
        back = await proposal(rig.context, done.record, id="the-undo", principal=who, mode="live")
        await until_full(rig)
        with pytest.raises(LogUnavailable) as error:
            await rig.executor.execute(back)
        assert "kubectl scale deployment/web -n shop --context sandbox --replicas=2" in error.value.hint

    run(folder, work)


@pytest.mark.parametrize("where", ["a directory", "not a database", "of a newer version"])
def test_no_log_at_all_is_exit_7(
    tmp_path: Path, where: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FLYBALL_PINNED", str(tmp_path / "pinned"))
    act = ["act", "scale", "deploy/web", "--replicas", "8", "--yes", "--context", "sandbox"]
    act += ["--state", str(tmp_path / "state")]
    path = tmp_path / "state" / "sandbox" / "audit.db"
    path.parent.mkdir(parents=True)
    if where == "a directory":
        path.mkdir()
    elif where == "not a database":
        path.write_bytes(b"not a database at all, but long enough to look like one" * 99)
    else:
        assert main(act) == 0
        newer = sqlite3.connect(path)
        newer.execute("PRAGMA user_version = 999")
        newer.close()
    assert main(act) == 7
    assert "error:" in capsys.readouterr().err
