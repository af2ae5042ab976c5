"""Canonical bytes: the leaf is exactly what is stored, and verification never serialises again.

The profile is the integer part of I-JSON: no floats, |int| <= 2**53-1, ASCII keys, no lone surrogates. On it
orjson with sorted keys writes the same bytes as RFC 8785 (sorting by UTF-16 and by byte agree on ASCII).
"""

from typing import Any

import orjson
from pydantic import BaseModel, ValidationError

from audit.errors import LogTampered, RecordInvalid
from audit.record import Record

MAX_LEAF = 65_535
"""Bytes. A tlog-tiles entry bundle prefixes each entry with its length in two bytes."""

MAX_DEPTH = 32
MAX_INT = 2**53 - 1

_SCALARS = frozenset({str, int, bool, type(None)})
_OPTIONS = (
    orjson.OPT_SORT_KEYS
    | orjson.OPT_STRICT_INTEGER
    | orjson.OPT_PASSTHROUGH_DATACLASS
    | orjson.OPT_PASSTHROUGH_DATETIME
)
_HINT = "use integers in fixed units (millicores, bytes, ppm), ASCII keys, and a digest for a large payload"


def encode(record: Record) -> bytes:
    """The leaf of `record`: what equals its default (but `v`) is left out, and parsing puts it back.

    Raises RecordInvalid where the record does not fit the profile or is longer than MAX_LEAF.
    """
    values = record.__dict__
    fields: dict[str, object] = {"v": record.v}
    for name in record.__pydantic_fields_set__:
        value = values[name]
        kind = type(value)
        if value is None or (kind is tuple and not value):
            continue
        fields[name] = value
        flat = _is_flat(value) if kind is dict else kind is not tuple or all(map(_is_flat_or_part, value))
        if not flat:
            _check(value, name)
    try:
        body = orjson.dumps(fields, default=_part, option=_OPTIONS)
    except TypeError as error:
        raise RecordInvalid(f"{record.kind}: {error}", where=record.id, hint=_HINT) from error
    if len(body) > MAX_LEAF:
        what = f"{record.kind}: {len(body)} bytes, at most {MAX_LEAF} fit"
        raise RecordInvalid(what, where=record.id, hint=_HINT)
    return body


def decode(body: bytes) -> Record:
    """The record of a stored leaf. Raises LogTampered where the bytes are not a record."""
    try:
        return Record.model_validate_json(body)
    except ValidationError as error:
        raise LogTampered(f"stored bytes are not a record: {error.errors()[0]['msg']}") from error


def _part(value: object) -> dict[str, Any]:
    if isinstance(value, BaseModel):
        return {k: v for k, v in value.__dict__.items() if v is not None}
    raise TypeError(f"{type(value).__name__} is not canonical JSON")


def _is_flat_or_part(value: object) -> bool:
    """A text, a part of the record, or an object of one level."""
    return type(value) is not dict or _is_flat(value)


def _is_flat(value: dict[Any, Any]) -> bool:
    """The common case, at a third of the cost of the walk: one level, all of it allowed."""
    for key, child in value.items():
        if type(key) is not str or not key.isascii() or type(child) not in _SCALARS:
            return False
    return True


def _check(root: object, where: str) -> None:
    """Walk free-form JSON without recursion: ten thousand levels must be an error, not a crash."""
    level: list[Any] = [root]
    for _ in range(MAX_DEPTH):
        children: list[Any] = []
        for value in level:
            if isinstance(value, dict):
                for key, child in value.items():
                    if type(key) is not str or not key.isascii():
                        raise RecordInvalid(
                            f"{where}: key {key!a} is not ASCII text", where=where, hint=_HINT
                        )
                    if type(child) not in _SCALARS:
                        children.append(child)
            elif isinstance(value, list | tuple):
                children += [child for child in value if type(child) not in _SCALARS]
            else:
                _check_scalar(value, where)
        if not children:
            return
        level = children
    raise RecordInvalid(f"{where}: nested deeper than {MAX_DEPTH}", where=where, hint=_HINT)


def _check_scalar(value: object, where: str) -> None:
    if type(value) not in _SCALARS and not isinstance(value, str):
        raise RecordInvalid(f"{where}: {type(value).__name__} is not allowed", where=where, hint=_HINT)
