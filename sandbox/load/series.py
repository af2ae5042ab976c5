"""A recorded demand: a CSV of `ts,value` lines, packed into text that a Load carries with it.

The packed form is base64 of zlib of JSON: `[[seconds…], [value…]]`, so that a world needs no file beside it.
"""

import base64
import binascii
import csv
import io
import json
import math
import zlib
from itertools import pairwise
from pathlib import Path

from sandbox.api.errors import SandboxError
from tools.cluster.objects import unix_ms

_SIZE_MAX = 32 << 20
POINTS_MAX = 1_000_000


def read(path: Path) -> str:
    """The file, packed. Raises SandboxError: no file, no `ts,value` head, a line that is no number or that
    goes back in time."""
    try:
        if path.stat().st_size > _SIZE_MAX:
            raise SandboxError("the series is larger than 32 MiB", where=str(path))
        rows = list(csv.DictReader(io.StringIO(path.read_text("utf-8"))))
    except (OSError, UnicodeDecodeError, csv.Error) as e:
        raise SandboxError(f"the series cannot be read: {e}", where=str(path)) from e
    if not rows or not {"ts", "value"} <= set(rows[0]):
        raise SandboxError("the series has no columns `ts` and `value`", where=str(path))
    times: list[int] = []
    values: list[float] = []
    for number, row in enumerate(rows, 2):
        at, value = _line(row, f"{path}:{number}")
        if times and at <= times[-1]:
            raise SandboxError("times of a series must rise", where=f"{path}:{number}")
        times.append(at)
        values.append(value)
    return pack(times, values)


def _line(row: dict[str, str | None], where: str) -> tuple[int, float]:
    at, value = row.get("ts") or "", row.get("value") or ""
    try:
        number = float(value)
        seconds = float(at) if at.replace(".", "", 1).isdecimal() else unix_ms(at) / 1000
    except ValueError as e:
        raise SandboxError(f"`{at},{value}` is no time and number", where=where) from e
    if not (math.isfinite(number) and number >= 0):
        raise SandboxError(f"demand `{value}` is no positive number", where=where)
    return round(seconds), number


def pack(times_s: list[int], values: list[float]) -> str:
    """Points as text."""
    raw = json.dumps([times_s, values], separators=(",", ":")).encode()
    return base64.b64encode(zlib.compress(raw, 9)).decode()


def unpack(data: str) -> tuple[list[int], list[float]]:
    """The points again. Raises ValueError."""
    try:
        times, values = json.loads(
            zlib.decompressobj().decompress(base64.b64decode(data, validate=True), 1 << 28)
        )
    except (binascii.Error, zlib.error, UnicodeDecodeError) as e:
        raise ValueError("the data of a series is damaged") from e
    return times, values


def checked(data: str, unit_milli: int) -> str:
    """`unit:data`, once it is known to be sound. Raises ValueError."""
    times, values = unpack(data)
    sound = len(times) == len(values) and 0 < len(times) <= POINTS_MAX
    numbers = all(isinstance(t, int) for t in times) and all(
        isinstance(v, (int, float)) and v >= 0 for v in values
    )
    if not (sound and numbers and all(a < b for a, b in pairwise(times))):
        raise ValueError("the data of a series is damaged")
    return f"{unit_milli}:{data}"
