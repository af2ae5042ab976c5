"""The folder of log, key, leases and world: for this user alone, and nobody else's in its place."""

import asyncio
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from audit.clock import SystemClock
from flyball.exits import UsageError
from flyball.open_log import open_log
from flyball.place import place_of
from flyball.settings import load
from tests.kit.installation import App, flags, kinds, within


async def _nothing(app: App) -> None:
    await kinds(app)


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture(params=[0o000, 0o002, 0o022], ids=["umask-000", "umask-002", "umask-022"])
def umask(request: pytest.FixtureRequest) -> Iterator[None]:
    before = os.umask(request.param)
    yield
    os.umask(before)


@pytest.mark.usefixtures("umask")
def test_folders_are_0700_and_log_and_key_0600_whatever_the_umask(tmp_path: Path) -> None:
    within(tmp_path, _nothing)
    state = tmp_path / "state"
    assert (_mode(state), _mode(state / "sandbox")) == (0o700, 0o700)
    for name in ("audit.db", "audit.key", "leases.db"):
        assert _mode(state / "sandbox" / name) == 0o600, name
    assert _mode(tmp_path / "pinned") == 0o700


def test_the_rights_of_others_on_a_folder_that_is_there_are_taken_away(tmp_path: Path) -> None:
    (tmp_path / "state" / "sandbox").mkdir(parents=True)
    (tmp_path / "state" / "sandbox").chmod(0o777)
    within(tmp_path, _nothing)
    assert _mode(tmp_path / "state" / "sandbox") == 0o700


def test_a_state_folder_that_others_may_write_to_is_refused(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "state").chmod(0o777)
    with pytest.raises(UsageError, match="others may write"):
        within(tmp_path, _nothing)


def test_a_shared_folder_is_left_as_it_is(tmp_path: Path) -> None:
    """`--state /tmp`, by root: the folder of the log is ours, /tmp is not to be closed for everybody."""
    (tmp_path / "state").mkdir()
    (tmp_path / "state").chmod(0o1777)
    within(tmp_path, _nothing)
    assert _mode(tmp_path / "state") == 0o1777
    assert _mode(tmp_path / "state" / "sandbox") == 0o700


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a folder of another user")
@pytest.mark.parametrize("where", ["state", "state/sandbox"])
@pytest.mark.parametrize("link", [False, True], ids=["folder", "link"])
def test_a_folder_or_link_of_another_user_is_refused(tmp_path: Path, where: str, link: bool) -> None:
    path = tmp_path / where
    path.parent.mkdir(parents=True, exist_ok=True)
    if link:
        (tmp_path / "elsewhere").mkdir(mode=0o700)
        path.symlink_to(tmp_path / "elsewhere")
    else:
        path.mkdir(mode=0o700)
    os.chown(path, 65_534, 65_534, follow_symlinks=False)
    with pytest.raises(UsageError, match="another user"):
        within(tmp_path, _nothing)
    with pytest.raises(UsageError, match="another user"):
        asyncio.run(_only_the_log(tmp_path))


async def _only_the_log(folder: Path) -> None:
    settings = load(flags(folder))
    log = await open_log(settings, place_of(settings), SystemClock())
    await log.close()


def test_a_link_of_ones_own_is_followed(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir(mode=0o700)
    (tmp_path / "state").symlink_to(tmp_path / "disk")
    within(tmp_path, _nothing)
    assert (tmp_path / "disk" / "sandbox" / "audit.db").is_file()


def test_a_file_in_the_place_of_the_folder_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("", encoding="utf-8")
    with pytest.raises(UsageError) as said:
        within(tmp_path, _nothing)
    assert (said.value.where, said.value.hint) == (str(tmp_path / "state"), "give another --state DIR")


def test_a_key_that_others_may_read_is_refused(tmp_path: Path) -> None:
    within(tmp_path, _nothing)
    (tmp_path / "state" / "sandbox" / "audit.key").chmod(0o644)
    with pytest.raises(Exception, match="others may read it"):
        within(tmp_path, _nothing)
