"""A small raster to draw a chart on, written as PNG with the standard library alone.

Format: PNG (Third Edition), ISO/IEC 15948: signature, IHDR, IDAT (zlib, filter 0), IEND; 8-bit RGB.
"""

import struct
import zlib

import numpy as np

from forecasting.backtest.glyphs import GLYPHS, HEIGHT, WIDTH

Colour = tuple[int, int, int]


class Canvas:
    """White, `width` × `height` pixels, the origin at the top left."""

    def __init__(self, width: int, height: int) -> None:
        self._pixels = np.full((height, width, 3), 255, dtype=np.uint8)

    def line(
        self, start: tuple[float, float], end: tuple[float, float], colour: Colour, width: int = 2
    ) -> None:
        """A straight line between two points (x, y)."""
        count = int(max(abs(end[0] - start[0]), abs(end[1] - start[1]))) + 1
        for x, y in np.linspace(start, end, count + 1).round().astype(int).tolist():
            self.box(x, y, width, width, colour)

    def box(self, x: int, y: int, width: int, height: int, colour: Colour) -> None:
        """A filled rectangle; what lies outside is left away."""
        self._pixels[max(0, y) : max(0, y + height), max(0, x) : max(0, x + width)] = colour

    def text(self, x: int, y: int, words: str, colour: Colour, size: int = 2) -> None:
        """One line of text, its top left at (x, y); a character without a glyph is a space."""
        for place, letter in enumerate(words.lower()):
            for column, bits in enumerate(GLYPHS.get(letter, ())):
                for row in range(HEIGHT):
                    if bits >> row & 1:
                        left = x + (place * (WIDTH + 1) + column) * size
                        self.box(left, y + row * size, size, size, colour)

    def png(self) -> bytes:
        """The file's bytes."""
        height, width, _ = self._pixels.shape
        rows = np.concatenate([np.zeros((height, 1), np.uint8), self._pixels.reshape(height, -1)], axis=1)
        head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
        parts = [(b"IHDR", head), (b"IDAT", zlib.compress(rows.tobytes(), 9)), (b"IEND", b"")]
        return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, data) for kind, data in parts)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
