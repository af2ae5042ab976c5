"""Many workloads at once: the same figures as one by one, and no pod counted for a stranger."""

import asyncio
from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.types import Target
from tests.tools.metrics.fake_fleet import FakeFleet
from tests.tools.metrics.kit import NOW, SetClock, asking
from tools.errors import MetricsUnavailable
from tools.metrics.cached_reader import CachedReader
from tools.metrics.fleet import PodOwners, by_namespace, together
from tools.metrics.history import HistoryStore
from tools.metrics.numbers import Measured, whole, wholes
from tools.metrics.prometheus.parts import points
from tools.metrics.template_file import load
from tools.metrics.types import Metric, Number, Series, Span

MIN = 60_000


def target(name: str, kind: str = "deployment", namespace: str = "shop") -> Target:
    return Target(cluster="prod", namespace=namespace, kind=kind, name=name)


LONG = "a-service-with-a-name-that-is-longer-than-forty-six-x"


@pytest.mark.parametrize(
    ("pod", "owner"),
    [
        ("web-7d9f4c5b6-x2z4v", "web"),
        ("web-blue-7d9f4c5b6-x2z4v", "web-blue"),
        ("db-0", "db"),
        ("db-10", "db"),
        ("db-01", None),
        ("web-0", None),
        ("agent-x2z4v", "agent"),
        (f"{LONG}-b4c5x2z4v", LONG),
        ("stranger-7d9f4c5b6-x2z4v", None),
        ("web", None),
    ],
)
def test_a_pod_is_told_by_its_name(pod: str, owner: str | None) -> None:
    targets = [
        target("web"),
        target("web-blue"),
        target("db", "statefulset"),
        target("agent", "daemonset"),
        target(LONG),
    ]
    found = PodOwners(targets).of(("shop", pod))
    assert [one.name for one in found] == ([owner] if owner else [])
    assert not PodOwners(targets).of(("other", pod))


def test_pods_come_together_as_in_a_question_about_the_workload() -> None:
    each = [Measured("0.1", NOW - 5, 1_000_000, 1_000_000, 300), Measured("0.2", NOW, 0, 1_000_000, 300)]
    found = together(each)
    assert (found.text, found.at_ms, found.coverage_ppm) == ("0.3", NOW, 500_000)
    assert together([]).text is None
    assert together([Measured("NaN", NOW), Measured("1", NOW)]).text == "NaN"


def test_namespaces_are_asked_about_in_groups() -> None:
    targets = [target(f"w{i}", namespace=f"n{i % 3}") for i in range(9)]
    assert list(by_namespace(targets, 6)) == [["n0", "n1"], ["n2"]]
    assert list(by_namespace(targets, 1)) == [["n0"], ["n1"], ["n2"]]


def latest(
    fleet: FakeFleet, targets: Iterable[Target], metric: Metric = Metric.CPU_USAGE
) -> dict[Target, Number]:
    async def run() -> dict[Target, Number]:
        async with fleet.up(), asking(fleet, clock=SetClock()) as reader:
            return dict(await reader.fleet_latest(metric, [*targets], NOW))

    return asyncio.run(run())


def history(fleet: FakeFleet, targets: Iterable[Target], span: Span) -> dict[Target, Series]:
    async def run() -> dict[Target, Series]:
        async with fleet.up(), asking(fleet, clock=SetClock()) as reader:
            return dict(await reader.fleet_history(Metric.CPU_USAGE, [*targets], span))

    return asyncio.run(run())


WEB, API = target("web"), target("api", namespace="pay")


def two() -> FakeFleet:
    fleet = FakeFleet(NOW)
    fleet.pods = {
        ("shop", "web-7d9f4c5b6-x2z4v"): "0.25",
        ("shop", "web-7d9f4c5b6-bbbbb"): "0.5",
        ("pay", "api-7d9f4c5b6-x2z4v"): "1.5",
        ("pay", "stranger-7d9f4c5b6-x2z4v"): "9",
    }
    return fleet


def test_one_question_for_all() -> None:
    fleet = two()
    found = latest(fleet, [WEB, API, target("gone")])
    assert {t.name: n.v for t, n in found.items()} == {"web": 750, "api": 1500, "gone": None}
    assert found[target("gone")].missing == "no_data"
    assert len(fleet.seen) == 1


def test_a_pod_that_is_not_measured_makes_its_workload_partial_and_no_other() -> None:
    fleet = two()
    fleet.unmeasured = {("shop", "web-7d9f4c5b6-bbbbb")}
    found = latest(fleet, [WEB, API])
    assert (found[WEB].missing, found[WEB].coverage_ppm) == ("partial", 500_000)
    assert found[API].v == 1500


def test_old_samples_and_clusters() -> None:
    fleet = two()
    fleet.age_ms = 301_000
    assert latest(fleet, [WEB])[WEB].missing == "stale"
    fleet = two()
    fleet.many_clusters = True
    with pytest.raises(MetricsUnavailable, match="several clusters"):
        latest(fleet, [WEB])


def test_a_series_is_put_together_point_by_point() -> None:
    fleet = two()
    span = Span(NOW - 3 * MIN, NOW + 2 * MIN, 60)
    found = history(fleet, [WEB, API, target("gone")], span)
    assert found[WEB].values == (750, 750, 750, 750, None, None)
    assert found[API].values[:4] == (1500,) * 4
    assert found[target("gone")].values == (None,) * 6
    fleet = two()
    fleet.unmeasured = {("shop", "web-7d9f4c5b6-bbbbb")}
    assert history(fleet, [WEB], span)[WEB].values == (None,) * 6
    fleet = two()
    fleet.extra = {"warnings": ["a store gave no answer"]}
    assert history(fleet, [WEB], span)[WEB].values == (None,) * 6


