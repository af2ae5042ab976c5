"""Proof files: they hold with nothing but themselves, and each change to them is found."""

import json
from pathlib import Path

import pymerkle
import pytest

from audit.errors import LogTampered
from audit.keys import KeySigner
from audit.log import Log
from audit.note import opened
from audit.proof_file import prove, verify_proof
from audit.proofs import included
from audit.store.read import Reader
from audit.tree import leaf_hash
from tests.kit.logs import act, attacker, fill, verifier_of, with_log


@pytest.fixture
def log_path(path: Path) -> Path:
    async def work(log: Log) -> None:
        await fill(log, 300, a_commit=30)
        await act(log)

    with_log(path, work)
    return path


def proof_of(path: Path, seq: int) -> bytes:
    with Reader(path) as reader:
        body, note = reader.body(seq), reader.newest_note()
        assert body is not None
        assert note is not None
        return prove(seq, body, note, verifier_of(path), reader)


@pytest.mark.parametrize("seq", [0, 1, 255, 256, 300, 303])
def test_it_holds_without_the_log(log_path: Path, seq: int) -> None:
    verifier, proof = verifier_of(log_path), proof_of(log_path, seq)
    with Reader(log_path) as reader:
        record = reader.by_seq(seq)
    for file in log_path.parent.iterdir():
        file.unlink()
    for trusted in (None, verifier):
        proven = verify_proof(proof, trusted)
        assert (proven.seq, proven.size, proven.origin) == (seq, 304, verifier.name)
        assert record is not None
        assert proven.record == record.record


def test_the_inner_proof_is_the_standards(log_path: Path) -> None:
    """C2SP tlog-proof@v1, read here by a reader of its own."""
    parts = json.loads(proof_of(log_path, 7))
    lines = parts["proof"].split("\n")
    assert lines[:2] == ["c2sp.org/tlog-proof@v1", "index 7"]
    hashes, note = parts["proof"].split("\n\n", 1)
    import base64

    path = [base64.b64decode(line) for line in hashes.split("\n")[2:]]
    head = opened(note, verifier_of(log_path))
    assert included(7, head.size, leaf_hash(parts["leaf"].encode()), head.root, path)


def test_pymerkle_builds_the_same_root(log_path: Path) -> None:
    theirs = pymerkle.InmemoryTree(algorithm="sha256")
    with Reader(log_path) as reader:
        for seq in range(reader.size()):
            theirs.append_entry(reader.body(seq))
        head = opened(reader.newest_note() or "", verifier_of(log_path))
    assert theirs.get_root() == head.root


def changed(proof: bytes, field: str, old: str, new: str) -> bytes:
    parts = json.loads(proof)
    assert old in parts[field]
    return json.dumps(parts | {field: parts[field].replace(old, new, 1)}).encode()


@pytest.mark.parametrize(
    ("field", "old", "new"),
    [
        ("leaf", "human:anna", "human:emil"),
        ("leaf", "{", "{ "),
        ("proof", "index 7", "index 8"),
        ("proof", "\n304\n", "\n303\n"),
        ("proof", "index 7\n", "index 7\n" + "A" * 43 + "=\n"),
    ],
)
def test_a_changed_proof_does_not_hold(log_path: Path, field: str, old: str, new: str) -> None:
    with pytest.raises(LogTampered):
        verify_proof(changed(proof_of(log_path, 7), field, old, new))


@pytest.mark.parametrize(
    ("field", "old", "new"),
    [
        ("format", "v1", "v2"),
        ("proof", "index 7", "index 07"),
        ("proof", "index 7", "index ٧"),
        ("proof", "index 7", "number 7"),
        ("proof", "tlog-proof@v1", "tlog-proof@v2"),
        ("vkey", "+", "-"),
    ],
)
def test_what_is_no_proof_is_said_to_be_none(log_path: Path, field: str, old: str, new: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        verify_proof(changed(proof_of(log_path, 7), field, old, new))


@pytest.mark.parametrize("file", [b"", b"[]", b"{}", b"\xff", b'{"format":1}', b" " * 1_000_001])
def test_rubbish_is_no_proof(file: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        verify_proof(file)


def test_a_proof_of_another_log_does_not_pass_for_the_trusted_ones(log_path: Path) -> None:
    with pytest.raises(LogTampered, match="not by the trusted"):
        verify_proof(proof_of(log_path, 7), KeySigner.generate().verifier)


def test_a_record_that_was_tampered_with_cannot_be_proven(log_path: Path) -> None:
    with attacker(log_path) as connection:
        connection.execute("UPDATE audit_entry SET body = body || x'20' WHERE seq = 7")
    with pytest.raises(LogTampered, match="record 7"):
        proof_of(log_path, 7)
    assert verify_proof(proof_of(log_path, 8)).seq == 8
