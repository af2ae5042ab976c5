"""What a workload cost beside its peers: by hand, and what is not known counts for nobody."""

import numpy as np
import pytest

from forecasting.replicas.hpa import PLAIN, TUNED, Hpa, Tuning
from forecasting.savings import Past, bills
from forecasting.types import Demand, Shape

DAY = 1440


def past(used: int, requested: int, pods: int, days: int = 3, **more: object) -> Past:
    n = days * DAY
    return Past([used] * n, [requested] * n, [pods] * n, n - DAY, 0, **more)  # type: ignore[arg-type]


def test_a_flat_day_by_hand() -> None:
    """2 cores are used, 4 pods of 1 core requested: an HPA at 70 % has 3 pods, and 2/3 is below 85 %."""
    found = {bill.name: bill for bill in bills(past(2000, 4000, 4))}
    assert [*found] == ["actual", "hpa-70", "hpa-70-tuned", "vpa-updater", "krr"]
    assert (found["actual"].core_hours, found["actual"].violated, found["actual"].known) == (96.0, 0, DAY)
    assert (found["hpa-70"].core_hours, found["hpa-70"].violated) == (72.0, 0)
    assert found["krr"].core_hours == pytest.approx(48, rel=0.01)  # the 95th percentile of a flat line
    assert found["krr"].violated == DAY  # all of the request is used: above 85 %
    assert found["vpa-updater"].core_hours > 48


def test_memory_goes_with_the_pods_and_what_is_not_known_of_it_is_not_priced() -> None:
    """8 GiB by 4 pods for a day; the HPA has 3 pods. Peers that size CPU leave memory as it was."""
    n, gib = 3 * DAY, 2**30
    found = {bill.name: bill.gib_hours for bill in bills(past(2000, 4000, 4, memory=[8 * gib] * n))}
    assert found["actual"] == found["krr"] == found["vpa-updater"] == pytest.approx(192)
    assert found["hpa-70"] == found["hpa-70-tuned"] == pytest.approx(144)
    half = [8 * gib] * (n - DAY // 2) + [None] * (DAY // 2)
    found = {bill.name: bill.gib_hours for bill in bills(past(2000, 4000, 4, memory=half))}
    assert (found["actual"], found["hpa-70"]) == (pytest.approx(96), pytest.approx(72))
    assert {bill.gib_hours for bill in bills(past(2000, 4000, 4, memory=[None] * n))} == {None}
    assert {bill.gib_hours for bill in bills(past(2000, 4000, 4))} == {None}


def test_a_minute_above_the_target_is_one() -> None:
    n = 3 * DAY
    used = [2000] * n
    used[n - 10] = 3500
    found = bills(Past(used, [4000] * n, [4] * n, n - DAY, 0))
    assert found[0].violated == 1


def test_what_is_not_known_counts_for_nobody() -> None:
    n = 3 * DAY
    used: list[int | None] = [2000] * n
    used[n - 100 :] = [None] * 100
    assert {bill.known for bill in bills(Past(used, [4000] * n, [4] * n, n - DAY, 0))} == {DAY - 100}
    assert bills(Past([None] * n, [4000] * n, [4] * n, n - DAY, 0)) == ()
    assert bills(Past([2000] * n, [0] * n, [4] * n, n - DAY, 0)) == ()


def test_a_tuned_hpa_follows_closer_and_grows_faster() -> None:
    assert (PLAIN.most(1), PLAIN.most(10), TUNED.most(1), TUNED.most(10)) == (4, 20, 11, 40)
    near = Demand(np.concatenate([np.full(300, 7.0), np.full(100, 7.5)]), 200)  # then 7 % above the target
    assert Hpa(70, Tuning(tolerance=0.05)).replay(near, Shape(1.0))[-1] == 11
    assert Hpa(70).replay(near, Shape(1.0))[-1] == 10
    shape = Shape(1.0)
    burst = Demand(np.concatenate([np.full(300, 1.0), np.full(100, 60.0)]), 200)
    assert Hpa(70, TUNED).replay(burst, shape)[101] > Hpa(70).replay(burst, shape)[101]
