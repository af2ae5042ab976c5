"""The shipped templates of volumes on a real Prometheus: whose volume counts, which is the fullest, what is missing.

| scene | what is to come of it |
|---|---|
| two volumes of two pods | the fuller one by share, with its own capacity |
| blocks that are kept for root | what it holds is used and available |
| a claim that two nodes mount, and two workloads | once for each workload |
| a claim of another workload, a namesake in another namespace | not ours |
| a block device; a volume that is only read | left out, and not expected |
| a volume that nobody measures | partial |
| a pod that runs and is not ready | counts |
| no claim at all | no data |
| it was expanded | the capacity of each moment, the use goes on |
| gaps | gaps, never zero |
| names that would end a string or be a pattern | no other query |
"""

from collections.abc import Iterator
from itertools import pairwise

import pytest

from audit.clock import SystemClock
from policies.types import Target
from tests.real.exported import Cluster
from tests.real.scenes import Scenes
from tests.real.test_metrics import asking
from tests.real.written import Written
from tools.metrics.shipped_templates import PRESETS
from tools.metrics.templates import Templates
from tools.metrics.types import Metric, Number, Series, Span

pytestmark = pytest.mark.real
GIB = 2**30
SHIPPED = Templates(PRESETS["opentelemetry"])
SCENES = Scenes()
scene = SCENES.scene


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Written]:
    with SCENES.written(tmp_path_factory.mktemp("volumes")) as written:
        yield written


def latest(on: Written, namespace: str, metric: Metric, name: str = "db") -> Number:
    target = Target(cluster="real", namespace=namespace, kind="statefulset", name=name)
    now_ms = SystemClock().wall_ms()
    return asking(on, lambda m: m.latest(metric, target, now_ms), SHIPPED)


def figures(on: Written, namespace: str, name: str = "db") -> tuple[int | None, int | None]:
    found = [latest(on, namespace, m, name).v for m in (Metric.DISK_USAGE, Metric.DISK_CAPACITY)]
    return found[0], found[1]


def history(on: Written, namespace: str, metric: Metric) -> Series:
    target = Target(cluster="real", namespace=namespace, kind="statefulset", name="db")
    now_ms = SystemClock().wall_ms()
    span = Span(now_ms - 7200 * 1000, now_ms, 300)
    return asking(on, lambda m: m.history(metric, target, span), SHIPPED)


@scene
def _fullest(on: Cluster) -> None:
    """The one that uses more is not the fuller one."""
    for index, (used, holds) in enumerate([(60 * GIB, 100 * GIB), (9 * GIB, 10 * GIB)]):
        on.pod(f"db-{index}")
        on.mounts(f"db-{index}", f"data-db-{index}")
        on.volume(f"data-db-{index}", used, holds, holds - used)


def test_the_fullest_by_its_share(prometheus: Written) -> None:
    assert figures(prometheus, "fullest") == (9 * GIB, 10 * GIB)
    found = latest(prometheus, "fullest", Metric.DISK_USAGE)
    assert (found.missing, found.coverage_ppm, found.window_s) == ("", 1_000_000, 0)
    assert 0 <= (found.age_ms or 0) < 60_000


