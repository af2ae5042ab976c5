"""The HPA's rules by Kubernetes' own cases (1.36, pkg/controller/podautoscaler: horizontal_test.go,
replica_calculator_test.go), the controller that puts them together, and looking ahead against asking each time."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecasting.hpa import ahead
from forecasting.hpa.controller import Decision, Seen, decisions, sync
from forecasting.hpa.formula import Desired, PodSample, Tolerances, by_average, by_utilisation
from forecasting.hpa.pods import PodView, Usage, sample
from forecasting.hpa.rules import (
    SCALE_DOWN,
    SCALE_UP,
    Behavior,
    Bounds,
    Change,
    Memory,
    Policy,
    ScalingRules,
    bounded,
    normalised,
    rate_limited,
    scale_down_limit,
    scale_up_limit,
    stabilised,
    stabilised_both_ways,
)
from forecasting.hpa.spec import Spec, parsed
from tests.kit.effort import examples

NOW = 1_000_000_000
MINUTE = 60_000


def rules(pods: int, pods_s: int, percent: int, percent_s: int, window_s: int) -> ScalingRules:
    """generateScalingRules."""
    policies = [Policy("Pods", pods, pods_s)] if pods else []
    policies += [Policy("Percent", percent, percent_s)] if percent else []
    return ScalingRules(window_s, "Max", tuple(policies))


def spread(changes: list[int], period_s: int) -> tuple[Change, ...]:
    """generateEventsUniformDistribution."""
    part = period_s / len(changes)
    return tuple(
        Change(NOW - 1000 * int(period_s - part * (i + 1) + part / 2), c) for i, c in enumerate(changes)
    )


# TestConvertDesiredReplicasWithRules: current, wanted, min, max, expected, reason.
@pytest.mark.parametrize(
    ("current", "wanted", "low", "high", "expected", "reason"),
    [
        (5, 7, 3, 8, 7, "DesiredWithinRange"),
        (3, 1, 2, 8, 2, "TooFewReplicas"),
        (1, 0, 0, 10, 0, "DesiredWithinRange"),
        (20, 1000, 1, 10, 10, "TooManyReplicas"),
        (3, 1000, 1, 2000, 6, "ScaleUpLimit"),
    ],
)
def test_bounds(current: int, wanted: int, low: int, high: int, expected: int, reason: str) -> None:
    assert bounded(current, wanted, Bounds(low, high)) == (expected, reason)


# TestNormalizeDesiredReplicas: (recommendation, minutes ago)…, wanted, expected.
@pytest.mark.parametrize(
    ("past", "wanted", "expected"),
    [
        ([], 5, 5),
        ([(4, 2), (5, 1)], 3, 5),
        ([(1, 2), (2, 1)], 3, 3),
        ([(10, 10), (9, 9)], 3, 3),
        ([(10, 10), (4, 1), (5, 2), (9, 9)], 3, 5),
    ],
)
def test_stabilisation(past: list[tuple[int, int]], wanted: int, expected: int) -> None:
    assert stabilised(remembering(past), wanted, NOW) == expected


def remembering(past: list[tuple[int, int]]) -> Memory:
    return Memory(tuple(Change(NOW - m * MINUTE, r) for r, m in past))


# TestNormalizeDesiredReplicasWithBehavior: past, current, wanted, window up, window down, expected.
@pytest.mark.parametrize(
    ("past", "current", "wanted", "up", "down", "expected"),
    [
        ([], 100, 5, 0, 0, 5),
        ([(4, 2), (5, 1)], 100, 3, 0, 180, 5),
        ([(4, 2), (5, 1)], 1, 7, 300, 0, 4),
        ([(1, 2), (2, 1)], 100, 3, 300, 0, 3),
        ([(4, 2), (5, 1)], 1, 3, 0, 300, 3),
        ([(10, 10), (9, 9)], 100, 3, 0, 0, 3),
        ([(10, 10), (9, 9)], 1, 100, 0, 0, 100),
        ([(10, 10), (4, 1), (5, 2), (9, 9)], 100, 3, 0, 180, 5),
        ([(10, 100), (6, 1), (5, 2), (9, 3)], 1, 100, 300, 0, 5),
        ([(2, 100), (3, 3)], 2, 1, 300, 300, 2),
        ([(2, 100), (1, 3)], 2, 3, 300, 300, 2),
    ],
)
def test_stabilisation_both_ways(
    past: list[tuple[int, int]], current: int, wanted: int, up: int, down: int, expected: int
) -> None:
    behavior = Behavior(rules(0, 0, 100, 15, up), rules(0, 0, 100, 15, down))
    assert stabilised_both_ways(behavior, remembering(past), current, wanted, NOW) == expected


_UP, _DOWN = "ScaleUpLimit", "ScaleDownLimit"
_MANY, _FEW, _FINE = "TooManyReplicas", "TooFewReplicas", "DesiredWithinRange"
# TestScalingWithRules: current, wanted, min, max, up rules, down rules, up events, down events, expected, reason.
CASES: list[tuple[Any, ...]] = [
    (5, 7, 3, 8, None, None, [], [], 7, _FINE),
    (3, 1, 2, 8, None, None, [], [], 2, _FEW),
    (1, 0, 0, 10, None, None, [], [], 0, _FINE),
    (20, 1000, 1, 10, None, None, [], [], 10, _MANY),
    (100, 1000, 100, 150, None, None, [], [], 150, _MANY),
    (3, 1000, 1, 2000, (0, 0, 1, 60, 0), None, [], [], 4, _UP),
    (10, 50, 1, 1000, None, None, [], [], 20, _UP),
    (10, 500, 1, 1000, (100, 60, 100, 60, 0), None, [], [], 110, _UP),
    (10, 500, 1, 1000, (2, 60, 100, 60, 0), None, [], [], 20, _UP),
    (10, 50, 1, 1000, (100, 60, 0, 0, 0), None, [], [], 50, _FINE),
    (10, 50, 1, 1000, (30, 60, 0, 0, 0), None, [], [], 40, _UP),
    (10, 50, 1, 1000, (0, 0, 200, 60, 0), None, [], [], 30, _UP),
    (100, 2, 1, 1000, None, (20, 60, 1, 60, 300), [], [], 80, _DOWN),
    (100, 2, 1, 1000, None, (2, 60, 1, 60, 300), [], [], 98, _DOWN),
    (10, 0, 1, 1000, None, (100, 60, 0, 0, 300), [], [], 1, _FEW),
    (10, 2, 5, 1000, None, (0, 0, 100, 60, 300), [], [], 5, _FEW),
    (10, 2, 1, 1000, None, (5, 60, 0, 0, 300), [], [], 5, _DOWN),
    (10, 5, 1, 1000, None, (0, 0, 50, 60, 300), [], [], 5, _FINE),
    (100, 500, 1, 200, (300, 60, 0, 0, 0), None, [1, 5, 9], [], 200, _MANY),
    (100, 500, 1, 1000, (5, 120, 0, 0, 0), None, [1, 5, 9], [], 100, _UP),
    (100, 500, 1, 1000, (150, 120, 0, 0, 0), None, [1, 5, 9], [], 235, _UP),
    (100, 500, 1, 1000, (0, 0, 200, 120, 0), None, [1, 5, 9], [], 255, _UP),
    (6, 24, 1, 1000, (0, 0, 300, 300, 0), None, [4], [2], 16, _UP),
    (10, 5, 1, 1000, None, None, [], [1, 5, 9], 5, _FINE),
    (100, 0, 1, 1000, None, (115, 120, 0, 0, 300), [], [1, 5, 9], 1, _FEW),
    (100, 2, 1, 1000, None, (5, 120, 0, 0, 300), [], [1, 5, 9], 100, _DOWN),
    (100, 0, 1, 1000, None, (0, 0, 50, 120, 300), [], [2, 4, 6], 56, _DOWN),
    (10, 1, 1, 1000, None, (0, 0, 50, 180, 0), [2], [4], 6, _DOWN),
    (100, 0, 1, 1000, None, (0, 0, 10, 120, 300), [], [10, 10, 10], 100, _DOWN),
    (10, 5, 1, 1000, None, (0, 0, 1000, 120, 300), [], [10, 10, 10], 5, _FINE),
    (100, 200, 1, 1000, (1000, 60, 0, 0, 0), None, [8, 12, 9, 11], [], 200, _FINE),
    (100, 5, 1, 1000, None, (1000, 30, 100, 60, 300), [], [8, 12, 9, 11], 5, _FINE),
]


@pytest.mark.parametrize("case", CASES)
def test_rates(case: tuple[Any, ...]) -> None:
    current, wanted, low, high, up, down, ups, downs, expected, reason = case
    behavior = Behavior(rules(*up) if up else SCALE_UP, rules(*down) if down else SCALE_DOWN)
    memory = Memory((), spread(ups, 120) if ups else (), spread(downs, 120) if downs else ())
    found = rate_limited(behavior, Bounds(low, high), memory, current, wanted, NOW)
    assert found == (expected, reason)


def test_the_smallest_change_may_be_chosen() -> None:
    """TestCalculateScaleUpLimitWithScalingRules, TestCalculateScaleDownLimitWithBehaviors."""
    least = ScalingRules(300, "Min", (Policy("Pods", 2, 60), Policy("Percent", 50, 60)))
    assert scale_up_limit(least, Memory(), 1, NOW) == 2
    assert scale_down_limit(least, Memory(), 5, NOW) == 3
    off = ScalingRules(300, "Disabled", least.policies)
    assert (scale_up_limit(off, Memory(), 7, NOW), scale_down_limit(off, Memory(), 7, NOW)) == (7, 7)


def levels(*usages: int | None, unready: tuple[int, ...] = ()) -> list[PodSample]:
    return [PodSample(f"p{i}", "unready" if i in unready else "ready", 1000, u) for i, u in enumerate(usages)]


# replica_calculator_test.go: TestReplicaCalcScaleUpCM, …CMUnreadyHotCpuNoLessScale, ScaleDownCM, ToleranceCM,
# PlainMetricReplicaCalcMissingMetricsNoChangeEq, DuringRollingUpdateWithMaxSurgeCM.
@pytest.mark.parametrize(
    ("current", "target", "pods", "expected"),
    [
        (3, 15_000, levels(20_000, 10_000, 30_000), 4),
        (3, 15_000, levels(50_000, 10_000, 30_000), 6),
        (5, 20_000, levels(12_000, 12_000, 12_000, 12_000, 12_000), 3),
        (3, 20_000, levels(20_000, 21_000, 21_000), 3),
        (2, 1_000, levels(1_000, None), 2),
        (2, 17_000, levels(10_000, 10_000, None), 2),
    ],
)
def test_average_values(current: int, target: int, pods: list[PodSample], expected: int) -> None:
    found = by_average(current, pods, target)
    assert isinstance(found, Desired)
    assert found.replicas == expected


# TestReplicaCalcConfigurableTolerance.
@pytest.mark.parametrize(
    ("tolerances", "target", "expected"),
    [
        (Tolerances(0.1, 0.1), 100, 3),
        (Tolerances(0.1, 0.01), 100, 4),
        (Tolerances(0.5, 0.5), 70, 3),
    ],
)
def test_tolerances_of_ones_own(tolerances: Tolerances, target: int, expected: int) -> None:
    pods = [
        PodSample(n, "ready", r, u)
        for n, r, u in (("a", 900, 1_010), ("b", 1_000, 1_030), ("c", 1_100, 1_020))
    ]
    found = by_utilisation(3, pods, target, tolerances)
    assert isinstance(found, Desired)
    assert found.replicas == expected


def view(
    name: str = "a", *, age_s: int = 3600, since_s: int = 3000, ready: bool | None = True, **more: Any
) -> PodView:
    used = more.pop("used", Usage(500, 500, NOW, 15_000))
    known = {"phase": "Running", "deleting": False, "cpu_request": 1000, "memory_request": 1000, **more}
    return PodView(
        name, start_ms=NOW - age_s * 1000, ready=ready, changed_ms=NOW - since_s * 1000, usage=used, **known
    )


# TestGroupPods.
@pytest.mark.parametrize(
    ("pod", "state"),
    [
        (view(), "ready"),
        (view(deleting=True), "ignored"),
        (view(phase="Failed"), "ignored"),
        (view(phase="Pending"), "unready"),
        (view(ready=None), "unready"),
        (view(age_s=60, since_s=30), "ready"),
        (view(age_s=60, since_s=10), "unready"),
        (view(age_s=60, since_s=30, ready=False), "unready"),
        (view(age_s=600, since_s=594, ready=False), "unready"),
        (view(age_s=600, since_s=300, ready=False), "ready"),
        (view(used=None, age_s=60, since_s=10), "ready"),
    ],
)
def test_which_pods_count(pod: PodView, state: str) -> None:
    assert sample(pod, "cpu", NOW).state == state


def hpa(**spec: Any) -> Spec:
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
    return parsed({"spec": {"scaleTargetRef": target, "minReplicas": 2, "maxReplicas": 6, **spec}})


def crowd(count: int, used: int | None) -> tuple[PodView, ...]:
    usage = None if used is None else Usage(used, used, NOW, 15_000)
    return tuple(view(f"p{i}", used=usage) for i in range(count))


def test_a_sync_says_what_the_controller_says() -> None:
    done = sync(hpa(), Memory(), Seen(NOW, 4, crowd(4, 1500)))
    assert (done.replicas, done.rescale) == (6, True)
    assert {c.type: (c.status, c.reason) for c in done.conditions} == {
        "AbleToScale": (True, "SucceededRescale"),
        "ScalingActive": (True, "ValidMetricFound"),
        "ScalingLimited": (True, "TooManyReplicas"),
    }
    text = "New size: 6; reason: cpu resource utilization (percentage of request) above target"
    assert [e.message for e in done.events] == [text]
    assert done.metrics[0]["resource"]["current"] == {"averageUtilization": 150, "averageValue": "1500m"}


@pytest.mark.parametrize(
    ("replicas", "used", "expected", "reason"),
    [
        (0, 500, 0, "ScalingDisabled"),
        (9, 500, 6, "SucceededRescale"),
        (1, 500, 2, "SucceededRescale"),
        (4, None, 4, "FailedGetResourceMetric"),
    ],
)
def test_out_of_bounds_and_without_metrics(
    replicas: int, used: int | None, expected: int, reason: str
) -> None:
    done = sync(hpa(), Memory(), Seen(NOW, replicas, crowd(replicas, used)))
    assert done.replicas == expected
    assert reason in [c.reason for c in done.conditions]


def test_one_metric_that_fails_lets_the_other_raise_but_not_lower() -> None:
    """TestScaleUpOneMetricInvalid, TestNoScaleDownOneMetricInvalid."""
    cpu = {"type": "Resource", "resource": {"name": "cpu", "target": {"averageUtilization": 50}}}
    both = hpa(metrics=[cpu, {"type": "External", "external": {}}])
    assert sync(both, Memory(), Seen(NOW, 3, crowd(3, 900))).replicas == 6
    kept = sync(both, Memory(), Seen(NOW, 5, crowd(5, 100)))
    assert (kept.replicas, kept.rescale) == (5, False)


def test_lower_only_after_five_minutes() -> None:
    series = [Seen(NOW + 15_000 * i, 6, crowd(6, 1000 if i == 0 else 100)) for i in range(24)]
    moved = [i for i, d in enumerate(decisions(hpa(maxReplicas=6), series)) if d.rescale]
    assert moved[0] == 21


_BEHAVIORS: list[dict[str, Any]] = [
    {},
    {"behavior": {"scaleDown": {"stabilizationWindowSeconds": 60}}},
    {
        "behavior": {
            "scaleUp": {"stabilizationWindowSeconds": 45},
            "scaleDown": {"stabilizationWindowSeconds": 0},
        }
    },
    {"metrics": [{"type": "Resource", "resource": {"name": "memory", "target": {"averageValue": "600m"}}}]},
]


@examples(150)
@given(
    usages=st.lists(st.integers(0, 2000), min_size=1, max_size=60),
    replicas=st.integers(2, 6),
    silent=st.integers(0, 2),
    pending=st.integers(0, 2),
    which=st.integers(0, len(_BEHAVIORS) - 1),
    past=st.lists(st.integers(1, 8), max_size=25),
)
def test_looking_ahead_finds_what_asking_each_time_finds(
    usages: list[int], replicas: int, silent: int, pending: int, which: int, past: list[int]
) -> None:
    """Up to the first sync that does something both remember the same, and there both stop."""
    spec = hpa(**_BEHAVIORS[which])
    memory = Memory(
        tuple(Change(NOW - 15_000 * (len(past) - i), r) for i, r in enumerate(past))
        or (Change(NOW, replicas),)
    )
    size = len(usages)
    used = np.array(usages, dtype=np.int64)
    flat = np.ones(size, dtype=np.int64)
    seen = ahead.Crowd(
        used * replicas, flat * 1000 * replicas, flat * replicas, flat * silent, flat * 1000 * silent,
        pending, 1000 * pending, True,
    )  # fmt: skip
    raw = ahead.recommended(spec, replicas, [seen])
    at = ahead.first_move(spec, memory, replicas, raw, NOW, True, False)
    asked: list[Decision] = []
    for i, usage in enumerate(usages):
        pods = (
            *(view(f"p{n}", used=Usage(usage, usage, NOW + 15_000 * i, 15_000)) for n in range(replicas)),
            *(view(f"s{n}", used=None) for n in range(silent)),
            *(view(f"w{n}", phase="Pending", used=None) for n in range(pending)),
        )
        asked.append(
            sync(spec, asked[-1].memory if asked else memory, Seen(NOW + 15_000 * i, replicas, pods))
        )
        limited = any(c.type == "ScalingLimited" and c.status for c in asked[-1].conditions)
        if asked[-1].rescale or limited:
            break
    moved = asked[-1].rescale or any(c.type == "ScalingLimited" and c.status for c in asked[-1].conditions)
    first = len(asked) - 1 if moved else None
    # A rate limit may make the controller do nothing where looking ahead wants it asked.
    assert at == first or (
        at is not None and (first is None or at < first) and "behavior" in _BEHAVIORS[which]
    )
    wanted = [d.memory.recommended[-1].replicas for d in asked]
    assert raw[: len(wanted)].tolist() == wanted
    assert normalised(None, Bounds(1, 9), Memory(), 3, 3, NOW).replicas == 3
