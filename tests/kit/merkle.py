"""The Merkle tree of RFC 6962, section 2.1, as it is written there: recursive, slow, and nothing of audit/ in it.

`python -m tests.kit.merkle` writes the vectors of tests/audit/data/rfc6962.json again: every proof in the tree of
eight leaves that implementations of RFC 6962 are tested with, and each proof spoiled in every way that a forger may.
"""

import base64
import hashlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

FILE = Path(__file__).parents[1] / "audit" / "data" / "rfc6962.json"
LEAVES = tuple(
    bytes.fromhex(text)
    for text in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
)

Vector = dict[str, Any]


def leaf(data: bytes) -> bytes:
    return hashlib.sha256(b"\x00" + data).digest()


def head(entries: Sequence[bytes]) -> bytes:
    """MTH(D[n])."""
    if not entries:
        return hashlib.sha256().digest()
    if len(entries) == 1:
        return leaf(entries[0])
    k = split(len(entries))
    return hashlib.sha256(b"\x01" + head(entries[:k]) + head(entries[k:])).digest()


def path(m: int, entries: Sequence[bytes]) -> list[bytes]:
    """PATH(m, D[n]), the audit path of leaf m."""
    if len(entries) == 1:
        return []
    k = split(len(entries))
    if m < k:
        return [*path(m, entries[:k]), head(entries[k:])]
    return [*path(m - k, entries[k:]), head(entries[:k])]


def proof(m: int, entries: Sequence[bytes]) -> list[bytes]:
    """PROOF(m, D[n]), that the tree of the first m entries is a part of this one; 0 < m <= n."""
    return [] if m == len(entries) else subproof(m, entries, whole=True)


def subproof(m: int, entries: Sequence[bytes], whole: bool) -> list[bytes]:
    """SUBPROOF(m, D[n], b)."""
    if m == len(entries):
        return [] if whole else [head(entries)]
    k = split(len(entries))
    if m <= k:
        return [*subproof(m, entries[:k], whole), head(entries[k:])]
    return [*subproof(m - k, entries[k:], False), head(entries[:k])]


def split(n: int) -> int:
    """The largest power of two smaller than n."""
    return 1 << ((n - 1).bit_length() - 1)


def vectors() -> dict[str, list[Vector]]:
    """By kind; the fields are those of the vectors of transparency-dev/merkle."""
    sizes = range(1, len(LEAVES) + 1)
    ways = [_included(m, n) for n in sizes for m in range(n)]
    growths = [_grown(m, n) for n in sizes for m in range(1, n + 1)]
    return {
        "inclusion": [one for way in ways for one in (way, *_spoiled(way, ("root", "leafHash")))],
        "consistency": [one for g in growths for one in (g, *_spoiled(g, ("root1", "root2")))],
    }


def _included(m: int, n: int) -> Vector:
    entries = LEAVES[:n]
    place = {"leafIdx": m, "treeSize": n, "root": _text(head(entries)), "leafHash": _text(leaf(LEAVES[m]))}
    way = [_text(one) for one in path(m, entries)]
    return {**place, "proof": way, "desc": f"{m} in {n}", "wantErr": False}


def _grown(m: int, n: int) -> Vector:
    roots = {"root1": _text(head(LEAVES[:m])), "root2": _text(head(LEAVES[:n]))}
    way = [_text(one) for one in proof(m, LEAVES[:n])]
    return {"size1": m, "size2": n, **roots, "proof": way, "desc": f"{m} to {n}", "wantErr": False}


def _spoiled(good: Vector, hashes: tuple[str, str]) -> Iterator[Vector]:
    """Another hash, and a path that is longer, shorter, turned round, or has a bit that is not its own."""
    way, strange = good["proof"], _text(hashlib.sha256(b"strange").digest())
    changes: dict[str, Vector] = {f"another {name}": {name: strange} for name in hashes}
    changes["a hash more"] = {"proof": [*way, strange]}
    changes["a hash more in front"] = {"proof": [strange, *way]}
    changes["the root more"] = {"proof": [*way, good[hashes[1] if "size1" in good else hashes[0]]]}
    for at, one in enumerate(way):
        bent = base64.b64decode(one)
        changes[f"a bit of hash {at}"] = {
            "proof": [*way[:at], _text(bytes([bent[0] ^ 1]) + bent[1:]), *way[at + 1 :]]
        }
    if way:
        changes |= {"the last left out": {"proof": way[:-1]}, "the first left out": {"proof": way[1:]}}
    if way != way[::-1]:
        changes["turned round"] = {"proof": way[::-1]}
    for what, change in changes.items():
        yield {**good, **change, "desc": f"{good['desc']}, {what}", "wantErr": True}


def _text(value: bytes) -> str:
    return base64.b64encode(value).decode()


if __name__ == "__main__":
    lines = {kind: ",\n  ".join(map(json.dumps, found)) for kind, found in vectors().items()}
    text = ",\n".join(f' "{kind}": [\n  {found}\n ]' for kind, found in lines.items())
    FILE.write_text(f"{{\n{text}\n}}\n")
