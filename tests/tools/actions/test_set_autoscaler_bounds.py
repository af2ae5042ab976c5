"""set_autoscaler_bounds as pure functions: what it moves, sends, says, and how it goes back."""

import json
from dataclasses import replace
from typing import Any

import pytest

from policies.types import Delta
from tests.tools.workloads import pod, workload
from tools.actions import registry
from tools.cluster_types import Autoscaler, Workload
from tools.errors import ArgumentsInvalid, DefiniteConflict

SPEC = registry.action("set_autoscaler_bounds")
PODS = {
    "type": "Pods",
    "pods": {"metric": {"name": "rps"}, "target": {"type": "AverageValue", "averageValue": "9"}},
}
CPU = {
    "type": "Resource",
    "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 70}},
}
HPA = Autoscaler(
    "web", 2, 10, 4, 4, 60, 70, True, True, False, (), "u-hpa", "9", metrics=(PODS, CPU)
)  # fmt: skip


def asked(**values: Any) -> Any:
    return registry.parse(SPEC.args, {"workload": "deploy/web", **values})


def on(hpa: Autoscaler = HPA, replicas: int = 4) -> Workload:
    return workload(replicas, autoscaler=hpa)


def test_it_sends_what_was_judged() -> None:
    args = asked(min_replicas=3, max_replicas=12)
    assert SPEC.deltas(args, on()) == (Delta("minReplicas", "", 2, 3), Delta("maxReplicas", "", 10, 12))
    (patch,) = SPEC.patches(args, on())
    assert (patch.subresource, patch.autoscaler, patch.pod) == ("", "web", "")
    assert patch.body == {"spec": {"minReplicas": 3, "maxReplicas": 12}}
    assert SPEC.describe(args, on()) == "min 2 -> 3, max 10 -> 12 (HPA web)"


def test_a_target_takes_the_other_metrics_along() -> None:
    """A patch replaces the list of metrics whole."""
    (patch,) = SPEC.patches(asked(target_percent=50), on())
    cpu = {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 50}}
    assert patch.body == {"spec": {"metrics": [PODS, {"type": "Resource", "resource": cpu}]}}
    assert CPU["resource"]["target"]["averageUtilization"] == 70  # type: ignore[index]


def test_a_target_needs_one() -> None:
    with pytest.raises(ArgumentsInvalid, match="does not aim at a share of the CPU requests"):
        SPEC.deltas(asked(target_percent=50), on(replace(HPA, target_percent=None, metrics=(PODS,))))


def test_the_view_is_of_what_is_asked_for_and_of_that_very_hpa() -> None:
    view = SPEC.view(asked(min_replicas=3), on())
    assert view == {"autoscaler": "web", "autoscaler_uid": "u-hpa", "min_replicas": 2}
    assert SPEC.view(asked(min_replicas=3), on(replace(HPA, maximum=99))) == view
    assert SPEC.view(asked(min_replicas=3), on(replace(HPA, uid="u-other"))) != view


@pytest.mark.parametrize(("values", "what"), [
    ({}, "nothing to set"),
    ({"min_replicas": 0}, "HPAScaleToZero"),
    ({"max_replicas": 0}, "less than the minimum"),
    ({"min_replicas": 5, "max_replicas": 4}, "less than the minimum, 5"),
    ({"min_replicas": 3, "lower_max": True}, "goes with max_replicas"),
    ({"target_percent": 0}, "greater than or equal to 1"),
    ({"target_percent": 10_001}, "less than or equal to 10000"),
    ({"min_replicas": 100_001}, "less than or equal to 100000"),
    ({"min_replicas": -1}, "greater than or equal to 0"),
])  # fmt: skip
def test_what_is_no_bound_is_refused(values: Any, what: str) -> None:
    with pytest.raises(ArgumentsInvalid, match=what):
        asked(**values)


@pytest.mark.parametrize("values", [{"min_replicas": 11}, {"max_replicas": 1, "lower_max": True}])
def test_a_minimum_above_the_maximum_is_refused(values: Any) -> None:
    with pytest.raises(ArgumentsInvalid, match=r"its minimum \d+ would be more than its maximum \d+"):
        SPEC.deltas(asked(**values), on())


