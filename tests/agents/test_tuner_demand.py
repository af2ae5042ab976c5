"""What lasts decides: up by the least of 10 minutes, down by the greatest of 24 hours; gaps lower nothing."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from agents.tuner.asking import Asked, ask
from agents.tuner.choice import FirstChange
from agents.tuner.demand import demand
from agents.tuner.hpa_formula import HpaFormula
from agents.tuner.proposal import Proposal
from agents.tuner.strategy import Aim, Observed
from policies.types import Target
from tests.agents.fakes import chosen_by
from tests.agents.metrics import NOW, course, steady
from tests.agents.test_tuner_run import APP, pod, workload
from tools.cluster_types import Container, Pod, Resources
from tools.metrics.types import Series

MINUTE, HOUR = 60, 3_600
Course = Callable[[int], int | None]


def proposed(cpu: Series | Course, pods: list[Pod] | None = None, replicas: int = 4) -> Proposal:
    """Of four pods that request one core each; the target is 80 %."""
    alive = [pod(i) for i in range(replicas)] if pods is None else pods
    series = cpu if isinstance(cpu, Series) else course(cpu)
    (found,) = ask([HpaFormula(Aim(80))], [Observed(workload("web", replicas), alive, series, NOW)])
    return (
        chosen_by(FirstChange(), [found.observed], [found.candidates])[0]
        if isinstance(found, Asked)
        else found
    )


@pytest.mark.parametrize(
    ("cpu", "replicas", "why"),
    [
        (lambda _: 4_800, 6, "cpu-above-target"),
        (lambda age: 4_800 if age <= 10 * MINUTE else 100, 6, "cpu-above-target"),
        (lambda age: 4_800 if age < 10 * MINUTE else 100, None, "not-lasting"),
        (lambda age: 9_600 if age < 2 * MINUTE else 3_000, None, "not-lasting"),
        (lambda age: 9_600 if age < 2 * MINUTE else 4_800, 6, "cpu-above-target"),
        (lambda age: 100 if age == 5 * MINUTE else 4_800, None, "not-lasting"),
        (lambda _: 400, 1, "cpu-below-target"),
        (lambda age: 400 if age < 24 * HOUR else 3_000, None, "needed-within-a-day"),
        (lambda age: 3_000 if age == 23 * HOUR else 400, None, "needed-within-a-day"),
        (lambda age: 2_300 if age == 23 * HOUR else 400, 3, "cpu-below-target"),
        (lambda age: 9_600 if age == 23 * HOUR else 3_200, None, "within-tolerance"),
    ],
)  # fmt: skip
def test_what_lasts_decides(cpu: Course, replicas: int | None, why: str) -> None:
    found = proposed(cpu)
    assert (found.proposed, found.why) == (replicas, why)


@pytest.mark.parametrize(
    ("cpu", "why"),
    [
        (lambda _: None, "no-metrics"),
        (lambda age: None if age <= 5 * MINUTE else 100, "no-metrics"),
        (lambda age: 100 if age > 24 * HOUR - MINUTE else None, "no-metrics"),
        (lambda age: None if age in (60, 120, 180) else 100, "missing-metrics"),
        (lambda age: 100 if age < 9 * MINUTE else None, "short-history"),
        (lambda age: 100 if age < 23 * HOUR else None, "short-history"),
        (lambda age: None if 5 * HOUR <= age < 5 * HOUR + 16 * MINUTE else 100, "short-history"),
    ],
)  # fmt: skip
def test_doubtful_data_never_lowers(cpu: Course, why: str) -> None:
    found = proposed(cpu)
    assert (found.proposed, found.why) == (None, why)


@pytest.mark.parametrize("gap", [range(5 * HOUR, 5 * HOUR + 14 * MINUTE), range(HOUR, HOUR + 1)])
def test_a_scrape_that_was_missed_holds_nothing_up(gap: range) -> None:
    assert proposed(lambda age: None if age in gap else 100).proposed == 1


def test_ten_minutes_of_history_are_enough_to_raise() -> None:
    assert proposed(lambda age: 4_800 if age <= 10 * MINUTE else None).proposed == 6
    assert proposed(lambda age: 4_800 if age <= 7 * MINUTE else None).why == "missing-metrics"


YOUNG = replace(pod(3), started_at_ms=NOW - 20_000)
BARE = Container("app", "app:1", Resources())
SIDECAR = (APP, Container("proxy", "p:1", Resources(cpu_request=1_000)))


@pytest.mark.parametrize(
    ("pods", "why"),
    [
        ([], "no-pods"),
        ([pod(i, deleting=True) for i in range(4)], "no-pods"),
        ([pod(0), pod(1), pod(2), YOUNG], "pods-starting"),
        ([pod(0), pod(1), pod(2), pod(3, phase="Pending", ready=False, started_at_ms=None)], "pods-starting"),
        ([pod(i, containers=(BARE,)) for i in range(4)], "no-cpu-request"),
    ],
)
def test_pods_that_say_too_little_are_not_lowered(pods: list[Pod], why: str) -> None:
    found = proposed(steady(400), pods)
    assert (found.proposed, found.why) == (None, why)


def test_every_container_s_request_counts_and_pods_that_go_do_not() -> None:
    assert proposed(steady(4_800), [pod(i, containers=SIDECAR) for i in range(4)]).proposed == 3
    assert proposed(steady(2_400), [pod(0), pod(1), pod(2, deleting=True)], replicas=2).proposed == 3


def test_an_old_pod_that_fails_its_probe_under_load_counts() -> None:
    assert proposed(steady(6_000), [pod(0), pod(1), pod(2), pod(3, ready=False)]).proposed == 8


def test_rounding_says_so() -> None:
    found = proposed(steady(1_320), replicas=2)
    assert (found.proposed, found.why) == (None, "rounds-to-same")


def test_points_ahead_of_the_pass_are_none() -> None:
    late = demand(steady(100), NOW - 3 * MINUTE * 1_000)
    assert late.newest == 100
    assert demand(steady(100), NOW - 25 * HOUR * 1_000) == demand(steady(None), NOW)


def test_the_target_is_named() -> None:
    found = proposed(steady(4_800))
    assert found.target == Target(cluster="sandbox", namespace="shop", kind="deployment", name="web")
    assert found.reason == "cpu 120 % of requests at least, for 10 minutes; target 80 %"
