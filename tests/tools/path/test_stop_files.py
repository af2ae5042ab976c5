"""Stop files: there is enough; they are looked for in each place, and no trouble of one place hides another's."""

import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tools.path.stop_files import StopFiles, StopFileStays

SCOPES = ["all", "cluster/prod", "cluster/arn:aws:eks:eu-west-1:1234:cluster/shop", "agent:ops"]
TOLD = {"scope": "all", "by": "human:anna", "at": "2026-11-30T14:00:00Z", "reason": "paging storm"}


@contextmanager
def full_disk() -> Iterator[None]:
    """No byte can be written to a file; an empty one can be made, as on most full disks."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.fixture
def files(tmp_path: Path) -> StopFiles:
    return StopFiles((tmp_path / "state" / "real" / "stop", tmp_path / "pinned" / "real-1.stop"))


@pytest.mark.parametrize("scope", SCOPES)
def test_a_scope_is_stopped_alone_and_goes_on_again(files: StopFiles, scope: str) -> None:
    assert not files.stops(scope)
    made = files.put(scope, TOLD)
    assert [path.parent.name for path in made] == ["real", "pinned"]
    assert {one for one in SCOPES if files.stops(one)} == {scope}
    (found,) = files.found()
    assert (found.scope, found.told["reason"]) == (scope, "paging storm")
    files.clear(scope)
    assert not files.stops(scope)
    assert not files.found()


def test_its_folders_and_files_are_private(files: StopFiles) -> None:
    for path in files.put("all", TOLD):
        assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)


@pytest.mark.parametrize("text", [b"", b"{", b"[1]", b"\xff\xfe", b"x" * 100_000])
def test_what_is_in_it_does_not_matter(files: StopFiles, text: bytes) -> None:
    (path, _) = files.put("all", TOLD)
    path.write_bytes(text)
    files.places[1].unlink()
    assert files.stops("all")
    assert [found.told for found in files.found()] == [{}]


def test_one_place_is_enough(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    files = StopFiles((tmp_path / "file" / "stop", tmp_path / "pinned" / "stop"))
    assert files.put("all", TOLD) == (files.places[1],)
    assert files.stops("all")


def test_no_place_at_all_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    files = StopFiles((tmp_path / "file" / "stop", tmp_path / "file" / "other"))
    assert files.put("all", TOLD) == ()


def test_a_full_disk_does_not_matter(files: StopFiles) -> None:
    with full_disk():
        made = files.put("all", TOLD)
    assert [path.read_bytes() for path in made] == [b"", b""]
    assert files.stops("all")


def test_a_folder_that_others_may_write_takes_none(files: StopFiles) -> None:
    """They could take it away again."""
    shared = files.places[1].parent
    shared.mkdir()
    shared.chmod(0o777)
    assert files.put("all", TOLD) == (files.places[0],)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_a_file_of_another_user_counts_only_beside_the_log(files: StopFiles) -> None:
    own, other = files.put("all", TOLD)
    for path in (own, other):
        os.chown(path, 12345, 12345)
    assert files.stops("all")
    own.unlink()
    assert not files.stops("all")


def test_a_log_folder_that_cannot_be_looked_at_is_a_stop(tmp_path: Path) -> None:
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    assert StopFiles((loop / "stop", tmp_path / "stop")).stops("all")
    assert not StopFiles((tmp_path / "stop", loop / "stop")).stops("all")


def test_one_that_cannot_be_removed_is_said(files: StopFiles) -> None:
    files.places[0].mkdir(parents=True)
    with pytest.raises(StopFileStays, match="still stopped") as caught:
        files.clear("all")
    assert caught.value.where == str(files.places[0])
