"""Files of settings that somebody has filled with nonsense: each is a mistake that is said, none a fault of ours."""

import os
from pathlib import Path

import pytest

from base.toml_files import TomlInvalid, load, parse

NONSENSE = [
    b"a = " + b"9" * 5000,
    b"a = 0x" + b"f" * 5000,
    b"a = [1, {b = -0x" + b"f" * 5000 + b"}]",
    b"a = " + b"[" * 5000 + b"]" * 5000,
    b'a = "x\\u0000y"',
    b'"x\\u0000y" = 1',
    b"\xff\xfe",
    b"a = ",
    b"\0",
]


@pytest.mark.parametrize("raw", NONSENSE, ids=range(len(NONSENSE)))
def test_nonsense_is_said_in_a_line(raw: bytes) -> None:
    with pytest.raises(TomlInvalid) as found:
        parse(raw)
    assert 0 < len(str(found.value)) < 300


def test_what_is_meant_is_read(tmp_path: Path) -> None:
    file = tmp_path / "a.toml"
    file.write_bytes(b'a = "x"\n[b]\nc = [1, 2.5, true]\n')
    assert load(file, 1024) == {"a": "x", "b": {"c": [1, 2.5, True]}}


def test_what_is_no_plain_file_is_refused_at_once(tmp_path: Path) -> None:
    """A pipe that nobody writes to would hold the service up, and its end with it."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "large").write_bytes(b"#" * 2048)
    for name, why in (("pipe", "no plain file"), ("large", "larger than 1 KiB"), ("none", "cannot be read")):
        with pytest.raises(TomlInvalid, match=why):
            load(tmp_path / name, 1024)
    with pytest.raises(TomlInvalid):
        load(Path("/dev/zero"), 1024)
    with pytest.raises(TomlInvalid):
        load(tmp_path, 1024)
