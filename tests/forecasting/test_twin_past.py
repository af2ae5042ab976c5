"""Candidates on the past: counted by hand | as the exact HPA, within a little | what lasts now counts whole | an
event multiplies | and how far the twin is believed"""

import numpy as np
import pytest

from forecasting.replicas.hpa import Hpa
from forecasting.twin.belief import believed
from forecasting.twin.past import PPM, Past, Play, play
from forecasting.twin.score import calibrate
from forecasting.types import Demand, Shape
from tests.forecasting.test_twin_live import course

DAY = 1440


def constant(pods: int) -> Play:
    return Play(pods, pods, None, 1_000, 1_000)


def test_counted_by_hand() -> None:
    """An hour of 24 above what 2 pods may use, none above that of 3; days before are quiet."""
    demand = [*[500] * (3 * DAY), *[1_000] * (DAY - 120), *[2_000] * 60, *[1_000] * 60]
    ((two, three),) = play([Past(demand, 60)], [[constant(2), constant(3)]])
    assert (two.risk_ppm, two.cost_mch) == (-(-60 * PPM // DAY), 48_000)
    assert (three.risk_ppm, three.cost_mch, three.known_ppm) == (0, 72_000, PPM)


def test_the_worse_of_day_and_week_counts() -> None:
    demand = [*[2_000] * DAY, *[500] * (6 * DAY)]
    ((two,),) = play([Past(demand, 60)], [[constant(2)]])
    assert two.risk_ppm == -(-DAY * PPM // (7 * DAY))


def test_what_lasts_now_counts_whole_and_an_event_multiplies() -> None:
    calm: list[int | None] = [500] * DAY
    surge = [*calm[:-10], *[5_000] * 10]
    assert play([Past(surge, 60)], [[constant(2)]])[0][0].risk_ppm == PPM
    assert play([Past([*surge[:-1], 500], 60)], [[constant(2)]])[0][0].risk_ppm < 10_000
    assert play([Past(calm, 60, percent=400)], [[constant(2), constant(3)]])[0][0].risk_ppm == PPM
    assert play([Past(calm, 60, percent=400)], [[constant(3)]])[0][0].risk_ppm == 0


def test_without_measurements_all_is_risk() -> None:
    (found,) = play([Past([None] * DAY, 60)], [[constant(2)]])
    assert (found[0].risk_ppm, found[0].known_ppm) == (PPM, 0)
    (half,) = play([Past([*[500] * 720, *[None] * 720], 60)], [[constant(2)]])
    assert half[0].known_ppm == 500_000


@pytest.mark.parametrize(("target", "floor"), [(70, 1), (70, 8), (50, 2)])
def test_an_hpa_is_played_nearly_as_it_is(target: int, floor: int) -> None:
    """Against the exact rules of forecasting.hpa, synced every 15 s: cost within 4 %."""
    values = course(3)
    cores = np.array(values, dtype=np.float64) / 1000
    steps = Hpa(target).steps(Demand(cores, 0), Shape(0.5, startup_s=60, minimum=floor, maximum=40))
    one = Play(floor, 40, target, 500, 500)
    ((found,),) = play([Past(values, 60)], [[one]])
    assert found.cost_mch == pytest.approx(float(steps.mean()) * 500 * 24, rel=0.04)


def test_a_higher_floor_costs_more_and_risks_less() -> None:
    plays = [Play(floor, 40, 80, 500, 500) for floor in (1, 6, 12)]
    (found,) = play([Past(course(3), 120)], [plays])
    assert [f.risk_ppm for f in found] == sorted((f.risk_ppm for f in found), reverse=True)
    assert [f.cost_mch for f in found] == sorted(f.cost_mch for f in found)
    assert found[0].risk_ppm > found[2].risk_ppm


def test_many_workloads_are_played_each_on_its_own_past() -> None:
    """Shorter and longer ones together, with and without an HPA, give what each gives alone."""
    pasts = [Past(course(days, seed), 60) for seed, days in enumerate((1, 3, 2))]
    plays = [[constant(9), Play(1, 40, 70, 500, 500)], [Play(3, 30, 60, 500, 500)], [constant(4)]]
    assert play(pasts, plays) == [play([p], [c])[0] for p, c in zip(pasts, plays, strict=True)]


def test_a_workload_that_behaves_is_believed() -> None:
    found = believed(course(3), [9] * (3 * DAY), None, 500, 45)
    assert (found.doubts, found.calibrated) == ((), True)
    assert found.utilisation_error_ppm is not None
    assert found.utilisation_error_ppm < 100_000


def test_half_of_what_was_measured_is_what_it_is_fitted_on() -> None:
    """A workload of one day: the day before has nothing to be fitted on."""
    young = [*[None] * DAY, *course(1)]
    assert believed(young, [*[None] * DAY, *[12] * DAY], None, 500, 45).calibrated


def test_it_is_not_believed_without_grounds() -> None:
    cpu = course(3)
    assert believed(cpu, None, None, 500, 45).doubts == ("no history of ready pods",)
    assert believed(cpu, [9] * (3 * DAY), None, 500, None).doubts == ("start-up is assumed, not seen",)
    assert not believed(cpu[-120:], [9] * 120, None, 500, 45).calibrated
    assert not believed([None] * DAY, [9] * DAY, None, 500, 45).calibrated


def test_work_that_got_dearer_is_not_believed() -> None:
    """Twice the CPU for a request since yesterday: what was fitted before does not say what is needed now."""
    requests = [10_000] * (2 * DAY)
    cpu = [*[1_000] * DAY, *[2_000] * DAY]
    found = believed(cpu, [9] * (2 * DAY), requests, 500, 45)
    assert found.utilisation_error_ppm == 500_000
    assert any("utilisation error" in doubt for doubt in found.doubts)


def test_an_exact_twin_is_not_blamed_for_its_quantile() -> None:
    """Where what was said is what was, the quantile is met by all steps and exceeded by none."""
    same = np.linspace(0.2, 0.8, 500)
    assert calibrate(same, same, same, 0.85).reasons == ()
    assert calibrate(same, same * 1.1, same, 0.85).reasons == ("coverage 100.0% for 95%",)
    assert calibrate(same, same * 0.9, same, 0.85).reasons == ("coverage 0.0% for 95%",)