def test_to_lower_the_maximum_is_an_action_of_its_own() -> None:
    with pytest.raises(ArgumentsInvalid, match="lowers maxReplicas from 10") as refused:
        SPEC.deltas(asked(max_replicas=9), on())
    assert "--lower-max" in refused.value.hint
    lowers = asked(max_replicas=3, lower_max=True)
    assert SPEC.classify(lowers) == "lower_autoscaler_max"
    assert SPEC.deltas(lowers, on()) == (Delta("maxReplicas", "", 10, 3),)
    assert SPEC.describe(lowers, on()) == "max 10 -> 3 (HPA web: 1 fewer than the 4 that run)"
    with pytest.raises(ArgumentsInvalid, match="raises maxReplicas"):
        SPEC.deltas(asked(max_replicas=11, lower_max=True), on())
    assert SPEC.deltas(asked(max_replicas=10, lower_max=True), on()), "what is so already lowers nothing"
    assert SPEC.classify(asked(min_replicas=1)) == "set_autoscaler_bounds"


@pytest.mark.parametrize(("replicas", "said"), [
    (4, "min 2 -> 6 (HPA web: 2 more than the 4 that run)"), (6, "min 2 -> 6 (HPA web)"), (0, "min 2 -> 6 (HPA web)"),
])  # fmt: skip
def test_it_says_what_the_floor_starts(replicas: int, said: str) -> None:
    assert SPEC.describe(asked(min_replicas=6), on(replicas=replicas)) == said


def test_a_precondition_that_does_not_hold_sends_nothing() -> None:
    for name, has in (("min_replicas", 2), ("max_replicas", 10), ("target_percent", 70)):
        assert SPEC.patches(asked(min_replicas=3, **{f"current_{name}": has}), on())
        with pytest.raises(DefiniteConflict, match=f"is {has}, not {has + 1}"):
            SPEC.patches(asked(min_replicas=3, **{f"current_{name}": has + 1}), on())


def test_the_inverse_puts_back_what_was_seen_and_only_from_what_was_left() -> None:
    args = asked(min_replicas=3, max_replicas=12, target_percent=50)
    back = registry.parse(SPEC.args, SPEC.inverse(args, SPEC.view(args, on())))
    assert back == asked(
        min_replicas=2, max_replicas=10, target_percent=70, lower_max=True,
        current_min_replicas=3, current_max_replicas=12, current_target_percent=50,
    )  # fmt: skip
    lowered = asked(max_replicas=8, lower_max=True)
    again = registry.parse(SPEC.args, SPEC.inverse(lowered, SPEC.view(lowered, on())))
    assert again == asked(max_replicas=10, current_max_replicas=8)


def test_a_minimum_of_zero_is_not_put_back() -> None:
    args = asked(min_replicas=1)
    with pytest.raises(ArgumentsInvalid, match="its minimum was 0"):
        SPEC.inverse(args, SPEC.view(args, on(replace(HPA, minimum=0))))


def test_the_command_by_hand_names_each_field() -> None:
    said = SPEC.kubectl(asked(min_replicas=3, target_percent=50), on())
    head, _, body = said.partition(" -p ")
    assert head == "kubectl patch hpa web -n shop --context sandbox --type json"
    assert json.loads(body.strip("'")) == [
        {"op": "add", "path": "/spec/minReplicas", "value": 3},
        {"op": "add", "path": "/spec/metrics/1/resource/target/averageUtilization", "value": 50},
    ]


def test_it_has_settled_when_the_hpa_has_moved_it_and_the_pods_are_ready() -> None:
    args, raised = asked(min_replicas=6), replace(HPA, minimum=6)
    four = [pod(f"web-{n}") for n in range(4)]
    waits = SPEC.settled(args, on(raised), four)
    assert (waits.state, waits.detail) == (
        None,
        "the HPA has not moved it yet: 4 replicas, its bounds are 6 to 10",
    )
    starting = replace(on(raised, 6), ready=4)
    assert SPEC.settled(args, starting, four).state is None
    assert SPEC.settled(args, on(raised, 6), [pod(f"web-{n}") for n in range(6)]).state == "applied"
    assert SPEC.settled(args, on(raised, 0), []).state == "applied", (
        "an HPA leaves alone what is scaled to zero"
    )
