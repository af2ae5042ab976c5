"""Argument text has exactly one reading, and the schemas that models see allow nothing else."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.kit.effort import examples
from tests.security.test_arguments import SHAPES
from tools.actions import registry
from tools.errors import ArgumentsInvalid
from tools.path.undo import UndoArgs
from tools.spec import Args
from tools.toolbox.schema import MAX_BYTES, MAX_DEPTH, decode, strict_schema

MODELS: dict[str, type[Args]] = {
    **{spec.name: spec.args for spec in registry.ACTIONS.values()},
    **{spec.name: spec.args for spec in registry.READS.values()},
    "undo": UndoArgs,
}
READABLE = ("extra", "extra-force", "extra-dunder", "empty", "missing")
plain = (
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.text(st.characters(exclude_categories=["Cs"]))
)


@pytest.mark.parametrize("name", [n for n in SHAPES if n not in READABLE])
def test_what_has_no_single_reading_is_refused(name: str) -> None:
    with pytest.raises(ArgumentsInvalid) as refused:
        decode(SHAPES[name])
    assert len(refused.value.what) < 200
    assert refused.value.what.isprintable()
    assert refused.value.hint


@examples(100)
@given(st.dictionaries(st.text(st.characters(exclude_categories=["Cs"]), max_size=20), plain, max_size=8))
def test_what_has_one_reading_comes_back(value: dict[str, object]) -> None:
    for ascii_only in (True, False):
        text = json.dumps(value, ensure_ascii=ascii_only)
        if len(text) <= MAX_BYTES:
            assert decode(text) == value


@examples(200)
@given(st.text(alphabet='{}[]":,\\0123456789.eE+-truefalsn \n\t\ud800', max_size=60))
def test_any_text_is_an_object_or_refused(text: str) -> None:
    try:
        value = decode(text)
    except ArgumentsInvalid:
        return
    assert isinstance(value, dict)
    assert json.loads(text or "{}") == value


def test_depth_and_size_have_an_exact_border() -> None:
    nested = "{" + '"a":{' * (MAX_DEPTH - 1) + "}" * MAX_DEPTH
    assert decode(nested)
    with pytest.raises(ArgumentsInvalid, match="deep"):
        decode('{"a":' + nested + "}")
    full = '{"a":"' + "x" * (MAX_BYTES - 8) + '"}'
    assert len(full) == MAX_BYTES
    assert decode(full)
    with pytest.raises(ArgumentsInvalid, match="characters"):
        decode(full + " ")


@pytest.mark.parametrize("name", MODELS)
def test_a_schema_is_strict_closed_and_plain(name: str) -> None:
    function = strict_schema(name, "summary", MODELS[name])["function"]
    assert isinstance(function, dict)
    parameters = function["parameters"]
    assert function["strict"] is True
    assert parameters["additionalProperties"] is False
    assert parameters["required"] == list(parameters["properties"]) == list(MODELS[name].model_fields)
    for field in parameters["properties"].values():
        assert {"type", "description"} <= set(field) <= {"type", "description", "enum"}
        assert (
            {field["type"]} <= {"string", "integer"}
            if isinstance(field["type"], str)
            else "null" in field["type"]
        )


@pytest.mark.parametrize("name", MODELS)
def test_an_argument_model_has_neither_defaults_nor_open_ends(name: str) -> None:
    model = MODELS[name]
    assert all(field.is_required() for field in model.model_fields.values())
    assert model.model_config["extra"] == "forbid"
    assert model.model_config["strict"] is True
