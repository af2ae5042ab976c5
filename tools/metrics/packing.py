"""A chunk of a series as few bytes: format 1.

One byte of version, one of width (1, 2, 4 or 8 bytes a difference), then zlib over: a byte for each point (unknown,
gap, value), the first value (8 bytes), and the differences between values that follow each other, least
significant bytes of all first (bytes of one significance lie together, where they are alike). Little-endian.
zlib's checksum finds a damaged chunk.
"""

import re
import struct
import zlib
from array import array
from collections.abc import Sequence
from itertools import accumulate, chain, compress, pairwise
from typing import Literal, cast

VERSION = 1
UNKNOWN, GAP, VALUE = 0, 1, 2
Unknown = Literal["?"]
Point = int | None | Unknown
"""A value, a gap (asked for, and nothing there), or `?`: never asked for."""

_WIDTHS = ((1, "b"), (2, "h"), (4, "i"), (8, "q"))
_LITTLE = struct.pack("=H", 1) == struct.pack("<H", 1)
_MAX_BYTES = 1 << 20
_RUNS, HOLES = re.compile(rb"\x02+"), re.compile(rb"[^\x02]+")
"""Points that have a value one after another, and points that have none."""
_PRESENT = bytes(code == VALUE for code in range(256))


class Damaged(ValueError):
    """The bytes are no chunk of this format."""


class Line:
    """Points of one series, in order: of each its state, and its value where it has one."""

    __slots__ = ("states", "values")

    def __init__(self, states: bytearray, values: "array[int]") -> None:
        self.states, self.values = states, values

    @classmethod
    def unknown(cls, count: int) -> "Line":
        """Nothing of it was asked for."""
        return cls(bytearray(count), array("q", bytes(8 * count)))

    @classmethod
    def of(cls, points: Sequence[Point]) -> "Line":
        """These points."""
        states = bytearray(UNKNOWN if p == "?" else GAP if p is None else VALUE for p in points)
        return cls(states, array("q", (p if isinstance(p, int) else 0 for p in points)))

    def __len__(self) -> int:
        return len(self.states)

    def __getitem__(self, at: slice) -> "Line":
        return Line(self.states[at], self.values[at])

    def __setitem__(self, at: slice, other: "Line") -> None:
        self.states[at], self.values[at] = other.states, other.values

    def put(self, start: int, values: Sequence[int | None]) -> None:
        """What was answered over what was stored; a stored value is not replaced by a gap."""
        here = slice(start, start + len(values))
        if values.count(None) == len(values):
            self.states[here] = self.states[here].replace(bytes((UNKNOWN,)), bytes((GAP,)))
            return
        if None not in values:
            self.states[here] = bytes((VALUE,)) * len(values)
            self.values[here] = array("q", cast(Sequence[int], values))
            return
        for index, value in enumerate(values, start):
            if value is not None:
                self.states[index], self.values[index] = VALUE, value
            elif self.states[index] == UNKNOWN:
                self.states[index] = GAP

    def known(self) -> tuple[int | None, ...]:
        """The values; None where there is none, whatever the reason."""
        found: list[int | None] = [*self.values]
        for hole in HOLES.finditer(self.states):
            found[hole.start() : hole.end()] = [None] * (hole.end() - hole.start())
        return tuple(found)

    def told(self) -> list[Point]:
        """The points, as `of` takes them."""
        pairs = zip(self.states, self.values, strict=True)
        return [value if state == VALUE else None if state == GAP else "?" for state, value in pairs]


def pack(line: Line) -> bytes:
    """Values are at most 2**53 in size, so that each difference fits in 8 bytes."""
    values = [*compress(line.values, line.states.translate(_PRESENT))]
    deltas = [after - before for before, after in pairwise(values)]
    width, code = _fitting(deltas)
    first = struct.pack("<q", values[0] if values else 0)
    planes = _planes(array(code, deltas), width)
    return bytes((VERSION, width)) + zlib.compress(bytes(line.states) + first + planes, 6)


def unpack(data: bytes, count: int) -> Line:
    """The `count` points of a chunk. Raises Damaged."""
    code = dict(_WIDTHS).get(data[1]) if len(data) > 2 and data[0] == VERSION else None
    if code is None:
        raise Damaged("another format")
    try:
        stream = zlib.decompressobj()
        body = stream.decompress(data[2:], _MAX_BYTES)
    except zlib.error as error:
        raise Damaged(str(error)) from error
    if not stream.eof:  # its checksum stands at the end
        raise Damaged("it is cut, or larger than a chunk is")
    states, width = body[:count], data[1]
    present = states.count(VALUE)
    planes = body[count + 8 :]
    if len(states) != count or len(planes) != max(present - 1, 0) * width or max(states, default=0) > VALUE:
        raise Damaged("it is of another size")
    (first,) = struct.unpack("<q", body[count : count + 8])
    values = array("q", accumulate(chain((first,), _joined(planes, width, code))))[:present]
    return Line(bytearray(states), values if present == count else _spread(states, values))


def _spread(states: bytes, values: "array[int]") -> "array[int]":
    """The values at the places that have one."""
    found, read = array("q", bytes(8 * len(states))), 0
    for run in _RUNS.finditer(states):
        count = run.end() - run.start()
        found[run.start() : run.end()] = values[read : read + count]
        read += count
    return found


def _fitting(deltas: Sequence[int]) -> tuple[int, str]:
    widest = max(max(deltas), -min(deltas)) if deltas else 0
    return next((width, code) for width, code in _WIDTHS if widest < 1 << (8 * width - 1))


def _planes(deltas: "array[int]", width: int) -> bytes:
    raw = _little(deltas).tobytes()
    return b"".join(raw[byte::width] for byte in range(width))


def _joined(planes: bytes, width: int, code: str) -> "array[int]":
    count = len(planes) // width
    raw = bytearray(len(planes))
    for byte in range(width):
        raw[byte::width] = planes[byte * count : (byte + 1) * count]
    deltas = array(code)
    deltas.frombytes(bytes(raw))
    return _little(deltas)


def _little(deltas: "array[int]") -> "array[int]":
    if not _LITTLE:
        deltas.byteswap()
    return deltas
