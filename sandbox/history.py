"""The metrics of each workload, minute by minute: compact rows in the world's own file.

A row of the table holds one workload for four hours. Each metric's minutes are differences in the smallest
integer that holds them, deflated; what was not measured is a mask, never a zero. Rows older than KEPT_DAYS go.
The newest minutes, up to a half hour, are rows of their own, so that a minute costs no packing. The times are the
world's. Metrics are only ever added at the end: of what an earlier version wrote they are missing.
"""

import struct
import zlib
from typing import Any

import numpy as np

from forecasting.seeded_random import Ints
from sandbox.api.store import Key, Transaction
from sandbox.api.world_sql import CREATE_HISTORY, CREATE_HISTORY_TAIL
from tools.metrics.types import Metric

MINUTE_MS = 60_000
COLUMNS: tuple[Metric, ...] = tuple(metric for metric in Metric if metric is not Metric.ALERTS)
KEPT_DAYS = 35
MISSING = -1
"""Stands for a minute without a value; every metric is at least 0."""

_BLOCK = 240
_FOLD = 30
"""Minutes are packed when so many are full; a block holds a whole number of them."""

_OF = "kind = ? AND namespace = ? AND name = ?"
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
    _make(txn)
    txn.db.execute("DELETE FROM history")
    txn.db.execute("DELETE FROM history_tail")


def append(txn: Transaction, key: Key, first: int, rows: Ints) -> None:
    """Add minutes from `first` (Unix minutes) on; `rows[i, j]` is COLUMNS[j], or MISSING.

    Minutes that are there already stay as they are; between what is there and `first` is a gap.
    """
    _make(txn)
    end = first + len(rows)
    packed = end - end % _FOLD
    new = max(0, packed - first)
    if packed > first:
        _fold(txn, key, first, rows[:new])
    left = ((*key, first + new + i, row.tobytes()) for i, row in enumerate(rows[new:]))
    txn.db.executemany("INSERT OR IGNORE INTO history_tail VALUES (?, ?, ?, ?, ?)", left)


def read(txn: Transaction, key: Key, metric: Metric, first: int, last: int) -> Ints:
    """The minutes `first` to `last`, both with, of one metric; MISSING where there is none."""
    found = np.full(last - first + 1, MISSING, dtype=np.int64)
    for minute, row in _tail(txn, key, first, last):
        found[minute - first] = row[COLUMNS.index(metric)]
    if not _there(txn, "history"):
        return found
    rows = txn.db.execute(
        f"SELECT block, body FROM history WHERE {_OF} AND block BETWEEN ? AND ?",  # noqa: S608
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
    total = samples = 0
    if _there(txn, "history"):
        for (body,) in txn.db.execute("SELECT body FROM history"):
            total += len(body)
            samples += _HEAD.unpack_from(body)[1] * len(COLUMNS)
    if _there(txn, "history_tail"):
        for (body,) in txn.db.execute("SELECT body FROM history_tail"):
            total += len(body)
            samples += len(COLUMNS)
    return total, samples


def _make(txn: Transaction) -> None:
    """The tables, where a world of an earlier version lacks one."""
    for name, made in (("history", CREATE_HISTORY), ("history_tail", CREATE_HISTORY_TAIL)):
        if not _there(txn, name):
            txn.db.execute(made)
            txn.memo["table", name] = True


def _there(txn: Transaction, table: str) -> bool:
    """Whether the file has that table; looked up once a transaction."""
    known: bool | None = txn.memo.get(("table", table))
    if known is None:
        found = txn.db.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (table,)).fetchone()
        known = txn.memo["table", table] = found is not None
    return known


def _tail(txn: Transaction, key: Key, first: int, last: int) -> list[tuple[int, Ints]]:
    """The minutes from `first` to `last` that are rows of their own."""
    if not _there(txn, "history_tail"):
        return []
    rows = txn.db.execute(
        f"SELECT minute, body FROM history_tail WHERE {_OF} AND minute BETWEEN ? AND ? ORDER BY minute",  # noqa: S608
        (*key, first, last),
    )
    return [(minute, _wide(np.frombuffer(body, dtype=np.int64))) for minute, body in rows]


def _wide(row: Ints) -> Ints:
    """A minute with every column: an earlier version had fewer, the first of today's."""
    return np.pad(row, (0, len(COLUMNS) - len(row)), constant_values=MISSING)


def _fold(txn: Transaction, key: Key, first: int, rows: Ints) -> None:
    """Pack these minutes, and before them those of the tail; drop what is too old."""
    for begin, part in (*_runs(_tail(txn, key, 0, first - 1)), (first, rows)):
        for block in range(begin // _BLOCK, (begin + len(part) - 1) // _BLOCK + 1):
            low = max(begin, block * _BLOCK)
            _merge(txn, key, block, low % _BLOCK, part[low - begin : (block + 1) * _BLOCK - begin])
    end = first + len(rows)
    txn.db.execute(f"DELETE FROM history_tail WHERE {_OF} AND minute < ?", (*key, end))  # noqa: S608
    oldest = end // _BLOCK - KEPT_DAYS * 1440 // _BLOCK
    txn.db.execute(f"DELETE FROM history WHERE {_OF} AND block < ?", (*key, oldest))  # noqa: S608


def _runs(minutes: list[tuple[int, Ints]]) -> list[tuple[int, Ints]]:
    """Minutes that follow one another, as one table each: its first minute, and its rows."""
    runs: list[tuple[int, list[Ints]]] = []
    for minute, row in minutes:
        if not runs or minute != runs[-1][0] + len(runs[-1][1]):
            runs.append((minute, []))
        runs[-1][1].append(row)
    return [(first, np.stack(rows)) for first, rows in runs]


def _merge(txn: Transaction, key: Key, block: int, start: int, rows: Ints) -> None:
    known = txn.db.execute(f"SELECT body FROM history WHERE {_OF} AND block = ?", (*key, block))  # noqa: S608
    old = known.fetchone()
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
    while at < len(body):
        values, at = _part(body, at, count)
        columns.append(values)
    missing = np.full(count, MISSING, dtype=np.int64)
    return start, np.stack([*columns, *[missing] * (len(COLUMNS) - len(columns))], axis=1)


def _column(body: bytes, wanted: int) -> tuple[int, Ints]:
    start, count = _HEAD.unpack_from(body)
    at = _HEAD.size
    for _ in range(wanted):
        if at < len(body):
            at += _PART.size + _PART.unpack_from(body, at)[2]
    if at >= len(body):
        return start, np.full(count, MISSING, dtype=np.int64)
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
