"""The JSON Schema for editors refuses nothing that loads: shipped policies and the manual are held to it."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from policies.schema import schema

ROOT = Path(__file__).parents[2]
SCHEMA = schema()
TYPES: Mapping[str, Any] = {
    "string": str, "integer": int, "number": (int, float), "boolean": bool, "object": dict, "array": list,
    "null": type(None),
}  # fmt: skip


def faults(value: Any, rule: Mapping[str, Any], at: str = "") -> Iterator[str]:
    """What an editor would underline: of JSON Schema as much as ours uses."""
    if "$ref" in rule:
        yield from faults(value, SCHEMA["$defs"][rule["$ref"].rpartition("/")[2]], at)
    for word in ("anyOf", "oneOf"):
        if word in rule and all(any(faults(value, one, at)) for one in rule[word]):
            yield f"{at}: {value!r} is none of {len(rule[word])}"
    kind = rule.get("type")
    if kind is not None and not _is(value, kind):
        yield f"{at}: {value!r} is not of type {kind}"
    elif "enum" in rule and value not in rule["enum"]:
        yield f"{at}: {value!r} is not one of {rule['enum']}"
    elif isinstance(value, dict):
        yield from _object(value, rule, at)
    elif isinstance(value, list):
        for item in value:
            yield from faults(item, rule.get("items", {}), f"{at}[]")


def _is(value: Any, kind: str) -> bool:
    """Python's bool is an int, JSON's is not."""
    return isinstance(value, TYPES[kind]) and isinstance(value, bool) is (kind == "boolean")


def _object(value: dict[str, Any], rule: Mapping[str, Any], at: str) -> Iterator[str]:
    yield from (f"{at}.{name} is missing" for name in rule.get("required", ()) if name not in value)
    others = rule.get("additionalProperties", True)
    for name, part in value.items():
        if name in rule.get("properties", {}):
            yield from faults(part, rule["properties"][name], f"{at}.{name}")
        elif others is False:
            yield f"{at}.{name} is unknown"
        elif isinstance(others, dict):
            yield from faults(part, others, f"{at}.{name}")


def _written() -> dict[str, list[Any]]:
    """The documents that ship, and those of the manual, as YAML 1.2 reads them."""
    texts = {path.name: path.read_text() for path in sorted((ROOT / "policies").rglob("*.yaml"))}
    blocks = re.findall(r"```yaml\n(.*?)```", (ROOT / "docs/policy.md").read_text(), re.DOTALL)
    texts |= {f"manual-{number}": block for number, block in enumerate(blocks)}
    return {name: list(YAML(typ="safe", pure=True).load_all(text)) for name, text in texts.items()}


@pytest.mark.parametrize(("name", "found"), _written().items())
def test_what_loads_is_underlined_nowhere(name: str, found: list[Any]) -> None:
    assert found
    for document in found:
        rule = SCHEMA["$defs"][document["kind"]]
        assert not list(faults(document, rule, f"{name} {document['metadata']['name']}"))


def test_what_does_not_load_is_underlined() -> None:
    kind = SCHEMA["$defs"]["ActionPolicySpec"]
    wrong = {"roles": ["a"], "actions": ["scale"], "effect": "Deny", "cooldown": 5, "budgets": {}}
    said = " ".join(faults(wrong, kind))
    for part in (
        ".target is missing",
        "'Deny' is not one of",
        "5 is not of type string",
        ".budgets is unknown",
    ):
        assert part in said