@scene
def _as_full(on: Cluster) -> None:
    on.pod("db-0")
    for volume, holds in (("small", 10 * GIB), ("large", 100 * GIB)):
        on.mounts("db-0", f"{volume}-db-0", volume)
        on.volume(f"{volume}-db-0", holds // 2, holds, holds // 2)


def test_of_two_that_are_as_full_both_figures_are_of_one(prometheus: Written) -> None:
    assert figures(prometheus, "as-full") == (50 * GIB, 100 * GIB)


@scene
def _reserved(on: Cluster) -> None:
    on.pod("db-0")
    on.mounts("db-0", "data-db-0")
    on.volume("data-db-0", 8 * GIB, 10 * GIB, 3 * GIB // 2)


def test_what_is_kept_for_root_is_nobodys(prometheus: Written) -> None:
    assert figures(prometheus, "reserved") == (8 * GIB, 19 * GIB // 2)


@scene
def _no_available(on: Cluster) -> None:
    on.pod("db-0")
    on.mounts("db-0", "data-db-0")
    on.volume("data-db-0", 8 * GIB, 10 * GIB)


def test_without_what_is_available_it_is_the_capacity(prometheus: Written) -> None:
    assert figures(prometheus, "no-available") == (8 * GIB, 10 * GIB)


@scene
def _shared(on: Cluster) -> None:
    """Two nodes export it, as they saw it at their own time."""
    for pod in ("db-0", "copy-0"):
        on.pod(pod)
        on.mounts(pod, "common")
    for node in ("node-1", "node-2"):
        on.volume("common", 7 * GIB, 10 * GIB, 3 * GIB, node=node)


@pytest.mark.parametrize("name", ["db", "copy"])
def test_a_claim_of_two_workloads_counts_once_for_each(prometheus: Written, name: str) -> None:
    assert figures(prometheus, "shared", name) == (7 * GIB, 10 * GIB)
    assert latest(prometheus, "shared", Metric.DISK_USAGE, name).coverage_ppm == 1_000_000


@scene
def _others(on: Cluster) -> None:
    on.pod("db-0")
    on.mounts("db-0", "data-db-0")
    on.volume("data-db-0", 1 * GIB, 10 * GIB, 9 * GIB)
    on.pod("db-api-0")
    on.mounts("db-api-0", "data-db-api-0")
    on.volume("data-db-api-0", 9 * GIB, 10 * GIB, 1 * GIB)
    on.volume("of-nobody", 10 * GIB, 10 * GIB, 0)


def test_the_volumes_of_others_are_not_ours(prometheus: Written) -> None:
    assert figures(prometheus, "others") == (1 * GIB, 10 * GIB)


@scene
def _block(on: Cluster) -> None:
    """As the kubelet has a block device: a capacity, and zeros."""
    on.pod("db-0")
    for volume in ("data", "raw"):
        on.mounts("db-0", f"{volume}-db-0", volume)
    on.volume("data-db-0", 1 * GIB, 10 * GIB, 9 * GIB)
    on.volume("raw-db-0", 0, 10 * GIB, 0)
    on.pod("only-0")
    on.mounts("only-0", "raw-only-0", "raw")
    on.volume("raw-only-0", 0, 10 * GIB, 0)
    for claim in ("raw-db-0", "raw-only-0", "silent-quiet-0"):
        of = {"namespace": on.name, "persistentvolumeclaim": claim, "volumemode": "Block"}
        on.put("kube_persistentvolumeclaim_info", of, on.times(), 1)
    on.pod("quiet-0")
    on.mounts("quiet-0", "data-quiet-0")
    on.mounts("quiet-0", "silent-quiet-0", "raw")
    on.volume("data-quiet-0", 2 * GIB, 10 * GIB, 8 * GIB)


def test_a_block_device_is_neither_empty_nor_expected(prometheus: Written) -> None:
    assert figures(prometheus, "block") == (1 * GIB, 10 * GIB)
    assert figures(prometheus, "block", "quiet") == (2 * GIB, 10 * GIB)
    found = latest(prometheus, "block", Metric.DISK_USAGE, "only")
    assert (found.v, found.missing) == (None, "no_data")


@scene
def _read_only(on: Cluster) -> None:
    on.pod("db-0")
    on.mounts("db-0", "data-db-0")
    on.mounts("db-0", "images", "images", read_only=True)
    on.volume("data-db-0", 1 * GIB, 10 * GIB, 9 * GIB)
    on.volume("images", 10 * GIB, 10 * GIB, 0)


def test_a_volume_that_is_only_read_is_full_to_nobodys_harm(prometheus: Written) -> None:
    assert figures(prometheus, "read-only") == (1 * GIB, 10 * GIB)


@scene
def _unmeasured(on: Cluster) -> None:
    on.pod("db-0")
    for volume in ("data", "wal"):
        on.mounts("db-0", f"{volume}-db-0", volume)
    on.volume("data-db-0", 1 * GIB, 10 * GIB, 9 * GIB)


def test_a_volume_that_nobody_measures_makes_it_partial(prometheus: Written) -> None:
    found = latest(prometheus, "unmeasured", Metric.DISK_USAGE)
    assert (found.v, found.missing, found.coverage_ppm) == (None, "partial", 500_000)


@scene
def _unready(on: Cluster) -> None:
    of = {"namespace": on.name, "pod": "db-0", "uid": "uid-db-0"}
    on.put("kube_pod_status_phase", {**of, "phase": "Running"}, on.times(), 1)
    on.put("kube_pod_status_ready", {**of, "condition": "true"}, on.times(), 0)
    on.mounts("db-0", "data-db-0")
    on.volume("data-db-0", 10 * GIB, 10 * GIB, 0)


def test_a_pod_that_its_full_volume_keeps_from_being_ready_counts(prometheus: Written) -> None:
    assert figures(prometheus, "unready") == (10 * GIB, 10 * GIB)


@scene
def _no_claim(on: Cluster) -> None:
    on.pod("db-0")
    on.volume("of-another", 9 * GIB, 10 * GIB, 1 * GIB)


def test_without_a_claim_there_is_no_figure(prometheus: Written) -> None:
    found = latest(prometheus, "no-claim", Metric.DISK_USAGE)
    assert (found.v, found.missing, found.absent) == (None, "no_data", ())


@scene
def _expanded(on: Cluster) -> None:
    """Filled by 1 GiB an hour; 10 GiB became 20 an hour ago."""
    on.pod("db-0")
    on.mounts("db-0", "data-db-0")
    age_h = lambda at: (on.now_ms - at) / 3_600_000  # noqa: E731
    used = lambda at: (9 - age_h(at)) * GIB  # noqa: E731
    holds = lambda at: (20 if age_h(at) <= 1 else 10) * GIB  # noqa: E731
    on.volume("data-db-0", used, holds, lambda at: holds(at) - used(at))


def test_an_expansion_shows_in_the_capacity_alone(prometheus: Written) -> None:
    used, holds = (history(prometheus, "expanded", m) for m in (Metric.DISK_USAGE, Metric.DISK_CAPACITY))
    assert {holds.values[0], holds.values[-1]} == {10 * GIB, 20 * GIB}
    known = [v for v in used.values if v is not None]
    assert len(known) == len(used.values)
    assert all(0 < b - a < GIB // 8 for a, b in pairwise(known))


@scene
def _gaps(on: Cluster) -> None:
    on.pod("db-0")
    on.mounts("db-0", "data-db-0")
    away = {*on.times(5400, 3600)}
    on.volume("data-db-0", 5 * GIB, 10 * GIB, 5 * GIB, times=[at for at in on.times() if at not in away])


def test_a_gap_is_a_gap(prometheus: Written) -> None:
    found = history(prometheus, "gaps", Metric.DISK_USAGE).values
    assert {*found} == {None, 5 * GIB}
    assert 4 <= sum(v is None for v in found) <= 7


@scene
def _silent(on: Cluster) -> None:
    """The kubelet has not been scraped for four minutes, another claim of the namespace has."""
    on.pod("db-0")
    on.mounts("db-0", "data-db-0")
    on.volume("data-db-0", 5 * GIB, 10 * GIB, 5 * GIB, times=on.times(until_s=240))
    on.volume("of-another", 5 * GIB, 10 * GIB, 5 * GIB)


def test_what_is_not_scraped_any_more_has_no_figure(prometheus: Written) -> None:
    assert latest(prometheus, "silent", Metric.DISK_USAGE).v is None


NASTY = 'x"} or vector(1) or y{a="'


@scene
def _injected(on: Cluster) -> None:
    """No apiserver takes such a name; whoever writes into a Prometheus may."""
    on.pod("db-0")
    on.mounts("db-0", NASTY)
    on.volume(NASTY, 8 * GIB, 10 * GIB, 2 * GIB)
    on.mounts("db-0", ".*", "any")
    on.volume(".*", 1 * GIB, 10 * GIB, 9 * GIB)
    on.volume("of-another", 10 * GIB, 10 * GIB, 0)


def test_a_claims_name_is_a_label_and_no_query(prometheus: Written) -> None:
    assert figures(prometheus, "injected") == (8 * GIB, 10 * GIB)
