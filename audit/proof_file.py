"""The proof of one record in a file of its own: it is checked with the log's verifier key, without the database.

A JSON object: `format`, `vkey`, `leaf` (the record's exact bytes, as text) and `proof`, which is a
C2SP tlog-proof@v1 (index, audit path, signed checkpoint) that other tools of that family read as it is.
Version rule: what an older reader would misread gets a new `format`; unknown fields are refused.
"""

import base64
from dataclasses import dataclass
from typing import Any

import orjson

from audit.canonical import decode
from audit.errors import LogTampered
from audit.note import Verifier, decode64, opened
from audit.proofs import HashSource, included, inclusion_proof
from audit.record import Record
from audit.tree import leaf_hash

FORMAT = "flyball/audit-proof@v1"
MAX_FILE = 1_000_000
"""Bytes of a proof file; a leaf has at most 65,535, a path 63 hashes."""

_HEADER = "c2sp.org/tlog-proof@v1"


@dataclass(frozen=True, slots=True)
class Proven:
    """What a verified proof says: this record is number `seq` of the log `origin` of `size` records, signed by
    the holder of `vkey`."""

    origin: str
    vkey: str
    seq: int
    size: int
    root: bytes
    record: Record


def prove(seq: int, body: bytes, note: str, verifier: Verifier, source: HashSource) -> bytes:
    """The proof file of record `seq` under the signed checkpoint `note`.

    Raises LogTampered where the log cannot prove it: then what is stored is not what was signed.
    """
    checkpoint = opened(note, verifier)
    path = inclusion_proof(seq, checkpoint.size, source)
    if not included(seq, checkpoint.size, leaf_hash(body), checkpoint.root, path):
        raise LogTampered(
            f"record {seq} is not what was signed for", where=str(seq), hint="flyball audit verify"
        )
    lines = [_HEADER, f"index {seq}", *(base64.b64encode(h).decode() for h in path)]
    proof = "\n".join(lines) + "\n\n" + note
    parts = {"format": FORMAT, "leaf": body.decode(), "proof": proof, "vkey": verifier.text}
    return orjson.dumps(parts, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def verify_proof(file: bytes, trusted: Verifier | None = None) -> Proven:
    """Check a proof file. Raises ValueError where it is none, LogTampered where it does not hold.

    Without a `trusted` key it is checked against the key in the file itself: then it shows that nobody changed
    the record since the holder of that key signed it, and the reader must know the key by other means.
    """
    parts = _parse(file)
    verifier = Verifier.parse(parts["vkey"])
    if trusted and trusted != verifier:
        raise LogTampered(f"signed by {verifier.name}, not by the trusted {trusted.name}", where="vkey")
    index, path, note = _tlog_proof(parts["proof"])
    checkpoint = opened(note, verifier)
    leaf = parts["leaf"].encode()
    if not included(index, checkpoint.size, leaf_hash(leaf), checkpoint.root, path):
        what = f"the record is not number {index} of the {checkpoint.size} that were signed for"
        raise LogTampered(what, where=checkpoint.origin)
    return Proven(checkpoint.origin, verifier.text, index, checkpoint.size, checkpoint.root, decode(leaf))


def _parse(file: bytes) -> dict[str, str]:
    if len(file) > MAX_FILE:
        raise ValueError(f"longer than {MAX_FILE} bytes")
    parts: Any = orjson.loads(file)
    names = {"format", "leaf", "proof", "vkey"}
    if (
        not isinstance(parts, dict)
        or set(parts) != names
        or not all(isinstance(v, str) for v in parts.values())
    ):
        raise ValueError(f"not a proof: exactly {', '.join(sorted(names))} are expected, each a text")
    if parts["format"] != FORMAT:
        raise ValueError(f"format {parts['format']!r}, this Flyball reads {FORMAT}")
    return parts


def _tlog_proof(text: str) -> tuple[int, list[bytes], str]:
    head, gap, note = text.partition("\n\n")
    header, *lines = head.split("\n")
    if header != _HEADER or not gap or not lines:
        raise ValueError(f"not a {_HEADER}")
    if lines[0].startswith("extra "):
        lines = lines[1:]
    word, _, number = lines[0].partition(" ") if lines else ("", "", "")
    if word != "index" or not number.isascii() or not number.isdigit() or str(int(number)) != number:
        raise ValueError(f"not a {_HEADER}: `index` and a number are expected")
    return int(number), [decode64(line) for line in lines[1:]], note
