"""The key file: made once, readable by its owner only, never papered over when it is lost."""

import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from audit.errors import LogUnavailable
from audit.keys import KeyInvalid, KeySigner, create_file, from_file
from tests.kit.logs import fill, with_log


def test_the_file_is_private_from_its_first_moment(tmp_path: Path) -> None:
    key = tmp_path / "audit.key"
    old = os.umask(0)
    try:
        signer = create_file(key)
    finally:
        os.umask(old)
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert from_file(key).verifier == signer.verifier
    assert [p.name for p in tmp_path.iterdir()] == ["audit.key"]


def test_of_many_who_make_it_at_once_one_wins_and_all_use_it(tmp_path: Path) -> None:
    key = tmp_path / "audit.key"
    with ThreadPoolExecutor(8) as pool:
        made = {signer.verifier for signer in pool.map(lambda _: create_file(key), range(16))}
    assert made == {from_file(key).verifier}


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o666, 0o610])
def test_a_key_that_others_can_reach_is_refused(tmp_path: Path, mode: int) -> None:
    key = tmp_path / "audit.key"
    create_file(key)
    key.chmod(mode)
    with pytest.raises(KeyInvalid, match="others may read it"):
        from_file(key)


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    create_file(tmp_path / "real.key")
    (tmp_path / "audit.key").symlink_to(tmp_path / "real.key")
    with pytest.raises(LogUnavailable):
        from_file(tmp_path / "audit.key")


def test_a_spoilt_key_is_refused_and_not_shown(tmp_path: Path) -> None:
    text = KeySigner.generate().text
    for spoilt in ("", "nonsense", text[:-4], text.replace("PRIVATE", "PUBLIC"), text.replace("+", "-")):
        with pytest.raises(KeyInvalid) as caught:
            KeySigner.parse(spoilt, where="audit.key")
        assert text[-44:] not in str(caught.value) + caught.value.hint


def test_a_lost_key_is_said_and_no_new_one_made(path: Path) -> None:
    with_log(path, lambda log: fill(log, 2))
    path.with_suffix(".key").unlink()
    with pytest.raises(LogUnavailable, match="no signing key"):
        with_log(path, lambda log: fill(log, 1))
    assert not path.with_suffix(".key").exists()
