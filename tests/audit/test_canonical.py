"""The canonical profile: what is let in has one spelling (RFC 8785), what has none is refused."""

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.canonical import MAX_DEPTH, MAX_INT, MAX_LEAF, decode, encode
from audit.errors import LogTampered, RecordInvalid
from audit.record import Record
from tests.kit.effort import examples
from tests.kit.logs import AGENT


def record(**fields: Any) -> Record:
    base: dict[str, Any] = {
        "id": "i",
        "ts": "2026-10-05T01:14:02.250Z",
        "mono_us": 1,
        "boot_id": "b",
        "software": "s",
    }
    return Record(**base, kind="annotation", actor=AGENT, **fields)


text = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
keys = st.text(st.characters(max_codepoint=127), max_size=8)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-MAX_INT, MAX_INT) | text,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4),
    max_leaves=20,
)


@given(st.dictionaries(keys, values, max_size=5), text)
@examples(150)
def test_the_bytes_are_those_of_rfc_8785_and_read_back(args: dict[str, Any], reason: str) -> None:
    made = record(args=args, reason=reason)
    body = encode(made)
    plain = json.loads(body)
    assert body == json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    assert decode(body) == made
    assert encode(decode(body)) == body


def test_fields_at_their_default_are_left_out() -> None:
    assert sorted(json.loads(encode(record(run_id=None, parents=())))) == [
        "actor", "boot_id", "id", "kind", "mono_us", "software", "ts", "v",
    ]  # fmt: skip


def test_an_empty_object_is_not_left_out() -> None:
    assert json.loads(encode(record(args={})))["args"] == {}


@pytest.mark.parametrize(
    "value",
    [
        1.0,
        math.nan,
        math.inf,
        MAX_INT + 1,
        -MAX_INT - 1,
        "\ud800",
        {"é": 1},
        {1: 1},
        b"bytes",
        {"a", "b"},
        {"deep": [{"x": [0.5]}]},
        object(),
    ],
    ids=[
        "float",
        "nan",
        "inf",
        "big",
        "small",
        "surrogate",
        "non-ascii-key",
        "int-key",
        "bytes",
        "set",
        "deep-float",
        "object",
    ],
)
def test_what_has_no_single_spelling_is_refused(value: object) -> None:
    with pytest.raises(RecordInvalid):
        encode(record(args={"value": value}))


@pytest.mark.parametrize("field", ["observation", "args", "before", "after", "approval"])
def test_every_free_field_is_checked(field: str) -> None:
    with pytest.raises(RecordInvalid, match=field):
        encode(record(**{field: {"value": math.nan}}))


def test_a_lone_surrogate_in_a_typed_field_is_refused() -> None:
    with pytest.raises(RecordInvalid):
        encode(record(labels={"a": "\udfff"}))


def test_ten_thousand_levels_are_an_error_and_no_crash() -> None:
    deep: Any = 1
    for _ in range(10_000):
        deep = [deep]
    with pytest.raises(RecordInvalid, match="nested"):
        encode(record(args={"deep": deep}))


def test_depth_up_to_the_limit_is_let_in() -> None:
    deep: Any = 1
    for _ in range(MAX_DEPTH - 2):
        deep = [deep]
    assert decode(encode(record(args={"deep": deep}))).args == {"deep": deep}


def test_a_leaf_has_at_most_65535_bytes() -> None:
    spare = MAX_LEAF - len(encode(record(args={"x": ""})))
    assert len(encode(record(args={"x": "a" * spare}))) == MAX_LEAF
    with pytest.raises(RecordInvalid, match="65536 bytes"):
        encode(record(args={"x": "a" * (spare + 1)}))


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"v":1}', b"\xff"])
def test_bytes_that_are_no_record_are_tampering(body: bytes) -> None:
    with pytest.raises(LogTampered):
        decode(body)
