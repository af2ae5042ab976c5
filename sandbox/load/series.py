"""A recorded demand: a CSV (or .csv.gz) of `ts,value` lines, packed into text that a Load carries with it.

The packed form is base64 of zlib of JSON: `[[seconds…], [value…]]`, so that a world needs no file beside it.
"""

import base64
import binascii
import json
import zlib
from itertools import pairwise
from pathlib import Path

from forecasting.errors import BadTrace
from sandbox.api.errors import SandboxError

_SIZE_MAX = 32 << 20
POINTS_MAX = 1_000_000


def read(path: Path) -> str:
    """The file, packed. Raises SandboxError: no file, no times and values, a line that is not a number or that goes
    back in time."""
    from forecasting.recorded import rows  # arrays, which a world that lives on does not need
    from forecasting.recorded.text import text_of

    accepts = rows.Accepts(gaps="none", unordered=False, unit="the demand in the series' unit")
    try:
        with path.open("rb") as file:
            raw = file.read(_SIZE_MAX + 1)
        found = rows.read(text_of(raw, str(path), _SIZE_MAX), str(path), ("value",), accepts)
    except OSError as e:
        raise SandboxError(f"the series cannot be read: {e.strerror}", where=str(path)) from e
    except BadTrace as e:
        raise SandboxError(e.what, where=e.where, hint=e.hint) from e
    return pack([round(at) for at in found.at.tolist()], found.columns["value"].tolist())


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
