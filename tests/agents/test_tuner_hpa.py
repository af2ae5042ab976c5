"""The formula, case by case as Kubernetes 1.36 tests its own (replica_calculator_test.go), and its invariants."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecasting.hpa.formula import TARGET_PERCENT, Desired, PodSample, Unknown, desired


def pods(
    *levels: int | None, unready: tuple[int, ...] = (), ignored: tuple[int, ...] = ()
) -> list[PodSample]:
    """Pods that request one core each, with these usages."""
    return [
        PodSample(
            f"p{i}", "unready" if i in unready else "ignored" if i in ignored else "ready", 1_000, level
        )
        for i, level in enumerate(levels)
    ]


CASES = {
    "ScaleUp": (3, 30, pods(300, 500, 700), 5),
    "ScaleUpUnreadyLessScale": (3, 30, pods(300, 500, 700, unready=(0,)), 4),
    "ScaleUpUnreadyNoScale": (3, 30, pods(400, 500, 700, unready=(1, 2)), 3),
    "ScaleUpIgnoresFailedPods": (2, 30, pods(500, 700, None, None, ignored=(2, 3)), 4),
    "ScaleDown": (5, 50, pods(100, 300, 500, 250, 250), 3),
    "ScaleDownExcludeUnreadyPods": (5, 50, pods(100, 300, 500, 250, 250, unready=(3, 4)), 2),
    "ScaleDownExcludeUnscheduledPods": (5, 50, pods(100, None, None, None, None, unready=(1, 2, 3, 4)), 1),
    "SuperfluousMetrics": (4, 100, pods(4_000, 9_500, 3_000, 7_000), 24),
    "MissingMetrics": (4, 100, pods(400, 95, None, None), 3),
    "MissingMetricsNoChangeEq": (2, 100, pods(1_000, None), 2),
    "MissingMetricsNoChangeGt": (2, 100, pods(1_900, None), 2),
    "MissingMetricsNoChangeLt": (2, 100, pods(600, None), 2),
    "MissingMetricsUnreadyChange": (3, 50, pods(100, 450, None, unready=(0,)), 3),
    "MissingMetricsUnreadyScaleUp": (3, 50, pods(100, 2_000, None, unready=(0,)), 4),
    "MissingMetricsUnreadyScaleDown": (4, 50, pods(100, 100, 100, None, unready=(0,)), 3),
    "DuringRollingUpdateWithMaxSurge": (2, 50, pods(100, 100, None), 2),
}


@pytest.mark.parametrize("name", CASES)
def test_kubernetes_own_cases(name: str) -> None:
    current, target, samples, expected = CASES[name]
    found = desired(current, samples, target)
    assert isinstance(found, Desired)
    assert found.replicas == expected


def test_target_over_100_percent() -> None:
    requests, levels = (1_000, 1_000, 2_000, 2_000), (200, 100, 100, None)
    samples = [
        PodSample(f"p{i}", "unready" if i == 0 else "ready", r, u)
        for i, (r, u) in enumerate(zip(requests, levels, strict=True))
    ]
    assert desired(4, samples, 300) == Desired(2, 6, 1, 1)


def test_unequal_requests_within_tolerance() -> None:
    samples = [
        PodSample(n, "ready", r, u)
        for n, r, u in (("a", 900, 1_010), ("b", 1_000, 1_030), ("c", 1_100, 1_020))
    ]
    assert desired(3, samples, 100) == Desired(3, 102, 0, 0)


@pytest.mark.parametrize(("usage", "replicas"), [(719, 9), (720, 10), (880, 10), (890, 12), (800, 10)])
def test_tolerance_is_a_tenth_of_the_target_inclusive(usage: int, replicas: int) -> None:
    found = desired(10, pods(*[usage] * 10), 80)
    assert isinstance(found, Desired)
    assert found.replicas == replicas


@pytest.mark.parametrize(
    ("samples", "reason"),
    [
        ([], "no-pods"),
        (pods(500, ignored=(0,)), "no-pods"),
        (pods(None, None), "no-metrics"),
        (pods(500, None, unready=(0,)), "no-metrics"),
        ([PodSample("a", "ready", None, 500)], "no-cpu-request"),
        ([PodSample("a", "ready", 0, 500)], "no-cpu-request"),
    ],
)
def test_no_answer_without_data(samples: list[PodSample], reason: str) -> None:
    found = desired(2, samples)
    assert isinstance(found, Unknown)
    assert found.reason == reason


def test_idle_is_one_replica_never_none() -> None:
    found = desired(5, pods(0, 0, 0, 0, 0))
    assert isinstance(found, Desired)
    assert found.replicas == 1


samples_of = st.lists(
    st.builds(
        PodSample,
        name=st.uuids().map(str),
        state=st.sampled_from(["ready", "unready", "ignored"]),
        request=st.integers(1, 8_000),
        usage=st.none() | st.integers(0, 20_000),
    ),
    min_size=1,
    max_size=30,
)


@given(samples_of, st.integers(1, 30), st.integers(1, 300))
def test_it_agrees_with_the_floating_point_original(
    samples: list[PodSample], current: int, target: int
) -> None:
    ours, theirs = desired(current, samples, target), original(current, samples, target)
    if theirs is None:
        assert isinstance(ours, Unknown)
    else:
        assert isinstance(ours, Desired)
        assert ours.replicas in (max(1, theirs), max(1, theirs - 1)), (
            "at most Go's own rounding of a whole result"
        )


@given(samples_of)
def test_the_direction_is_that_of_what_was_seen(samples: list[PodSample]) -> None:
    current = sum(p.state != "ignored" for p in samples)
    found = desired(current, samples)
    if isinstance(found, Desired) and found.replicas > current:
        assert found.utilisation > TARGET_PERCENT
    if isinstance(found, Desired) and found.replicas < current:
        assert found.utilisation < TARGET_PERCENT


def original(current: int, samples: list[PodSample], target: int) -> int | None:
    """GetResourceReplicas as Go computes it, in floating point."""
    ready = {p.name: p for p in samples if p.state == "ready"}
    metrics = {n: float(p.usage) for n, p in ready.items() if p.usage is not None}
    missing = [n for n, p in ready.items() if p.usage is None]
    unready = [p.name for p in samples if p.state == "unready"]
    requests = {p.name: p.request or 0 for p in samples}
    if not metrics:
        return None

    def ratio() -> float:
        return int(sum(metrics.values()) * 100 // sum(requests[n] for n in metrics)) / target

    def within(r: float) -> bool:
        return 1.0 - 0.1 <= r <= 1.0 + 0.1

    first = ratio()
    up_with_unready = bool(unready) and first > 1.0
    if not up_with_unready and not missing:
        return current if within(first) else math.ceil(first * len(metrics))
    for name in missing:
        if first != 1.0:
            metrics[name] = requests[name] * max(100, target) // 100 if first < 1.0 else 0
    if up_with_unready:
        metrics.update(dict.fromkeys(unready, 0))
    second = ratio()
    if within(second) or (first < 1.0 < second) or (first > 1.0 > second):
        return current
    new = math.ceil(second * len(metrics))
    return current if (second < 1.0 and new > current) or (second > 1.0 and new < current) else new
