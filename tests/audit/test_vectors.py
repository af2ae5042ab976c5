"""RFC 6962 proof vectors that we did not write (transparency-dev/merkle), from a folder beside the checkout."""

import base64
import json
import os
from pathlib import Path
from typing import Any

import pytest

from audit.proofs import consistent, included

FOLDER = Path(os.environ.get("FLYBALL_VECTORS", Path(__file__).parents[3] / "shared" / "vectors"))
MISSING = f"NO VECTORS at {FOLDER}: name their folder in FLYBALL_VECTORS"


def vectors(kind: str) -> list[Any]:
    found = sorted(FOLDER.glob(f"{kind}/**/*.json"))
    if not found:
        return [pytest.param(None, marks=pytest.mark.skip(reason=MISSING))]
    return [pytest.param(json.loads(p.read_text()), id=str(p.relative_to(FOLDER))) for p in found]


def raw(text: str | None) -> bytes:
    return base64.b64decode(text or "")


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
