"""Inclusion and consistency proofs (RFC 9162, sections 2.1.3 and 2.1.4): making them from tiles, checking them.

Checking is pure and needs nothing but the proof. Making asks a HashSource for stored hashes.
"""

from collections.abc import Sequence
from typing import Protocol

from audit.errors import LogTampered
from audit.tree import EMPTY_ROOT, HASH_SIZE, TILE_HEIGHT, TILE_WIDTH, node_hash, root_of, split


class HashSource(Protocol):
    """Where stored hashes come from; a store of any kind."""

    def leaf_hashes(self, start: int, stop: int) -> list[bytes]: ...
    def tile_roots(self, level: int, start: int, stop: int) -> list[bytes]: ...
    def tile_data(self, level: int, index: int) -> bytes | None: ...


def root_at(size: int, source: HashSource) -> bytes:
    """The root of the first `size` leaves. Raises LogTampered where hashes are missing."""
    return _subtree(0, size, source) if size else EMPTY_ROOT


def inclusion_proof(index: int, size: int, source: HashSource) -> list[bytes]:
    """The audit path of leaf `index` in the tree of `size` leaves, from the leaf up."""
    if not 0 <= index < size:
        raise ValueError(f"no leaf {index} in a tree of {size}")
    path: list[bytes] = []
    start, stop = 0, size
    while stop - start > 1:
        middle = start + split(stop - start)
        if index < middle:
            path.append(_subtree(middle, stop, source))
            stop = middle
        else:
            path.append(_subtree(start, middle, source))
            start = middle
    return path[::-1]


def consistency_proof(old: int, new: int, source: HashSource) -> list[bytes]:
    """That the tree of `new` leaves begins with the tree of `old` leaves."""
    if not 0 < old <= new:
        raise ValueError(f"no consistency proof from {old} to {new}")
    path: list[bytes] = []
    start, stop, whole = 0, new, True
    while old != stop:
        middle = start + split(stop - start)
        if old <= middle:
            path.append(_subtree(middle, stop, source))
            stop = middle
        else:
            path.append(_subtree(start, middle, source))
            start, whole = middle, False
    if not whole:
        path.append(_subtree(start, stop, source))
    return path[::-1]


def included(index: int, size: int, leaf: bytes, root: bytes, path: Sequence[bytes]) -> bool:
    """RFC 9162, section 2.1.3.2. Stricter in one thing: every hash has 32 bytes."""
    if not 0 <= index < size or not _hashes(leaf, root, *path):
        return False
    node, last, hashed = index, size - 1, leaf
    for sibling in path:
        if last == 0:
            return False
        if node & 1 or node == last:
            hashed = node_hash(sibling, hashed)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            hashed = node_hash(hashed, sibling)
        node, last = node >> 1, last >> 1
    return last == 0 and hashed == root


def consistent(old: int, new: int, old_root: bytes, new_root: bytes, path: Sequence[bytes]) -> bool:
    """RFC 9162, section 2.1.4.2. The empty tree is refused: it is consistent with anything and proves nothing."""
    if not 0 < old <= new or not _hashes(old_root, new_root, *path):
        return False
    if old == new:
        return old_root == new_root and not path
    nodes = list(path) if old & (old - 1) else [old_root, *path]
    if not nodes:
        return False
    node, last = old - 1, new - 1
    while node & 1:
        node, last = node >> 1, last >> 1
    before = after = nodes[0]
    for sibling in nodes[1:]:
        if last == 0:
            return False
        if node & 1 or node == last:
            before, after = node_hash(sibling, before), node_hash(sibling, after)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            after = node_hash(after, sibling)
        node, last = node >> 1, last >> 1
    return last == 0 and before == old_root and after == new_root


def _subtree(start: int, stop: int, source: HashSource) -> bytes:
    """The hash over leaves `start` to `stop`: one node where they are a complete subtree, else split."""
    width = stop - start
    if width & (width - 1) == 0 and start % width == 0:
        return _node(start, width.bit_length() - 1, source)
    middle = start + split(width)
    return node_hash(_subtree(start, middle, source), _subtree(middle, stop, source))


def _node(start: int, height: int, source: HashSource) -> bytes:
    """The node over the 2**height leaves from `start`, out of one tile (or the unfinished edge of a level)."""
    level, depth = divmod(height, TILE_HEIGHT)
    first = start >> (TILE_HEIGHT * level)
    count = 1 << depth
    data = source.tile_data(level, first // TILE_WIDTH)
    if data is not None:
        offset = (first % TILE_WIDTH) * HASH_SIZE
        hashes = [data[i : i + HASH_SIZE] for i in range(offset, offset + count * HASH_SIZE, HASH_SIZE)]
    elif level == 0:
        hashes = source.leaf_hashes(first, first + count)
    else:
        hashes = source.tile_roots(level - 1, first, first + count)
    if len(hashes) != count or not _hashes(*hashes):
        raise LogTampered(f"hashes {first} to {first + count} of level {level} are not all there")
    return root_of(hashes)


def _hashes(*values: bytes) -> bool:
    return all(len(value) == HASH_SIZE for value in values)
