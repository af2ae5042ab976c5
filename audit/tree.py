"""The Merkle tree of RFC 6962, section 2.1, growing one leaf at a time. Pure: bytes in, bytes out.

Hashes are kept as C2SP tlog-tiles keeps them: a tile of level L holds 256 hashes of subtrees of 256**L leaves.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

HASH_SIZE = 32
TILE_HEIGHT = 8
TILE_WIDTH = 1 << TILE_HEIGHT
EMPTY_ROOT = hashlib.sha256(b"").digest()

_sha256 = hashlib.sha256


def leaf_hash(body: bytes) -> bytes:
    """SHA-256(0x00 ‖ body): RFC 6962's domain separation keeps a leaf from passing for a node."""
    return _sha256(b"\x00" + body).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """SHA-256(0x01 ‖ left ‖ right)."""
    return _sha256(b"\x01" + left + right).digest()


def split(size: int) -> int:
    """The largest power of two below `size` (RFC 6962's k). `size` is at least 2."""
    return 1 << ((size - 1).bit_length() - 1)


def root_of(hashes: Sequence[bytes]) -> bytes:
    """The root over `hashes` as leaves' (or complete subtrees') hashes, left to right."""
    if not hashes:
        return EMPTY_ROOT
    row = list(hashes)
    while len(row) > 1:
        tail = row[-1:] if len(row) % 2 else []
        row = [node_hash(row[i], row[i + 1]) for i in range(0, len(row) - 1, 2)] + tail
    return row[0]


@dataclass(frozen=True, slots=True)
class Tile:
    """A full tile: `data` is its 256 hashes, `root` the hash over them (an entry of the level above)."""

    level: int
    index: int
    data: bytes
    root: bytes


class Tree:
    """A tree at its right edge: enough to append, to give the root and to fill tiles.

    Invariants: `_stack` holds the roots of the complete subtrees, largest first, one per set bit of `size`;
    `_edges[L]` holds the hashes of the last, not yet full tile of level L.
    """

    __slots__ = ("_edges", "_stack", "size")

    def __init__(self) -> None:
        self.size = 0
        self._stack: list[bytes] = []
        self._edges: list[list[bytes]] = [[]]

    @classmethod
    def restore(cls, size: int, edge: Callable[[int, int, int], list[bytes]]) -> "Tree":
        """The tree of `size` leaves; `edge(level, start, stop)` reads hashes of a level's unfinished tile."""
        tree = cls()
        tree.size, tree._edges = size, []
        level = 0
        while level == 0 or size >> (TILE_HEIGHT * level):
            stop = size >> (TILE_HEIGHT * level)
            start = stop - stop % TILE_WIDTH
            tree._edges.append(edge(level, start, stop))
            level += 1
        for hashes in reversed(tree._edges):
            tree._stack.extend(_complete_roots(hashes))
        return tree

    def copy(self) -> "Tree":
        twin = Tree()
        twin.size, twin._stack = self.size, self._stack.copy()
        twin._edges = [hashes.copy() for hashes in self._edges]
        return twin

    def append(self, leaf: bytes) -> list[Tile]:
        """Add one leaf hash; returns the tiles that it filled, lowest level first."""
        bits, height, node = self.size, 0, leaf
        self.size += 1
        stack, edges = self._stack, self._edges
        edges[0].append(leaf)
        while bits & 1:
            node = _sha256(b"\x01" + stack.pop() + node).digest()
            bits >>= 1
            height += 1
            if not height & 7:
                level = height >> 3
                if level == len(edges):
                    edges.append([])
                edges[level].append(node)
        stack.append(node)
        return self._full_tiles() if height >= TILE_HEIGHT else []

    def root(self) -> bytes:
        """The root hash of the tree as it stands."""
        if not self._stack:
            return EMPTY_ROOT
        *lefts, node = self._stack
        for left in reversed(lefts):
            node = _sha256(b"\x01" + left + node).digest()
        return node

    def _full_tiles(self) -> list[Tile]:
        tiles = []
        for level, hashes in enumerate(self._edges):
            if len(hashes) < TILE_WIDTH:
                break
            index = (self.size >> (TILE_HEIGHT * (level + 1))) - 1
            tiles.append(Tile(level, index, b"".join(hashes), self._edges[level + 1][-1]))
            hashes.clear()
        return tiles


def _complete_roots(hashes: Sequence[bytes]) -> list[bytes]:
    roots, start = [], 0
    for bit in reversed(range(TILE_HEIGHT)):
        if len(hashes) & (1 << bit):
            roots.append(root_of(hashes[start : start + (1 << bit)]))
            start += 1 << bit
    return roots
