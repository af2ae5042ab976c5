"""RFC 6962 by vectors: our own, computed as the RFC writes it, and those of a folder that FLYBALL_VECTORS names
(the format is that of transparency-dev/merkle)."""

import base64
import json
import os
from pathlib import Path
from typing import Any

import pymerkle
import pytest

from audit.proofs import consistent, included
from audit.tree import root_of
from tests.kit import merkle

FOLDER = os.environ.get("FLYBALL_VECTORS")

ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
"""Of the first 1 to 8 of merkle.LEAVES, as tests of Certificate Transparency have them."""


def vectors(kind: str) -> list[Any]:
    """By their descriptions, or by their files."""
    found = [pytest.param(one, id=one["desc"]) for one in json.loads(merkle.FILE.read_text())[kind]]
    if FOLDER:
        paths = sorted(Path(FOLDER).glob(f"{kind}/**/*.json"))
        assert paths, f"no vectors in FLYBALL_VECTORS={FOLDER}"
        found += [pytest.param(json.loads(p.read_text()), id=str(p.relative_to(FOLDER))) for p in paths]
    return found


def raw(text: str | None) -> bytes:
    return base64.b64decode(text or "")


def test_the_roots_are_the_known_ones() -> None:
    theirs = pymerkle.InmemoryTree(algorithm="sha256")
    for count, root in enumerate(ROOTS, 1):
        theirs.append_entry(merkle.LEAVES[count - 1])
        ours = root_of([merkle.leaf(data) for data in merkle.LEAVES[:count]])
        assert merkle.head(merkle.LEAVES[:count]).hex() == ours.hex() == theirs.get_root().hex() == root


def test_the_file_is_what_the_kit_writes() -> None:
    assert json.loads(merkle.FILE.read_text()) == merkle.vectors()


@pytest.mark.parametrize("vector", vectors("inclusion"))
def test_inclusion(vector: dict[str, Any]) -> None:
    path = [raw(x) for x in vector["proof"] or []]
    leaf, root = raw(vector["leafHash"]), raw(vector["root"])
    assert included(vector["leafIdx"], vector["treeSize"], leaf, root, path) is not vector["wantErr"]


@pytest.mark.parametrize("vector", vectors("consistency"))
def test_consistency(vector: dict[str, Any]) -> None:
    """Stricter than the vectors in two things: a hash has 32 bytes, and nothing follows from the empty tree."""
    path = [raw(x) for x in vector["proof"] or []]
    old, new = vector["size1"], vector["size2"]
    roots = raw(vector["root1"]), raw(vector["root2"])
    stricter = old == 0 or any(len(root) != 32 for root in roots)
    assert consistent(old, new, *roots, path) is (not vector["wantErr"] and not stricter)
