"""The strategies of CPU and memory: what fits, what they come to, and that doubtful data lowers nothing."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from agents.tuner.memory import MemoryLimit
from agents.tuner.strategies import strategies
from agents.tuner.strategy import Aim, Candidate, Observed, Strategy
from agents.tuner.vertical_cpu import VerticalInPlace, VerticalTemplate
from base.instants import utc_text
from forecasting.vertical.jvm import Jvm
from tests.agents.test_tuner_run import workload
from tools.cluster_types import Autoscaler, Container, Pod, Resources
from tools.metrics.types import Metric, Series, Span
from tools.resource_arguments import SetResourcesArgs

DAY, MI = 1440, 1 << 20
NOW = 1_772_460_000_000
Values = Callable[[int], int | None]
"""Of a minute, counted from the oldest of fourteen days."""
SIZE = Resources(cpu_request=1000, memory_request=256 * MI, memory_limit=512 * MI)


def series(metric: Metric, values: Values, days: int = 14) -> Series:
    points = tuple(values(i) for i in range((14 - days) * DAY, 14 * DAY))
    span = Span(NOW - (len(points) - 1) * 60_000, NOW, 60)
    return Series(metric, "millicores" if metric is Metric.CPU_USAGE else "bytes", span, points)


def observed(
    cpu: Values = lambda _: 4000,
    memory: Values = lambda _: 4 * 300 * MI,
    *,
    size: Resources = SIZE,
    days: int = 14,
    pods: tuple[Pod, ...] = (),
    **more: object,
) -> Observed:
    """A workload of four pods, all ready all along."""
    one = workload("web", 4, containers=(Container("app", "web:1", size),))
    found = Observed(
        replace(one, **{k: v for k, v in more.items() if k != "autoscaler"}),  # type: ignore[arg-type]
        pods,
        series(Metric.CPU_USAGE, cpu, days),
        NOW,
        memory=series(Metric.MEMORY_USAGE, memory, days),
        ready=series(Metric.REPLICAS, lambda _: 4, days),
    )
    return replace(found, autoscaler=more.get("autoscaler"))  # type: ignore[arg-type]


def proposed(strategy: Strategy, one: Observed) -> Candidate:
    assert strategy.consider(one) is None
    ((found,),) = strategy.propose([one])
    return found


def args(found: Candidate) -> SetResourcesArgs:
    assert found.change is not None
    assert isinstance(found.change.args, SetResourcesArgs)
    return found.change.args


IN_PLACE, TEMPLATE, MEMORY = VerticalInPlace(Aim()), VerticalTemplate(Aim()), MemoryLimit(Aim())
CPU = pytest.mark.parametrize("strategy", [IN_PLACE, TEMPLATE], ids=lambda s: s.name)


@CPU
def test_too_small_is_raised_to_what_was_used_and_a_margin(strategy: Strategy) -> None:
    found = proposed(strategy, observed(lambda _: 4 * 1500))
    asked = args(found)
    assert found.why == "cpu-too-small"
    assert asked.cpu_request is not None
    assert (asked.cpu_limit, asked.memory_limit) == (None, None)
    assert 1500 < found.change.figure < 2000  # type: ignore[union-attr,operator]
    assert asked.in_place is (True if strategy is IN_PLACE else None)


@CPU
def test_slack_is_lowered_by_half_at_most_and_only_on_whole_days(strategy: Strategy) -> None:
    found = proposed(strategy, observed(lambda _: 4 * 100))
    assert (found.why, args(found).cpu_request) == ("cpu-slack", "500m")
    begun = 13 * DAY + 60 if strategy is IN_PLACE else 12 * DAY
    assert proposed(strategy, observed(lambda i: 400 if i >= begun else None)).change is None


@CPU
@pytest.mark.parametrize(
    "gap", [range(13 * DAY, 13 * DAY + 60), range(14 * DAY - 45, 14 * DAY - 12)], ids=["day", "last hour"]
)
def test_a_gap_lowers_nothing(strategy: Strategy, gap: range) -> None:
    found = proposed(strategy, observed(lambda i: None if i in gap else 400))
    assert found.change is None, found


@CPU
@pytest.mark.parametrize("used", [400, 4 * 1500], ids=["slack", "too small"])
@pytest.mark.parametrize(
    ("minutes", "why"),
    [(14 * DAY, "no-metrics"), (30, "no-metrics"), (6, "no-metrics"), (3, "missing-metrics")],
)
def test_without_the_newest_figures_it_is_left_alone(
    strategy: Strategy, minutes: int, why: str, used: int
) -> None:
    assert strategy.consider(observed(lambda i: None if i >= 14 * DAY - minutes else used)) == why


@CPU
def test_what_fits_is_left_alone(strategy: Strategy) -> None:
    assert proposed(strategy, observed(lambda _: 4 * 870)).why == "cpu-fits"


@pytest.mark.parametrize(
    ("limit", "after"), [(1000, True), (1200, True), (4000, False)], ids=["guaranteed", "too small", "above"]
)
def test_the_limit_goes_along_where_it_must(limit: int, after: bool) -> None:
    asked = args(proposed(IN_PLACE, observed(lambda _: 4 * 1500, size=replace(SIZE, cpu_limit=limit))))
    assert asked.cpu_limit == (asked.cpu_request if after else None)


HPA = Autoscaler("web", 2, 10, 4, 4, 60, 70, True, True, False, ())
OF_ONE = {
    "type": "ContainerResource",
    "containerResource": {"name": "cpu", "container": "app", "target": {"averageUtilization": 70}},
}
OTHER = Pod(
    "web-0", "Running", True, "n1", (Container("app", "web:1", Resources(cpu_request=999)),), 1, 0, False
)
SIDE = Container("proxy", "proxy:1", Resources(cpu_request=100))


def leased_at(guard: int, until_ms: int) -> dict[str, str]:
    """A lease with its HPA as guard, and its own target afterwards."""
    until = utc_text(until_ms)
    text = f"3..7 until {until}, HPA at {guard}%, then at least 3 at 60%, for agent:night"
    return {"flyball.io/envelope": text}


@pytest.mark.parametrize(
    ("one", "in_place", "template", "memory"),
    [
        (observed(autoscaler=HPA), None, None, None),
        (observed(autoscaler=replace(HPA, metrics=(OF_ONE,))), *["hpa-on-utilisation"] * 2, None),
        (observed(autoscaler=HPA, pods=(OTHER,)), *["hpa-on-utilisation"] * 2, None),
        (
            observed(autoscaler=replace(HPA, target_percent=None, target_cpu=700), pods=(OTHER,)),
            None,
            None,
            None,
        ),
        (observed(autoscaler=HPA, annotations=leased_at(70, NOW + 60_000)), *["leased"] * 2, None),
        (observed(autoscaler=HPA, annotations=leased_at(80, NOW + 60_000)), None, None, None),
        (observed(autoscaler=HPA, annotations=leased_at(70, NOW)), None, None, None),
        (observed(resources_owner="verticalpodautoscaler/web"), *["owned-by-verticalpodautoscaler/web"] * 3),
        (observed(controller="foo/bar"), *["owned-by-foo/bar"] * 3),
        (observed(template_owner="argocd"), None, "owned-by-argocd", None),
        (observed(size=Resources()), "no-cpu-request", "no-cpu-request", "no-memory-limit"),
        (observed(containers=(Container("app", "w", SIZE), SIDE)), *["several-containers"] * 3),
        (
            observed(containers=(Container("app", "w", SIZE, restarts_on=("cpu", "memory")),)),
            "resize-restarts",
            None,
            None,
        ),
    ],
    ids=[
        "hpa",
        "of one container",
        "pods differ",
        "held already",
        "its HPA guards",
        "its HPA has its own target",
        "the lease is over",
        "vpa",
        "controller",
        "argocd",
        "unset",
        "sidecar",
        "restarts",
    ],
)
def test_what_does_not_fit_says_why(
    one: Observed, in_place: str | None, template: str | None, memory: str | None
) -> None:
    assert [s.consider(one) for s in (IN_PLACE, TEMPLATE, MEMORY)] == [in_place, template, memory]


@CPU
def test_under_an_hpa_on_utilisation_its_scale_point_is_held_first(strategy: Strategy) -> None:
    """Its target becomes CPU of a pod, and the new requests say that they count on it."""
    change = proposed(strategy, observed(lambda _: 4 * 1500, autoscaler=HPA)).change
    assert change is not None
    assert change.first is not None
    assert (change.first.action, change.first.args.model_dump()) == (
        "keep_scale_point", {"workload": "deployment/web", "unit": "cpu"},
    )  # fmt: skip
    assert change.args.model_dump()["scale_point_held"] is True
    assert change.to({"cpuRequest": 1100}).first == change.first


@CPU
def test_without_one_on_utilisation_nothing_is_held(strategy: Strategy) -> None:
    held = replace(HPA, target_percent=None, target_cpu=700)
    for hpa in (None, held):
        change = proposed(strategy, observed(lambda _: 4 * 1500, autoscaler=hpa)).change
        assert change is not None
        assert (change.first, change.args.model_dump()["scale_point_held"]) == (None, None)


def killed(i: int, limit: int, hours_ago: int) -> Pod:
    at = NOW - hours_ago * 3_600_000
    size = replace(SIZE, memory_limit=limit)
    return Pod(
        f"web-{i}", "Running", True, "n1", (Container("app", "web:1", size),), at, 1, False,
        last_exit="OOMKilled", last_exit_ms=at, last_exit_of="app",
    )  # fmt: skip


def test_memory_grows_by_itself_and_the_request_stays() -> None:
    found = proposed(MEMORY, observed(memory=lambda _: 4 * 500 * MI))
    assert (found.why, found.needs_approval_hint) == ("memory-too-small", False)
    assert (args(found).memory_limit, args(found).memory_request) == ("600Mi", None)


def test_a_kill_raises_what_figures_would_not() -> None:
    found = proposed(MEMORY, observed(memory=lambda _: 4 * 100 * MI, pods=(killed(1, 512 * MI, 2),)))
    assert found.change is not None
    assert found.change.figure == 644_245_095  # 512Mi x 1.2


def test_memory_shrinks_with_a_persons_yes_only() -> None:
    found = proposed(MEMORY, observed(memory=lambda _: 4 * 100 * MI))
    assert (found.why, found.needs_approval_hint) == ("memory-slack", True)
    assert args(found).memory_limit == "256Mi"  # halved at most
    assert proposed(MEMORY, observed(memory=lambda _: 4 * 100 * MI, days=5)).change is None
    assert proposed(MEMORY, observed(memory=lambda _: 4 * 100 * MI, template_owner="argocd")).change is None


def test_what_a_jvm_was_given_is_its_floor() -> None:
    jvm = Container("app", "web:1", SIZE, jvm=Jvm(heap=1024 * MI, percent=None, native=0))
    found = proposed(MEMORY, observed(memory=lambda _: 4 * 100 * MI, containers=(jvm,)))
    assert (found.why, args(found).memory_limit) == ("memory-too-small", "1280Mi")


def test_raising_that_does_not_help_ends() -> None:
    kills = tuple(killed(i, int(300 * MI * 1.3**i), 10 - i) for i in range(4))
    found = proposed(MEMORY, observed(pods=kills))
    assert (found.change, found.why) == (None, "memory-leak")


def test_gitops_keeps_the_template_so_it_grows_in_place() -> None:
    found = proposed(MEMORY, observed(memory=lambda _: 4 * 500 * MI, template_owner="argocd"))
    assert args(found).in_place is True


def test_another_figure_keeps_to_the_quantities_of_its_arguments() -> None:
    change = proposed(IN_PLACE, observed(lambda _: 4 * 1500)).change
    assert change is not None
    moved = change.to({"cpuRequest": 1100})
    assert (moved.args.cpu_request, moved.text) == ("1100m", "cpuRequest:1100m")  # type: ignore[attr-defined]


def test_they_are_strategies_by_name() -> None:
    names = ["vertical-in-place", "vertical-template", "memory"]
    assert [s.name for s in strategies(names, Aim())] == names
