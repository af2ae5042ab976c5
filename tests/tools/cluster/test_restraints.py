"""Budgets and quotas out of the API's JSON: which count, what they leave, and shapes that no apiserver sends."""

from typing import Any

import pytest

from tools.cluster.restraints import budgets, quotas
from tools.cluster_types import Budget, Quota

LABELS = {"app": "web", "tier": "front"}


def budget(selector: Any, **spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": "b"}, "spec": {"selector": selector, **spec}}


def expression(operator: str, *values: str, key: str = "tier") -> dict[str, Any]:
    return {"matchExpressions": [{"key": key, "operator": operator, "values": list(values)}]}


@pytest.mark.parametrize(
    ("selector", "selects"),
    [
        (None, False),
        ({}, True),
        ({"matchLabels": {"app": "web"}}, True),
        ({"matchLabels": {"app": "web", "tier": "back"}}, False),
        ({"matchLabels": {"app": "web"}, **expression("In", "back", "front")}, True),
        (expression("In", "back"), False),
        (expression("NotIn", "back"), True),
        (expression("NotIn", "front"), False),
        (expression("NotIn", "x", key="absent"), True),
        (expression("Exists"), True),
        (expression("Exists", key="absent"), False),
        (expression("DoesNotExist"), False),
        (expression("DoesNotExist", key="absent"), True),
    ],
)
def test_which_budgets_are_over_the_pods(selector: Any, selects: bool) -> None:
    assert budgets([budget(selector, minAvailable=1)], LABELS) == ((Budget("b", 1),) if selects else ())


@pytest.mark.parametrize(
    ("spec", "pods", "allowed"),
    [
        ({"min_available": 2}, 3, 1),
        ({"min_available": 2}, 1, 0),
        ({"min_available": "50%"}, 3, 1),
        ({"min_available": "100%"}, 3, 0),
        ({"max_unavailable": 1}, 3, 1),
        ({"max_unavailable": 5}, 3, 3),
        ({"max_unavailable": "25%"}, 3, 1),
        ({"max_unavailable": 0}, 3, 0),
        ({"max_unavailable": "0%"}, 3, 0),
        ({}, 3, 3),
    ],
)
def test_what_a_budget_allows(spec: dict[str, Any], pods: int, allowed: int) -> None:
    """As the disruption controller rounds: minAvailable and maxUnavailable both up."""
    assert Budget("b", **spec).disruptions(pods) == allowed


def quota(hard: dict[str, str], used: dict[str, str], **spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": "q"}, "spec": {"hard": hard, **spec}, "status": {"hard": hard, "used": used}}


@pytest.mark.parametrize(
    ("hard", "used", "left"),
    [
        ({"pods": "10"}, {"pods": "7"}, {"pods": 3}),
        ({"pods": "10"}, {"pods": "12"}, {"pods": 0}),
        ({"pods": "10", "count/pods": "9"}, {"pods": "7", "count/pods": "7"}, {"pods": 2}),
        ({"cpu": "2", "memory": "1Gi"}, {"cpu": "1500m"}, {"requests.cpu": 500, "requests.memory": 2**30}),
        ({"limits.cpu": "1", "limits.memory": "1M"}, {}, {"limits.cpu": 1_000, "limits.memory": 1_000_000}),
        ({"requests.nvidia.com/gpu": "4", "services": "3"}, {}, {}),
    ],
)
def test_what_a_quota_leaves(hard: dict[str, str], used: dict[str, str], left: dict[str, int]) -> None:
    assert quotas([quota(hard, used)]) == (Quota("q", left),)


@pytest.mark.parametrize(
    ("spec", "counts"),
    [
        ({}, True),
        ({"scopes": ["NotTerminating"]}, True),
        ({"scopes": ["NotBestEffort", "NotTerminating"]}, True),
        ({"scopes": ["Terminating"]}, False),
        ({"scopes": ["BestEffort"]}, False),
        ({"scopes": ["PriorityClass"]}, False),
        ({"scopeSelector": {"matchExpressions": [{}]}}, False),
    ],
)
def test_which_quotas_count_the_pods(spec: dict[str, Any], counts: bool) -> None:
    assert bool(quotas([quota({"pods": "1"}, {}, **spec)])) is counts


def test_a_quota_without_a_status_says_nothing_yet() -> None:
    new = {"metadata": {"name": "q"}, "spec": {"hard": {"pods": "1"}}}
    assert quotas([new]) == ()


@pytest.mark.parametrize(
    "broken", [budget(expression("Like")), budget(["web"]), {"spec": {"selector": {}}}, {}]
)
def test_a_shape_that_is_none_is_an_error_and_never_no_budget(broken: dict[str, Any]) -> None:
    with pytest.raises((KeyError, TypeError, AttributeError, ValueError)):
        budgets([broken], LABELS)
