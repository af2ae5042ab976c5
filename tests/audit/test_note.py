"""Signed notes and checkpoints, against Go's published example and against forgeries."""

import base64
from itertools import pairwise

import pytest

from audit.errors import LogTampered
from audit.keys import KeySigner, signed
from audit.note import Checkpoint, Verifier, opened, signature_line, verified_text
from audit.tree import leaf_hash

SIGNER = KeySigner.generate()
HEAD = Checkpoint(SIGNER.verifier.name, 7, leaf_hash(b"x"))
NOTE = signed(HEAD, SIGNER)

# The example of the documentation of golang.org/x/mod/sumdb/note.
NEUMANN = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
QUOTE = (
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n"
    "\n"
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)


def test_gos_published_note_is_verified() -> None:
    verifier = Verifier.parse(NEUMANN)
    assert verifier.text == NEUMANN
    assert verified_text(QUOTE, verifier).endswith("your problem is.\n")


def test_a_checkpoint_has_the_lines_of_its_format() -> None:
    text, signatures = NOTE.split("\n\n")
    assert text.split("\n") == [SIGNER.verifier.name, "7", base64.b64encode(leaf_hash(b"x")).decode()]
    assert signatures.startswith(f"— {SIGNER.verifier.name} ")
    assert opened(NOTE, SIGNER.verifier) == HEAD


def test_a_key_survives_its_text() -> None:
    again = KeySigner.parse(SIGNER.text, where="here")
    assert again.verifier == SIGNER.verifier
    assert opened(signed(HEAD, again), SIGNER.verifier) == HEAD


def test_each_flipped_character_is_found() -> None:
    for at, (char, _) in enumerate(pairwise(NOTE)):
        other = "A" if char != "A" else "B"
        with pytest.raises(LogTampered):
            opened(NOTE[:at] + other + NOTE[at + 1 :], SIGNER.verifier)


def test_signatures_of_strangers_are_ignored_and_never_enough() -> None:
    witness = KeySigner.generate()
    line = signature_line(witness.verifier.name, witness.verifier.public, witness.sign(HEAD.text.encode()))
    assert opened(NOTE + line, SIGNER.verifier) == HEAD
    with pytest.raises(LogTampered, match="not signed"):
        opened(f"{HEAD.text}\n{line}", SIGNER.verifier)


def test_a_wrong_signature_of_the_known_key_beside_a_right_one_is_fatal() -> None:
    wrong = signature_line(SIGNER.verifier.name, SIGNER.verifier.public, bytes(64))
    with pytest.raises(LogTampered):
        opened(NOTE + wrong, SIGNER.verifier)


def test_a_checkpoint_of_another_origin_is_refused_even_under_the_right_key() -> None:
    other = Checkpoint("elsewhere.example/log", 7, HEAD.root)
    verifier = SIGNER.verifier
    note = f"{other.text}\n{signature_line(verifier.name, verifier.public, SIGNER.sign(other.text.encode()))}"
    with pytest.raises(LogTampered, match="another log"):
        opened(note, verifier)


@pytest.mark.parametrize(
    "text", ["", "a\n1\n", "a\n01\nAA==\n", "a\n-1\n" + "A" * 43 + "=\n", "a\n1\nAA==\n"]
)
def test_what_is_no_checkpoint_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="checkpoint"):
        Checkpoint.parse(text)


@pytest.mark.parametrize(
    "note", ["", "\n\n", "x\n\n— a b\n", NOTE.replace("—", "-"), NOTE[:-1], NOTE + "\x07\n"]
)
def test_what_is_no_note_is_refused(note: str) -> None:
    with pytest.raises(LogTampered):
        opened(note, SIGNER.verifier)


@pytest.mark.parametrize(
    "vkey", ["", "a", "a+b+c", NEUMANN.replace("c74f", "c74e"), NEUMANN[:-4], "+".join("abc")]
)
def test_what_is_no_verifier_key_is_refused(vkey: str) -> None:
    with pytest.raises(ValueError, match=r"key|base64"):
        Verifier.parse(vkey)
