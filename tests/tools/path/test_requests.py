"""Requests: built once from parsed arguments, identified by what makes them unique, bound by their digest."""

import json
from typing import Any

import pytest

from policies.types import Principal, Request
from tools.actions import registry
from tools.errors import ArgumentsInvalid
from tools.path.requests import build, parsed, request_id

WHO = Principal(agent=None, on_behalf_of="human:anna", groups=("group:local",), session="s")


def scale(replicas: int = 5, **more: Any) -> Request:
    args = registry.parse(registry.action("scale").args, {"workload": "sts/web", "replicas": replicas})
    usual: dict[str, Any] = {
        "id": "request-1", "principal": WHO, "cluster": "sandbox", "namespace": "shop", "mode": "live"
    }  # fmt: skip
    return build("scale", args, **usual | more)


def test_what_was_built_parses_back_to_the_same() -> None:
    spec, args = parsed(scale())
    assert (spec.name, args.replicas) == ("scale", 5)
    assert scale().target.path == "shop/statefulset/web"
    assert scale(0).action == "scale_to_zero"


@pytest.mark.parametrize("change", [
    {"id": ""}, {"id": "short"}, {"id": "UPPER-CASE"}, {"id": "a" * 65}, {"id": "-aaaaaaaa"}, {"id": "a b c d e"},
    {"id": "aaaaaaaa\n"}, {"namespace": "SHOP"}, {"cluster": "../x"}, {"mode": "observe"}, {"reason": "x" * 2049},
    {"reason": "\ud800"}, {"strategy": ""}, {"strategy": "a b"}, {"strategy": "-a"}, {"under": "x" * 65},
    {"expects": {}}, {"expects": {"a b": 1}}, {"expects": {"a": 2**53}}, {"expects": {"a": 0.5}},
    {"expects": {f"a{n}": n for n in range(17)}},
], ids=repr)  # fmt: skip
def test_what_is_no_id_name_or_text_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ArgumentsInvalid) as refused:
        scale(**change)
    assert refused.value.where


def test_an_id_keeps_its_parts_apart() -> None:
    ids = {
        request_id("a", "b"),
        request_id("ab"),
        request_id("a", "b", ""),
        request_id("", "a", "b"),
        request_id("ab", ""),
    }
    assert len(ids) == 5
    assert all(scale(id=one).id == one for one in ids)


def test_the_digest_covers_every_field_but_the_session() -> None:
    """Threat 4: whatever changes, an approval of the one is none of the other."""
    base = scale()
    changes: list[dict[str, Any]] = [
        {"id": "request-2"}, {"mode": "dry_run"}, {"reason": "why"}, {"basis": "x"}, {"undoes": "x"}, {"run_id": "r"},
        {"tainted": True}, {"strategy": "forecast"}, {"expects": {"replicas_mc": 4000}}, {"under": "x"},
        {"tool": "set_resources"}, {"action": "scale_to_zero"}, {"args": {**base.args, "replicas": 6}},
        {"principal": WHO.model_copy(update={"on_behalf_of": "human:lena"})},
        {"principal": WHO.model_copy(update={"agent": "agent:ops"})},
        {"principal": WHO.model_copy(update={"groups": ()})},
        *({"target": base.target.model_copy(update={f: "x"})} for f in ("cluster", "namespace", "kind", "name")),
    ]  # fmt: skip
    changed = {key for change in changes for key in change}
    assert changed == set(Request.model_fields)
    digests = [base.digest, *(base.model_copy(update=change).digest for change in changes)]
    assert len(set(digests)) == len(digests)
    assert (
        base.model_copy(update={"principal": WHO.model_copy(update={"session": "t"})}).digest == base.digest
    )


def test_a_field_of_a_later_release_is_in_the_document_only_where_it_is_given() -> None:
    """A request without them is byte for byte the one that an older release recorded."""
    later = {"strategy": "forecast", "expects": {"replicas_mc": 4000}, "under": "an-envelope"}
    assert later.keys() & scale().document.keys() == set()
    assert scale(**later).document | later == scale(**later).document
    assert Request.model_validate_json(json.dumps(scale(**later).document)) == scale(**later)


def test_a_copy_keeps_no_derived_value_of_the_original() -> None:
    base = scale()
    assert base.digest
    assert base.target.key
    moved = base.target.model_copy(update={"namespace": "kube-system"})
    assert moved.key == "sandbox/kube-system/statefulset/web"
    assert base.model_copy(update={"target": moved}).digest != base.digest
