"""keep_scale_point: the HPA's CPU target in the other unit, where it adds pods now | there and back is where it was |
what it cannot keep it refuses | the undo has the number of the requests as they are then"""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from base.instants import utc_text
from tests.tools.workloads import RESOURCES, pod, workload
from tools.actions import registry
from tools.cluster_types import Autoscaler, Container, Pod, Resources, Workload
from tools.errors import ArgumentsInvalid
from tools.scale_point import ScalePoint

KEEP, RES = registry.action("keep_scale_point"), registry.action("set_resources")
PERCENT = {
    "type": "Resource",
    "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 70}},
}
PODS = {"type": "Pods", "pods": {"metric": {"name": "rps"}}}
HPA = Autoscaler("web", 2, 10, 4, 4, 60, 70, True, True, False, (), "u-hpa", "9", metrics=(PODS, PERCENT))
HELD = replace(HPA, target_percent=None, target_cpu=350)
SIDECAR = Container("mesh", "registry.invalid/mesh:1", Resources(100))


def asked(unit: str) -> Any:
    return registry.parse(KEEP.args, {"workload": "deploy/web", "unit": unit})


def on(hpa: Autoscaler = HPA, pods: tuple[Pod, ...] | None = None, *more: Container) -> Workload:
    """`app` asks for 500m."""
    containers = (Container("app", "registry.invalid/app:1", RESOURCES), *more)
    return replace(workload(4, *containers), autoscaler=hpa, seen_pods=pods)


def sized(cpu: int | None, *more: Container) -> Pod:
    app = Container("app", "registry.invalid/app:1", replace(RESOURCES, cpu_request=cpu))
    return replace(pod(), containers=(app, *more))


def target(one: Workload, unit: str) -> Any:
    (patch,) = KEEP.patches(asked(unit), one)
    assert patch.autoscaler == "web"
    others, cpu = patch.body["spec"]["metrics"]  # type: ignore[index]
    assert others == PODS, "the list is replaced whole: the others go along"
    return cpu["resource"]["target"]


@pytest.mark.parametrize(
    ("one", "value"),
    [
        (on(), "350m"),
        (on(HPA, None, SIDECAR), "420m"),
        (on(HPA, (sized(1000),)), "700m"),  # resized in place: what they run with counts
        (on(HPA, (sized(500, SIDECAR),)), "420m"),  # a sidecar that is in no template
        (on(replace(HPA, target_percent=200)), "1"),
    ],
)
def test_the_share_becomes_cpu_of_a_pod(one: Workload, value: str) -> None:
    assert target(one, "cpu") == {"type": "AverageValue", "averageValue": value}


def test_and_back_by_the_requests_as_they_are() -> None:
    """The undo after the requests were doubled is 35 %, not the 70 % from before."""
    assert target(on(HELD), "percent") == {"type": "Utilization", "averageUtilization": 70}
    assert target(on(HELD, (sized(1000),)), "percent") == {"type": "Utilization", "averageUtilization": 35}
    view = KEEP.view(asked("cpu"), on())
    assert KEEP.inverse(asked("cpu"), view) == {"workload": "deploy/web", "unit": "percent"}
    assert KEEP.inverse(asked("percent"), view)["unit"] == "cpu"


@given(percent=st.integers(1, 400), requests=st.integers(1, 64_000))
def test_there_and_back_is_the_same_point(percent: int, requests: int) -> None:
    point = ScalePoint(percent, requests).millicores
    again = ScalePoint(ScalePoint.percent_of(point, requests), requests).millicores if point else 0
    assert again == point
    if point and requests >= 100:
        assert ScalePoint.percent_of(point, requests) == percent


@given(millicores=st.integers(1, 64_000), requests=st.integers(1, 64_000))
def test_a_share_is_never_later_than_the_cpu_that_it_stands_for(millicores: int, requests: int) -> None:
    assert ScalePoint(ScalePoint.percent_of(millicores, requests), requests).millicores <= millicores


