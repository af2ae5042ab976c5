"""set_resources under an HPA that scales by the CPU requests: its scale point stays, in which order, and how."""

from dataclasses import replace
from typing import Any

import pytest

from forecasting.hpa.formula import PodSample, desired
from tests.tools.workloads import RESOURCES, pod, with_pods, workload
from tools.actions import registry
from tools.cluster_types import Autoscaler, Container, Resources, Workload
from tools.errors import ArgumentsInvalid
from tools.scale_point import ScalePoint

RES, BOUNDS = registry.action("set_resources"), registry.action("set_autoscaler_bounds")
HPA = Autoscaler("web", 2, 10, 4, 4, 60, 70, True, True, False, (), "u-hpa", "9")
SIDECAR = Container("mesh", "registry.invalid/mesh:1", Resources(100))


def asked(**values: Any) -> Any:
    return registry.parse(RES.args, {"workload": "deploy/web", "container": "app", **values})


def on(percent: int | None = 70, *more: Container) -> Workload:
    """`app` asks for 500m."""
    containers = (Container("app", "registry.invalid/app:1", RESOURCES), *more)
    return replace(workload(4, *containers), scaled_by=replace(HPA, target_percent=percent))


@pytest.mark.parametrize(("percent", "before", "after", "kept", "point", "new_point"), [
    (70, 500, 1000, 35, 350, 350),
    (70, 500, 250, 140, 350, 350),
    (70, 500, 300, 116, 350, 348),  # 116.67: rounded down, so that it scales too early
    (80, 1000, 3000, 26, 800, 780),
    (50, 100, 99, 50, 50, 49),
    (1, 100, 200, 0, 1, 0),  # no whole percent is as little
    (70, 500, 500, 70, 350, 350),
])  # fmt: skip
def test_the_target_that_keeps_the_scale_point(
    percent: int, before: int, after: int, kept: int, point: int, new_point: int
) -> None:
    assert ScalePoint(percent, before).kept(after) == kept
    assert ScalePoint(percent, before).millicores == point
    assert ScalePoint(kept, after).millicores == new_point <= point


def replicas(percent: int, request: int) -> int:
    """What the HPA's formula makes of 4 pods that use 400m each."""
    found = desired(4, [PodSample(f"web-{n}", "ready", request, 400) for n in range(4)], percent)
    return found.replicas  # type: ignore[union-attr]


@pytest.mark.parametrize(("request_then", "kept"), [(1000, 35), (250, 140)])
def test_the_formula_says_the_same_before_and_after_and_more_in_between(request_then: int, kept: int) -> None:
    """The order that the refusal names never takes pods away in between; the other one would."""
    before, after = replicas(70, 500), replicas(kept, request_then)
    assert before == after
    first = replicas(kept, 500) if request_then > 500 else replicas(70, request_then)
    other = replicas(70, request_then) if request_then > 500 else replicas(kept, 500)
    assert first > before > other


def test_larger_requests_come_after_the_lower_target() -> None:
    with pytest.raises(ArgumentsInvalid, match=r"70% of the CPU requests, 350m of 500m; of the new ones .* 700m of 1"
                       ) as refused:  # fmt: skip
        RES.deltas(asked(cpu_request="1"), on())
    assert refused.value.hint.splitlines() == [
        "first: flyball act set-autoscaler-bounds deploy/web --target-percent 35",
        "then: flyball act set-resources deploy/web --container app --cpu-request 1 --hpa-target 35",
        "to move it: --hpa-target 70",
    ]
    with pytest.raises(ArgumentsInvalid, match="it aims at 70% still") as early:
        RES.deltas(asked(cpu_request="1", hpa_target=35), on())
    assert "--target-percent 35" in early.value.hint
    assert RES.deltas(asked(cpu_request="1", hpa_target=35), on(35))


def test_smaller_requests_come_before_the_higher_target() -> None:
    with pytest.raises(ArgumentsInvalid) as refused:
        RES.deltas(asked(cpu_request="250m"), on())
    assert refused.value.hint.splitlines()[:2] == [
        "first: flyball act set-resources deploy/web --container app --cpu-request 250m --hpa-target 140 --wait",
        "then: flyball act set-autoscaler-bounds deploy/web --target-percent 140",
    ]
    assert RES.deltas(asked(cpu_request="250m", hpa_target=140), on())


