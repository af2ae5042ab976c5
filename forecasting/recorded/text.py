"""The text of a CSV file from its bytes: UTF-8 or UTF-16 with or without its mark, also compressed by gzip; pure.

The format is recognised by the first bytes, not by the file's name: gzip (RFC 1952) begins with 1f 8b, UTF-16 with
a byte order mark.
"""

import codecs
import gzip
import io
import zlib
from pathlib import PurePath

from forecasting.errors import BadTrace

_GZIP = b"\x1f\x8b"
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def text_of(raw: bytes, name: str, most: int) -> io.StringIO:
    """The lines, with the ends that they have in the file.

    `most` bytes are read, also of what was compressed. Raises BadTrace: larger, damaged, or no text.
    """
    plain = _unpacked(raw, name, most) if raw.startswith(_GZIP) else raw
    if len(plain) > most:
        raise BadTrace(f"the file holds more than {most >> 20} MiB", name, "cut it, or give fewer columns")
    encoding = "utf-16" if plain.startswith(_UTF_16) else "utf-8-sig"
    try:
        return io.StringIO(plain.decode(encoding), newline="")
    except UnicodeDecodeError as e:
        raise _no_text(name) from e


def _unpacked(raw: bytes, name: str, most: int) -> bytes:
    """One byte more than `most` at most: a small file may unpack to anything."""
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(raw)) as file:
            return file.read(most + 1)
    except (gzip.BadGzipFile, EOFError, zlib.error) as e:
        raise _no_text(name) from e


def _no_text(name: str) -> BadTrace:
    hint = "give a CSV in UTF-8 whose first line is such as `ts,value`, or such a one as .csv.gz"
    return BadTrace("this is not text", name, hint)


def stem(name: str) -> str:
    """A trace's name: that of its file without folder, `.gz` and the suffix before it."""
    return PurePath(name.removesuffix(".gz")).stem
