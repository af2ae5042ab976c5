"""Threat 30: a policy file that is there and not read, and its deny with it; one that is gone; one that is huge."""

import hashlib
import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from policies.errors import PolicyInvalid
from policies.files import MAX_FILE_BYTES, MAX_SET_BYTES, files_of
from policies.manifest import MANIFEST
from policies.source import PolicySource
from tests.kit.policies import CATALOGUE, CLUSTERS, PEOPLE, ask, decide, deny, rule, text

Spoil = Callable[[Path], None]


def source(folder: Path) -> PolicySource:
    return PolicySource([folder], catalogue=CATALOGUE, clusters=CLUSTERS)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two files: what is allowed, and the deny that takes it back."""
    (tmp_path / "allow.yaml").write_bytes(text([rule(), *PEOPLE]))
    (tmp_path / "deny.yaml").write_bytes(text([deny()]))
    return tmp_path


def _dangling(file: Path) -> None:
    file.unlink()
    file.symlink_to("gone")


def _loop(file: Path) -> None:
    file.unlink()
    file.symlink_to(file.name)


def _fifo(file: Path) -> None:
    file.unlink()
    os.mkfifo(file)


def _link_to_a_fifo(file: Path) -> None:
    _fifo(file)
    os.rename(file, file.with_name("pipe"))
    file.symlink_to("pipe")


def _device(file: Path) -> None:
    file.unlink()
    file.symlink_to("/dev/null")


def _folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


def _in_a_folder_inside(file: Path) -> None:
    inside = file.with_name("more")
    inside.mkdir()
    file.rename(inside / file.name)


SPOILS = (_dangling, _loop, _fifo, _link_to_a_fifo, _device, _folder, _in_a_folder_inside)


@pytest.mark.parametrize("spoil", SPOILS)
def test_30_a_file_that_cannot_be_read_never_takes_its_deny_away(folder: Path, spoil: Spoil) -> None:
    running = source(folder)
    good = running.current()
    spoil(folder / "deny.yaml")
    assert running.current() is good
    assert running.problem is not None
    assert decide(running.current(), ask()).verdict == "deny"
    with pytest.raises(PolicyInvalid) as said:
        source(folder)
    assert str(folder) in said.value.where
    assert said.value.hint


@pytest.mark.parametrize("name", ["deny.YAML", "deny.Yml", ".deny.yaml", ".yaml", "a link.yaml"])
def test_30_a_name_that_ends_as_a_policys_counts(folder: Path, name: str) -> None:
    (folder / "deny.yaml").rename(folder / "elsewhere")
    if name == "a link.yaml":
        (folder / name).symlink_to("elsewhere")
    else:
        (folder / "elsewhere").rename(folder / name)
    assert decide(source(folder).current(), ask()).verdict == "deny"


def test_what_is_no_policy_file_is_left_alone(folder: Path) -> None:
    for name in ("README.md", "deny.yaml~", ".deny.yaml.swp", "deny.yaml.bak"):
        (folder / name).write_text("no policy", encoding="utf-8")
    (folder / ".#deny.yaml").symlink_to("anna@machine.1234:5678")
    for name in (".git", "docs"):
        (folder / name).mkdir()
    assert [file.name for file in files_of([folder])] == ["allow.yaml", "deny.yaml"]


def test_30_a_pipe_with_a_writer_is_not_waited_for(folder: Path) -> None:
    _fifo(folder / "deny.yaml")
    handle = os.open(folder / "deny.yaml", os.O_RDWR | os.O_NONBLOCK)
    try:
        begun = time.monotonic()
        with pytest.raises(PolicyInvalid, match="no plain file"):
            source(folder)
        assert time.monotonic() - begun < 5
    finally:
        os.close(handle)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_30_a_file_without_the_right_to_read_it(folder: Path) -> None:
    (folder / "deny.yaml").chmod(0)
    with pytest.raises(PolicyInvalid, match="cannot be read"):
        source(folder)


def test_30_a_huge_file_is_refused_before_it_is_parsed(folder: Path) -> None:
    comment = b"# a comment, as a generator or an attacker may write it\n"
    (folder / "deny.yaml").write_bytes(comment * (7 * 2**20 // len(comment)) + text([deny()]))
    begun = time.process_time()
    with pytest.raises(PolicyInvalid, match="larger than 1 MiB"):
        source(folder)
    assert time.process_time() - begun < 1


def test_30_many_files_are_refused_before_they_are_parsed(folder: Path) -> None:
    comment = b"#" * (MAX_FILE_BYTES - 1) + b"\n"
    for number in range(MAX_SET_BYTES // MAX_FILE_BYTES):
        (folder / f"{number}.yaml").write_bytes(comment)
    with pytest.raises(PolicyInvalid, match="larger than 4 MiB together"):
        source(folder)


@pytest.fixture
def sealed(folder: Path) -> Path:
    seal(folder, *sorted(folder.iterdir()))
    return folder


def seal(folder: Path, *files: Path) -> None:
    """A manifest of these files, as sha256sum writes it."""
    lines = [f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.name}\n" for file in files]
    (folder / MANIFEST).write_text("".join(lines), encoding="utf-8")


def _gone(folder: Path) -> None:
    (folder / "deny.yaml").unlink()


def _changed(folder: Path) -> None:
    (folder / "deny.yaml").write_bytes(
        text([deny(target={"clusters": ["*"], "namespaces": ["x"], "names": ["*"]})])
    )


def _more(folder: Path) -> None:
    (folder / "more.yaml").write_bytes(text([rule("more")]))


def _renamed(folder: Path) -> None:
    (folder / "deny.yaml").rename(folder / "other.yaml")


def _garbled(folder: Path) -> None:
    (folder / MANIFEST).write_bytes(b"\xff" + (folder / MANIFEST).read_bytes())


def _twice(folder: Path) -> None:
    (folder / MANIFEST).write_bytes((folder / MANIFEST).read_bytes() * 2)


def _emptied(folder: Path) -> None:
    (folder / MANIFEST).write_bytes(b"")


@pytest.mark.parametrize("spoil", [_gone, _changed, _more, _renamed, _garbled, _twice, _emptied])
def test_30_with_a_manifest_the_set_is_exactly_what_it_names(sealed: Path, spoil: Spoil) -> None:
    running = source(sealed)
    good = running.current()
    assert decide(good, ask()).verdict == "deny"
    spoil(sealed)
    assert running.current() is good
    assert running.problem is not None
    with pytest.raises(PolicyInvalid):
        source(sealed)


def test_a_change_with_its_manifest_is_taken(sealed: Path) -> None:
    running = source(sealed)
    running.current()
    (sealed / "deny.yaml").unlink()
    seal(sealed, sealed / "allow.yaml")
    assert decide(running.current(), ask()).verdict == "allow"
    assert running.problem is None


def test_the_manifest_is_sha256sums_own(sealed: Path) -> None:
    done = subprocess.run(
        ["sha256sum", "--strict", "-c", MANIFEST], cwd=sealed, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr
    made = subprocess.run(
        ["sha256sum", "allow.yaml", "deny.yaml"], cwd=sealed, capture_output=True, check=True
    )
    assert made.stdout.decode() == (sealed / MANIFEST).read_text()
