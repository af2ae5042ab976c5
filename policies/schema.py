"""A JSON Schema of the five kinds, for editors (`# yaml-language-server: $schema=…`)."""

from typing import Any

from pydantic import TypeAdapter

from policies.kinds import Kind


def schema() -> dict[str, Any]:
    """JSON Schema 2020-12 of one policy document. It says less than the loader checks, never more."""
    whole = _ecma(TypeAdapter[Any](Kind).json_schema(by_alias=True))
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Flyball policy document (flyball/v1)",
        **whole,
    }


def _ecma(value: Any) -> Any:
    """Patterns as ECMA 262 anchors them; ours are Rust's."""
    if isinstance(value, dict):
        return {_anchored(key): _ecma(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_ecma(part) for part in value]
    return _anchored(value) if isinstance(value, str) else value


def _anchored(text: str) -> str:
    return text.replace(r"\A", "^").replace(r"\z", "$") if text.startswith(r"\A") else text
