"""A chunk of a series as few bytes: format 1.

One byte of version, one of width (1, 2, 4 or 8 bytes a difference), then zlib over: a byte for each point (unknown,
gap, value), the first value (8 bytes), and the differences between values that follow each other, least
significant bytes of all first (bytes of one significance lie together, where they are alike). Little-endian.
zlib's checksum finds a damaged chunk.
"""

import struct
import zlib
from array import array
from collections.abc import Sequence
from itertools import accumulate, chain, pairwise
from typing import Literal

VERSION = 1
UNKNOWN, GAP, VALUE = 0, 1, 2
Unknown = Literal["?"]
Point = int | None | Unknown
"""A value, a gap (asked for, and nothing there), or `?`: never asked for."""

_WIDTHS = ((1, "b"), (2, "h"), (4, "i"), (8, "q"))
_LITTLE = struct.pack("=H", 1) == struct.pack("<H", 1)
_MAX_BYTES = 1 << 20


class Damaged(ValueError):
    """The bytes are no chunk of this format."""


def pack(points: Sequence[Point]) -> bytes:
    """Values are at most 2**53 in size, so that each difference fits in 8 bytes."""
    states = bytes(UNKNOWN if p == "?" else GAP if p is None else VALUE for p in points)
    values = [p for p in points if isinstance(p, int)]
    deltas = [after - before for before, after in pairwise(values)]
    width, code = _fitting(deltas)
    first = struct.pack("<q", values[0] if values else 0)
    return bytes((VERSION, width)) + zlib.compress(states + first + _planes(array(code, deltas), width), 6)


def unpack(data: bytes, count: int) -> list[Point]:
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
    deltas = _joined(planes, width, code)
    values = accumulate(chain((first,), deltas))
    return [next(values) if state == VALUE else None if state == GAP else "?" for state in states]


def _fitting(deltas: Sequence[int]) -> tuple[int, str]:
    widest = max((abs(delta) for delta in deltas), default=0)
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
