"""The metrics of each workload, minute by minute: compact rows in the world's own file.

A row of the table holds one workload for four hours. Each metric's minutes are differences in the smallest
integer that holds them, deflated; what was not measured is a mask, never a zero. Rows older than KEPT_DAYS go.
The times are the world's.
"""

import struct
import zlib
from typing import Any

import numpy as np

from forecasting.seeded_random import Ints
from sandbox.api.store import Key, Transaction
from sandbox.api.world_sql import CREATE_HISTORY
from tools.metrics.types import Metric

MINUTE_MS = 60_000
COLUMNS: tuple[Metric, ...] = tuple(Metric)
KEPT_DAYS = 35
MISSING = -1
"""Stands for a minute without a value; every metric is at least 0."""

_BLOCK = 240
_HEAD = struct.Struct("<HH")
_PART = struct.Struct("<cBI")
_DTYPES: dict[bytes, np.dtype[Any]] = {
    b"b": np.dtype(np.int8),
    b"h": np.dtype(np.int16),
    b"i": np.dtype(np.int32),
    b"q": np.dtype(np.int64),
}
_WIDTHS = ((b"b", 2**7), (b"h", 2**15), (b"i", 2**31), (b"q", 2**63))
"""Codes of the integers, the smallest first, and what they reach to."""


def clear(txn: Transaction) -> None:
    """Forget everything."""
    txn.db.execute(CREATE_HISTORY)
    txn.db.execute("DELETE FROM history")


def append(txn: Transaction, key: Key, first: int, rows: Ints) -> None:
    """Add minutes from `first` (Unix minutes) on; `rows[i, j]` is COLUMNS[j], or MISSING.

    Minutes that are there already stay as they are; between what is there and `first` is a gap.
    """
    txn.db.execute(CREATE_HISTORY)
    for block in range(first // _BLOCK, (first + len(rows) - 1) // _BLOCK + 1):
        begin = max(first, block * _BLOCK)
        part = rows[begin - first : (block + 1) * _BLOCK - first]
        _merge(txn, key, block, begin % _BLOCK, part)
    oldest = (first + len(rows)) // _BLOCK - KEPT_DAYS * 1440 // _BLOCK
    where = "kind = ? AND namespace = ? AND name = ? AND block < ?"
    txn.db.execute(f"DELETE FROM history WHERE {where}", (*key, oldest))  # noqa: S608


def read(txn: Transaction, key: Key, metric: Metric, first: int, last: int) -> Ints:
    """The minutes `first` to `last`, both with, of one metric; MISSING where there is none."""
    found = np.full(last - first + 1, MISSING, dtype=np.int64)
    if not _there(txn):
        return found
    where = "kind = ? AND namespace = ? AND name = ? AND block BETWEEN ? AND ?"
    rows = txn.db.execute(
        f"SELECT block, body FROM history WHERE {where}",  # noqa: S608
        (*key, first // _BLOCK, last // _BLOCK),
    )
    for block, body in rows:
        start, values = _column(body, COLUMNS.index(metric))
        at = block * _BLOCK + start - first
        low, high = max(0, at), min(len(found), at + len(values))
        if low < high:
            found[low:high] = values[low - at : high - at]
    return found


def size(txn: Transaction) -> tuple[int, int]:
    """Bytes and samples that are stored, a sample being one metric in one minute."""
    if not _there(txn):
        return 0, 0
    total = samples = 0
    for (body,) in txn.db.execute("SELECT body FROM history"):
        total += len(body)
        samples += _HEAD.unpack_from(body)[1] * len(COLUMNS)
    return total, samples


def _there(txn: Transaction) -> bool:
    return txn.db.execute("SELECT 1 FROM sqlite_master WHERE name = 'history'").fetchone() is not None


def _merge(txn: Transaction, key: Key, block: int, start: int, rows: Ints) -> None:
    where = "kind = ? AND namespace = ? AND name = ? AND block = ?"
    old = txn.db.execute(f"SELECT body FROM history WHERE {where}", (*key, block)).fetchone()  # noqa: S608
    if old is not None:
        before, there = _unpack(old[0])
        end = before + len(there)
        skipped = np.full((max(0, start - end), len(COLUMNS)), MISSING, dtype=np.int64)
        rows = np.concatenate([there, skipped, rows[max(0, end - start) :]])
        start = before
    txn.db.execute("INSERT OR REPLACE INTO history VALUES (?, ?, ?, ?, ?)", (*key, block, _pack(start, rows)))


def _pack(start: int, rows: Ints) -> bytes:
    return _HEAD.pack(start, len(rows)) + b"".join(_packed(rows[:, j]) for j in range(rows.shape[1]))


def _packed(column: Ints) -> bytes:
    """Code and mask flag, length, then the deflated differences (with the mask before them)."""
    missing = column == MISSING
    masked = bool(missing.any())
    if masked:
        # A gap repeats the value before it, so that its difference costs nothing.
        last = np.maximum.accumulate(np.where(missing, 0, np.arange(len(column))))
        column = np.where(missing & missing[last], 0, column[last])
    steps = np.diff(column, prepend=0)
    low, high = int(steps.min(initial=0)), int(steps.max(initial=0))
    code = next(c for c, reach in _WIDTHS if -reach <= low and high < reach)
    mask = np.packbits(missing).tobytes() if masked else b""
    body = zlib.compress(mask + steps.astype(_DTYPES[code]).tobytes(), 1)
    return _PART.pack(code, masked, len(body)) + body


def _unpack(body: bytes) -> tuple[int, Ints]:
    start, count = _HEAD.unpack_from(body)
    columns, at = [], _HEAD.size
    for _ in COLUMNS:
        values, at = _part(body, at, count)
        columns.append(values)
    return start, np.stack(columns, axis=1)


def _column(body: bytes, wanted: int) -> tuple[int, Ints]:
    start, count = _HEAD.unpack_from(body)
    at = _HEAD.size
    for _ in range(wanted):
        at += _PART.size + _PART.unpack_from(body, at)[2]
    return start, _part(body, at, count)[0]


def _part(body: bytes, at: int, count: int) -> tuple[Ints, int]:
    code, masked, length = _PART.unpack_from(body, at)
    at += _PART.size
    raw = zlib.decompress(body[at : at + length])
    split = (count + 7) // 8 if masked else 0
    values = np.cumsum(np.frombuffer(raw[split:], dtype=_DTYPES[code]).astype(np.int64))
    if masked:
        missing = np.unpackbits(np.frombuffer(raw[:split], dtype=np.uint8))[:count].astype(bool)
        values = np.where(missing, MISSING, values)
    return values, at + length
