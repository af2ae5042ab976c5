"""Strict JSON both ways: argument text that is unambiguous, and schemas that allow nothing else."""

import json
from typing import Any

from tools.errors import ArgumentsInvalid
from tools.spec import Args

MAX_BYTES = 16_384
MAX_DEPTH = 8


def decode(text: str) -> dict[str, Any]:
    """A JSON object of at most 16 KiB and 8 levels; no duplicate keys, no NaN, no floats, no lone surrogates.

    Raises ArgumentsInvalid.
    """
    if len(text) > MAX_BYTES:
        raise ArgumentsInvalid(
            f"{len(text)} characters of arguments", where="arguments", hint=f"at most {MAX_BYTES}"
        )
    if _depth(text) > MAX_DEPTH:
        raise ArgumentsInvalid("nested too deep", where="arguments", hint=f"at most {MAX_DEPTH} levels")
    try:
        text.encode("utf-8", "strict")
        value = json.loads(
            text or "{}", object_pairs_hook=_unique, parse_constant=_none_such, parse_float=_none_such
        )
        json.dumps(value, ensure_ascii=False).encode("utf-8", "strict")
    except (ValueError, RecursionError) as e:
        raise ArgumentsInvalid(f"not JSON: {_plain(e)}", where="arguments", hint="one JSON object") from e
    if not isinstance(value, dict):
        raise ArgumentsInvalid("not a JSON object", where="arguments", hint="one JSON object")
    return value


def strict_schema(name: str, summary: str, model: type[Args], *, described: bool = True) -> dict[str, object]:
    """One entry of OpenAI's `tools`: every field required, nothing else allowed; `described` with what it means."""
    kept_keys = ("type", "anyOf", "enum", "description") if described else ("type", "anyOf", "enum")
    properties = {}
    for field, schema in model.model_json_schema()["properties"].items():
        kept = {k: v for k, v in schema.items() if k in kept_keys}
        if "anyOf" in kept:
            kept["type"] = [branch["type"] for branch in kept.pop("anyOf")]
        properties[field] = kept
    parameters = {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }
    function = {"name": name, "description": summary, "strict": True, "parameters": parameters}
    return {"type": "function", "function": function}


def _depth(text: str) -> int:
    """The deepest nesting, brackets inside strings left out; without recursion."""
    deepest = depth = 0
    inside = escaped = False
    for c in text:
        if inside:
            inside, escaped = (c != '"' or escaped), (c == "\\" and not escaped)
        elif c == '"':
            inside = True
        elif c in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif c in "]}":
            depth -= 1
    return deepest


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ArgumentsInvalid(f"`{_plain(key)}` is there twice", where="arguments", hint="each key once")
        found[key] = value
    return found


def _none_such(text: str) -> Any:
    raise ArgumentsInvalid(f"`{text[:32]}` is not a whole number", where="arguments", hint="write an integer")


def _plain(value: object) -> str:
    return str(value).encode("ascii", "backslashreplace").decode()[:80]