def test_a_higher_target_waits_until_the_pods_are_replaced() -> None:
    args = registry.parse(BOUNDS.args, {"workload": "deploy/web", "target_percent": 140})
    calm = replace(workload(4), autoscaler=HPA)
    assert BOUNDS.deltas(args, calm)
    for busy in (replace(calm, updated=2), replace(calm, generation=4)):
        with pytest.raises(ArgumentsInvalid, match="being replaced"):
            BOUNDS.deltas(args, busy)
        lower = registry.parse(BOUNDS.args, {"workload": "deploy/web", "target_percent": 60})
        assert BOUNDS.deltas(lower, busy), "a lower one only adds pods"
    assert BOUNDS.deltas(args, replace(calm, updated=2, paused=True)), (
        "nothing is replaced until it is resumed"
    )


def test_to_move_it_on_purpose_is_said_by_the_target_that_it_has() -> None:
    assert RES.deltas(asked(cpu_request="1", hpa_target=70), on())
    assert RES.deltas(asked(cpu_request="250m", hpa_target=70), on())


def test_every_container_of_a_pod_counts() -> None:
    """500m and 100m at 70 % are 420m; of 1100m that is 38 %."""
    with pytest.raises(
        ArgumentsInvalid, match="420m of 600m; of the new ones that would be 770m of 1100m"
    ) as refused:
        RES.deltas(asked(cpu_request="1"), on(70, SIDECAR))
    assert "--target-percent 38" in refused.value.hint


@pytest.mark.parametrize("seen", [
    replace(on(), scaled_by=None),
    on(None),
    on(70, Container("bare", "registry.invalid/bare:1", Resources())),
])  # fmt: skip
def test_without_a_scale_point_nothing_is_refused(seen: Workload) -> None:
    """No HPA, one of another metric, or a container without a request, of which the HPA computes nothing."""
    assert RES.deltas(asked(cpu_request="1"), seen)


def test_memory_and_limits_do_not_move_it() -> None:
    assert RES.deltas(asked(memory_request="300Mi", cpu_limit="2"), on())
    with pytest.raises(ArgumentsInvalid, match="goes with cpu_request"):
        asked(memory_request="300Mi", hpa_target=70)


def test_less_than_one_percent_is_said() -> None:
    with pytest.raises(ArgumentsInvalid, match="less than 1%") as refused:
        RES.deltas(asked(cpu_request="900"), on(1))
    assert refused.value.hint == "to move it: --hpa-target 1"


def test_in_place_it_is_the_pods_requests_that_count() -> None:
    """One pod was given 1 core before: 2500m of four pods at 70 % are as much as 43 % of 4 cores."""
    large = replace(RESOURCES, cpu_request=1000, cpu_limit=2000)
    pods = [pod("web-1", large), *(pod(f"web-{n}") for n in (2, 3, 4))]
    seen = replace(with_pods(*pods), scaled_by=HPA)
    with pytest.raises(ArgumentsInvalid) as refused:
        RES.deltas(asked(cpu_request="1", in_place=True), seen)
    assert "--target-percent 43" in refused.value.hint
    assert "--in-place --hpa-target 43" in refused.value.hint
    own = replace(seen, pods=tuple(replace(one, resources=Resources(2000)) for one in pods))
    assert RES.deltas(asked(cpu_request="1", in_place=True), own), "what the pod asks for as a whole stays"


def test_an_undo_says_what_the_change_said_and_is_not_held_up_by_it() -> None:
    """Back to larger requests while the HPA has its higher target already: the rollback comes first."""
    args = asked(cpu_request="250m", hpa_target=140)
    back = registry.parse(RES.args, RES.inverse(args, RES.view(args, on())))
    assert back == asked(cpu_request="500m", hpa_target=140)
    smaller = Container("app", "registry.invalid/app:1", replace(RESOURCES, cpu_request=250))
    for percent in (70, 140):
        now = replace(workload(4, smaller), scaled_by=replace(HPA, target_percent=percent))
        assert RES.deltas(back, now)