@pytest.mark.parametrize(
    ("one", "unit", "why"),
    [
        (on(HELD), "cpu", "does not aim at a share"),
        (on(), "percent", "does not aim at CPU of a pod"),
        (on(HPA, (sized(500), sized(1000))), "cpu", "request different amounts"),
        (on(HPA, (sized(None),)), "cpu", "requests no CPU"),
        (on(replace(HPA, target_percent=1), (sized(50),)), "cpu", "too small"),
        (
            on(HPA, (replace(sized(500), resources=Resources(cpu_request=900)),)),
            "cpu",
            "amounts of their own",
        ),
    ],
)
def test_what_it_cannot_keep_it_refuses(one: Workload, unit: str, why: str) -> None:
    with pytest.raises(ArgumentsInvalid) as refused:
        KEEP.deltas(asked(unit), one)
    assert why in refused.value.what


@pytest.mark.parametrize("change", [{"generation": 9}, {"updated": 1}])
def test_a_share_waits_for_a_rollout(change: dict[str, int]) -> None:
    """Right after an undo of the requests the pods have the larger ones still: a share of those would be too small
    for the pods that come. As CPU of a pod the target may stand meanwhile."""
    with pytest.raises(ArgumentsInvalid, match="being replaced"):
        KEEP.deltas(asked("percent"), replace(on(HELD), **change))  # type: ignore[arg-type]
    KEEP.deltas(asked("cpu"), replace(on(), **change))  # type: ignore[arg-type]


def test_it_says_where_it_adds_pods() -> None:
    assert (
        KEEP.describe(asked("cpu"), on())
        == "CPU target 70% -> 350m of a pod, where it adds pods now (HPA web)"
    )
    assert "350m of a pod -> 70%" in KEEP.describe(asked("percent"), on(HELD))
    assert '"path":"/spec/metrics/1/resource/target"' in KEEP.kubectl(asked("cpu"), on())


@pytest.mark.parametrize("values", [{"cpu_request": None}, {"hpa_target": 40}])
def test_the_word_of_the_hold_goes_with_a_cpu_request_alone(values: dict[str, Any]) -> None:
    given = {"workload": "deploy/web", "cpu_request": "1", "memory_limit": "1Gi", "scale_point_held": True}
    with pytest.raises(ArgumentsInvalid, match="without hpa_target"):
        registry.parse(RES.args, given | values)


def test_the_undo_of_held_requests_counts_on_the_hold_too() -> None:
    one = replace(on(), scaled_by=HPA)
    args = registry.parse(RES.args, {"workload": "deploy/web", "cpu_request": "1", "scale_point_held": True})
    back = registry.parse(RES.args, RES.inverse(args, RES.view(args, one)))
    with pytest.raises(ArgumentsInvalid) as early:
        RES.ready(back, one)
    assert early.value.hint == "first: flyball act keep-scale-point deploy/web --unit cpu"
    RES.ready(back, replace(one, scaled_by=HELD))
    assert RES.deltas(args, one), "a plan and a dry run look ahead"


@pytest.mark.parametrize(("until_s", "aims", "refused"), [(60, 70, True), (60, 60, False), (0, 70, False)])
def test_a_target_that_stands_for_a_lease_is_not_held_for_good(
    until_s: int, aims: int, refused: bool
) -> None:
    """Nothing puts CPU of a pod back when the lease is over."""
    one = on(replace(HPA, target_percent=aims))
    until = utc_text(one.seen_ms + until_s * 1000)
    text = f"3..7 until {until}, HPA at 70%, then at least 3 at 60%, for agent:night"
    one = replace(one, annotations={"flyball.io/envelope": text})
    if not refused:
        assert target(one, "cpu")["averageValue"] == f"{aims * 5}m"
        return
    with pytest.raises(ArgumentsInvalid, match="aims at 70% for a lease, and at 60% again") as caught:
        KEEP.deltas(asked("cpu"), one)
    assert "--end" in str(caught.value.hint)
