"""The tree against RFC 6962 by hand, against pymerkle, and against itself put together from tiles."""

import hashlib
from collections.abc import Callable

import pymerkle
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.proofs import consistency_proof, consistent, included, inclusion_proof, root_at
from audit.tree import EMPTY_ROOT, TILE_WIDTH, Tile, Tree, leaf_hash, node_hash, root_of
from tests.kit.effort import examples


def h(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def leaves(count: int) -> list[bytes]:
    return [leaf_hash(b"record %d" % i) for i in range(count)]


class Stored:
    """A HashSource in memory, fed by the tree like a store is."""

    def __init__(self, count: int) -> None:
        self.tree, self.leaves, self.tiles = Tree(), leaves(count), dict[tuple[int, int], Tile]()
        for leaf in self.leaves:
            for tile in self.tree.append(leaf):
                self.tiles[tile.level, tile.index] = tile

    def leaf_hashes(self, start: int, stop: int) -> list[bytes]:
        return self.leaves[start:stop]

    def tile_roots(self, level: int, start: int, stop: int) -> list[bytes]:
        return [self.tiles[level, index].root for index in range(start, stop)]

    def tile_data(self, level: int, index: int) -> bytes | None:
        tile = self.tiles.get((level, index))
        return tile.data if tile else None

    def edge(self, level: int, start: int, stop: int) -> list[bytes]:
        return self.leaf_hashes(start, stop) if level == 0 else self.tile_roots(level - 1, start, stop)


def test_hashes_by_hand() -> None:
    """RFC 6962, section 2.1, written out."""
    a, b, c, d, e = (h(b"\x00" + x) for x in (b"a", b"b", b"c", b"d", b"e"))
    ab, cd = h(b"\x01" + a + b), h(b"\x01" + c + d)
    roots = [h(b""), a, ab, h(b"\x01" + ab + c), h(b"\x01" + ab + cd)]
    roots.append(h(b"\x01" + h(b"\x01" + ab + cd) + e))
    tree = Tree()
    for expected, leaf in zip(roots, (b"a", b"b", b"c", b"d", b"e", b""), strict=True):
        assert tree.root() == expected
        tree.append(leaf_hash(leaf))
    assert EMPTY_ROOT.hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert leaf_hash(b"").hex() == "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"


def test_a_leaf_never_passes_for_a_node() -> None:
    a, b = leaf_hash(b"a"), leaf_hash(b"b")
    assert leaf_hash(a + b) != node_hash(a, b)


@pytest.mark.parametrize("count", [0, 1, 2, 3, 7, 8, 9, 64, 255, 256, 257, 1000])
def test_the_root_is_pymerkles(count: int) -> None:
    theirs, ours = pymerkle.InmemoryTree(algorithm="sha256"), Tree()
    for i in range(count):
        theirs.append_entry(b"record %d" % i)
        ours.append(leaf_hash(b"record %d" % i))
    assert ours.root() == (theirs.get_root() if count else EMPTY_ROOT)


def _proofs(count: int) -> Stored:
    stored = Stored(count)
    root = stored.tree.root()
    assert root == root_of(stored.leaves) == root_at(count, stored)
    return stored


@pytest.mark.parametrize("count", [1, 2, 3, 5, 8, 21, 255, 256, 257, 300])
def test_every_record_is_proven_and_no_other(count: int) -> None:
    stored = _proofs(count)
    root = stored.tree.root()
    for index in range(0, count, max(1, count // 40)):
        path = inclusion_proof(index, count, stored)
        assert included(index, count, stored.leaves[index], root, path)
        assert not included(index, count, leaf_hash(b"another"), root, path)
        assert not included((index + 1) % count, count, stored.leaves[index], root, path) or count == 1
        assert not included(index, count, stored.leaves[index], root, [*path, root])
        assert not path or not included(index, count, stored.leaves[index], root, path[:-1])


@pytest.mark.parametrize(
    ("old", "new"), [(1, 2), (3, 7), (4, 8), (6, 8), (255, 256), (256, 300), (257, 513), (300, 300)]
)
def test_growth_is_proven_and_a_rewrite_is_not(old: int, new: int) -> None:
    stored = _proofs(new)
    before, after = root_at(old, stored), stored.tree.root()
    path = consistency_proof(old, new, stored)
    assert consistent(old, new, before, after, path)
    assert not consistent(old, new, leaf_hash(b"x"), after, path)
    assert not consistent(old, new, before, leaf_hash(b"x"), path)
    assert not consistent(old, new, before, after, [*path, after])


def test_pymerkle_accepts_our_proofs() -> None:
    theirs, stored = pymerkle.InmemoryTree(algorithm="sha256"), Stored(21)
    for i in range(21):
        theirs.append_entry(b"record %d" % i)
    for index in (0, 7, 16, 20):
        proof = theirs.prove_inclusion(index + 1)
        assert [bytes.fromhex(x) for x in proof.serialize()["path"]][1:] == inclusion_proof(index, 21, stored)
    growth = theirs.prove_consistency(13, 21)
    ours = consistency_proof(13, 21, stored)
    assert set(ours) <= {bytes.fromhex(x) for x in growth.serialize()["path"]}


@given(st.integers(0, 700))
@examples(40)
def test_a_tree_restored_from_tiles_is_the_same_and_grows_the_same(count: int) -> None:
    stored = Stored(count)
    again = Tree.restore(count, stored.edge)
    assert again.root() == stored.tree.root()
    for leaf in leaves(5):
        assert again.append(leaf) == stored.tree.append(leaf)
        assert again.root() == stored.tree.root()


def test_tiles_are_full_where_the_format_wants_them() -> None:
    """C2SP tlog-tiles: tile L/N holds the hashes of 256 subtrees of 256**L leaves; here up to level 1."""
    count = TILE_WIDTH * TILE_WIDTH + 3
    tree, tiles = Tree(), list[Tile]()
    leaf: Callable[[int], bytes] = lambda i: i.to_bytes(32, "big")  # noqa: E731
    for i in range(count):
        tiles += tree.append(leaf(i))
    assert sorted((t.level, t.index) for t in tiles) == [(0, i) for i in range(TILE_WIDTH)] + [(1, 0)]
    upper = next(t for t in tiles if t.level == 1)
    assert upper.data == b"".join(t.root for t in tiles if t.level == 0)
    assert all(root_of([t.data[i : i + 32] for i in range(0, 8192, 32)]) == t.root for t in tiles)


def test_a_copy_does_not_move_with_the_original() -> None:
    tree = Tree()
    for leaf in leaves(300):
        tree.append(leaf)
    twin, root = tree.copy(), tree.root()
    tree.append(leaf_hash(b"more"))
    assert (twin.size, twin.root()) == (300, root)
