"""The API's own rules, one by one: strategic merge, field ownership, selectors, validation."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.api import ownership, validate
from sandbox.api.errors import ApiError
from sandbox.api.merge import merged
from sandbox.api.ownership import UPDATE_MANAGERS_MAX, Owner
from sandbox.api.selectors import matches
from tests.kit.manifests import workload

APP = {"name": "app", "image": "a:1", "env": [{"name": "X", "value": "1"}]}


@pytest.mark.parametrize(
    ("base", "patch", "result"),
    [
        ({"a": 1, "b": 2}, {"b": 3}, {"a": 1, "b": 3}),
        ({"a": 1, "b": 2}, {"b": None}, {"a": 1}),
        ({"a": {"b": 1}}, {"a": {"c": 2}}, {"a": {"b": 1, "c": 2}}),
        ({"a": {"b": 1}}, {"a": {"$patch": "replace", "c": 2}}, {"a": {"c": 2}}),
        ({"args": [1, 2]}, {"args": [3]}, {"args": [3]}),
        ({"env": [{"name": "b"}]}, {"env": [{"name": "b", "value": "1"}]}, {"env": [{"name": "b", "value": "1"}]}),
        ({"containers": [APP]}, {"containers": [{"name": "b"}]}, {"containers": [APP, {"name": "b"}]}),
        ({"env": [{"name": "b"}]}, {"env": [{"name": "b", "$patch": "delete"}]}, {"env": []}),
        ({"x": 1}, {"$setElementOrder/containers": [], "x": 2}, {"x": 2}),
    ],
)  # fmt: skip
def test_strategic_merge(base: dict[str, Any], patch: dict[str, Any], result: dict[str, Any]) -> None:
    assert merged(base, patch) == result


@given(
    st.dictionaries(
        st.sampled_from("abc"), st.integers() | st.dictionaries(st.sampled_from("de"), st.integers())
    )
)
def test_merging_twice_is_merging_once(patch: dict[str, Any]) -> None:
    base = workload("web")
    assert merged(merged(base, patch), patch) == merged(base, patch)
    assert merged(base, {}) == base


def test_ownership_survives_the_wire() -> None:
    body = workload("web")
    owners = (Owner("one", "Update", "", "2026-01-01T00:00:00Z", fields=frozenset(ownership.leaves(body))),)
    assert ownership.parse(ownership.render(owners)) == owners


def test_the_oldest_managers_share_an_entry() -> None:
    owners: tuple[Owner, ...] = ()
    body: dict[str, Any] = {"metadata": {"labels": {}}}
    for i in range(UPDATE_MANAGERS_MAX + 3):
        after = merged(body, {"metadata": {"labels": {f"l{i}": "x"}}})
        owners = ownership.updated(
            owners, Owner(f"m{i}", "Update", "", f"2026-01-01T00:00:{i:02}Z"), body, after
        )
        body = after
    assert len(owners) == UPDATE_MANAGERS_MAX
    ancient = next(o for o in owners if o.name == "ancient-changes")
    assert len(ancient.fields) == 4
    assert {p for o in owners for p in o.fields} == set(ownership.leaves(body))


def test_an_apply_drops_what_it_names_no_more() -> None:
    by = Owner("gitops", "Apply", "")
    first = {"metadata": {"labels": {"a": "1", "b": "2"}}}
    owners = ownership.applied((), by, first, {})
    second = {"metadata": {"labels": {"a": "1"}}}
    gone = ownership.dropped(owners, by, second)
    assert {ownership.dotted(p) for p in gone} == {".metadata.labels.b"}
    assert ownership.without(first, gone.pop()) == second


@pytest.mark.parametrize(
    ("selector", "holds"),
    [
        ("", True), ("app=web", True), ("app==web", True), ("app!=web", False), ("tier!=x", True), ("app", True),
        ("!app", False), ("app in (web, api)", True), ("app notin (web)", False), ("app=web,team=shop", True),
        ("app=web,team=other", False),
    ],
)  # fmt: skip
def test_selectors(selector: str, holds: bool) -> None:
    assert matches(selector, {"app": "web", "team": "shop"}) is holds


@pytest.mark.parametrize("selector", ["a=b=c", "in (x)", "a in x", "=b", "a==", "a b"])
def test_what_is_no_selector_is_refused(selector: str) -> None:
    if selector == "a==":
        assert not matches(selector, {"a": "b"})
        return
    with pytest.raises(ApiError) as refused:
        matches(selector, {"a": "b"})
    assert refused.value.status == 400


@pytest.mark.parametrize(
    ("value", "valid"),
    [(0, True), (3, True), (-1, False), (True, False), ("3", False), (2.5, False), (2**31, False)],
)
def test_replicas(value: Any, valid: bool) -> None:
    assert (validate.replicas(value) == []) is valid


@pytest.mark.parametrize(
    ("requests", "limits", "valid"),
    [
        ({"cpu": "100m"}, {"cpu": "0.1"}, True),
        ({"cpu": "101m"}, {"cpu": "0.1"}, False),
        ({"memory": "1Gi"}, {"memory": "1024Mi"}, True),
        ({"memory": "1025Mi"}, {"memory": "1Gi"}, False),
        ({"cpu": "1_0"}, {}, False),
        ({"cpu": True}, {}, False),
        ({"cpu": "-1"}, {}, False),
        ({"cpu": "1"}, {"memory": "1"}, True),
        ([], {}, True),
        (["cpu"], {}, False),
    ],
)
def test_resources(requests: Any, limits: Any, valid: bool) -> None:
    body = workload("web")
    body["spec"]["template"]["spec"]["containers"][0]["resources"] = {"requests": requests, "limits": limits}
    assert (validate.findings(body) == []) is valid


def test_the_selector_cannot_change() -> None:
    old, new = workload("web"), workload("web")
    new["spec"]["selector"] = {"matchLabels": {"app": "web", "more": "x"}}
    new["spec"]["template"]["metadata"]["labels"]["more"] = "x"
    assert validate.findings(new) == []
    assert [field for field, _ in validate.findings(new, old)] == ["spec.selector"]