OWN = """[templates.cpu_usage]
value = 'sum(own{namespace="$namespace",pod=~"$pods"})'
sample = 'own{namespace="$namespace",pod=~"$pods"}'
"""


def test_a_template_of_the_operators_own_is_asked_one_by_one(tmp_path: Path) -> None:
    (tmp_path / "metrics.toml").write_text(OWN)
    templates = load(tmp_path / "metrics.toml")
    assert Metric.CPU_USAGE not in templates.fleet
    fleet = two()
    fleet.grow(NOW - 10 * MIN, NOW, 60, lambda _: "0.75")

    async def run() -> Mapping[Target, Number]:
        async with fleet.up(), asking(fleet, clock=SetClock(), templates=templates) as reader:
            return await reader.fleet_latest(Metric.CPU_USAGE, [WEB, API], NOW)

    assert [n.v for n in asyncio.run(run()).values()] == [750, 750]
    assert len(fleet.seen) == 2


@given(
    st.sampled_from([Metric.CPU_USAGE, Metric.MEMORY_USAGE, Metric.REPLICAS]),
    st.lists(
        st.floats(0, 1e12).map(lambda v: f"{v:.17f}".rstrip("0").rstrip("."))
        | st.integers(0, 10**17).map(str)
        | st.builds(
            lambda n, noise: f"{n / 1000 + noise:.17f}", st.integers(0, 10**6), st.floats(-1e-9, 1e-9)
        )
        | st.sampled_from(
            ["0", "NaN", "+Inf", "-1", "1e3", "1_0", " 1", "", "5.", ".5", "1.2.3", "٣", "007"]
        ),
        max_size=30,
    ),
)
def test_many_figures_are_rounded_as_each_alone(metric: Metric, texts: list[str]) -> None:
    assert wholes(metric, texts) == [whole(metric, text) for text in texts]


def test_a_series_with_gaps_and_one_that_is_strange() -> None:
    span, where = Span(NOW, NOW + 3 * MIN, 60), "there"
    at = [NOW // 1000 + 60 * i for i in range(4)]

    def read(pairs: object) -> list[int | None]:
        return points(Metric.CPU_USAGE, {"values": pairs}, span, where)

    assert read([[t, "0.25"] for t in at]) == [250] * 4
    assert read([[at[3], "NaN"], [at[1], "0.5"]]) == [None, 500, None, None]
    assert read([[at[0] + 0.0, "0.5"]]) == [500, None, None, None]
    for strange in ([[at[0] + 1, "1"]], [[at[0], 1]], [[at[0]]], [[True, "1"]], "no", [[at[3] + 60, "1"]]):
        with pytest.raises(MetricsUnavailable):
            read(strange)


@pytest.mark.slow
def test_a_day_of_a_large_namespace_is_asked_for_in_pieces_and_put_together() -> None:
    fleet = FakeFleet(NOW)
    targets = [target(f"w{i}") for i in range(300)] + [target("db", "statefulset")]
    fleet.pods = {("shop", f"w{i}-7d9f4c5b6-x2z4v"): f"0.{i + 1:03}" for i in range(300)} | {
        ("shop", "db-0"): "7"
    }
    span = Span(NOW - 1439 * MIN, NOW, 60)
    found = history(fleet, targets, span)
    assert all(found[t].values == (i + 1,) * 1440 for i, t in enumerate(targets[:-1]))
    assert found[targets[-1]].values == (7000,) * 1440
    ranged = [one.form for one in fleet.seen if one.line.startswith("POST /api/v1/query_range ")]
    assert len(ranged) == 4, "three for the Deployments, one for the StatefulSet"
    assert all((int(f["end"]) - int(f["start"])) // 60 < 1440 for f in ranged)


def test_what_is_stored_is_not_asked_for_again(tmp_path: Path) -> None:
    """A day later one question brings what has come since, of all that lack the same; who lacks more is asked for
    alone."""
    fleet, clock = two(), SetClock()
    fleet.grow(NOW - 600 * MIN, NOW + 600 * MIN, 60, lambda _: "0.75")
    others = [target(f"w{i}") for i in range(8)]
    fleet.pods |= {("shop", f"{t.name}-7d9f4c5b6-x2z4v"): "0.25" for t in others}

    async def ask(targets: list[Target], span: Span) -> Mapping[Target, Series]:
        async with asking(fleet, clock=clock) as reader:
            cached = CachedReader(reader, HistoryStore(tmp_path / "metrics.db"), clock, "uid")
            return await cached.fleet_history(Metric.CPU_USAGE, targets, span)

    async def run() -> None:
        async with fleet.up():
            first = await ask([WEB, *others], Span(NOW - 500 * MIN, NOW, 60))
            assert asked("by (namespace, workload)") == 1
            fleet.seen.clear()
            clock.now_ms = fleet.now_ms = NOW + 400 * MIN
            again = await ask([WEB, API, *others], Span(NOW - 100 * MIN, NOW + 400 * MIN, 60))
        assert (asked("by (namespace, workload)"), asked('namespace="pay"')) == (1, 1)
        assert first[WEB].values == again[WEB].values == (750,) * 501
        assert again[API].values[:400] == (750,) * 400

    def asked(about: str) -> int:
        return sum(about in one.form["query"] for one in fleet.seen)

    asyncio.run(run())
