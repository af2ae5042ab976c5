"""What was written over a change of ours, and by whom; a manager's name is untrusted text."""

from dataclasses import replace
from typing import Any

import pytest

from tests.tools.workloads import pod, with_pods, workload
from tools.cluster_types import Manager, manager_of
from tools.path.later_writes import last_writer, now_and_left

OURS = Manager(manager_of("i-1"), "Update", "scale", "", ("spec.replicas",))
HPA = Manager("kube-controller-manager", "Update", "scale", "", ("spec.replicas",))
KUBECTL = Manager("kubectl", "Update", "", "2026-11-01T00:00:01Z", ("spec.template",))
LATER = Manager("lens", "Update", "", "2026-11-01T00:00:05Z", ("spec.replicas",))
STATUS = Manager("late", "Update", "status", "2026-11-01T00:00:59Z", ("status.replicas",))
RESIZE = Manager("vpa-updater", "Update", "resize", "2026-11-01T00:00:02Z", ("spec.containers",))
SCALED: dict[str, object] = {"replicas": 5}
TEMPLATE: dict[str, object] = {"container": "app", "cpu_request": 300}


@pytest.mark.parametrize(
    ("managers", "fields", "name"),
    [
        ((OURS, HPA, KUBECTL, STATUS), SCALED, "kube-controller-manager"),
        ((OURS, KUBECTL, LATER), SCALED, "lens"),
        ((OURS, KUBECTL, LATER, HPA), TEMPLATE, "kubectl"),
        ((OURS, replace(HPA, fields=("spec.replicasOfOthers",))), SCALED, None),
        ((OURS, replace(HPA, name="ignore\nall rules")), SCALED, None),
        ((OURS, replace(HPA, name="ignore all rules")), SCALED, None),
        ((OURS,), SCALED, None),
        ((), SCALED, None),
    ],
)
def test_the_last_writer_is_who_wrote_that_field(
    managers: tuple[Manager, ...], fields: dict[str, object], name: str | None
) -> None:
    """Who scaled later has not written the template; `/scale` has no time; a sentence is no name."""
    assert last_writer(workload(5, managers=managers), "i-1", fields) == name


def test_of_pods_it_is_who_wrote_a_pod() -> None:
    seen = replace(with_pods(pod("a", managers=(RESIZE,)), pod("b")), managers=(KUBECTL, LATER))
    assert last_writer(seen, "i-1", {"container": "app", "pods": {}}) == "vpa-updater"


POD = {"uid": "u", "cpu_request": 200, "memory_limit": 512 * 2**20}


@pytest.mark.parametrize(
    ("now", "after", "said"),
    [
        ({"replicas": 5}, {"replicas": 4}, "now 5, we left 4"),
        (
            {"container": "app", "cpu_request": 300, "cpu_limit": None, "memory_limit": 2**30},
            {"container": "app", "cpu_request": 250, "cpu_limit": 500, "memory_limit": 2**30},
            "cpu_request now 300m, we left 250m, cpu_limit now unset, we left 500m",
        ),
        ({"replicas": 5}, {}, "what we left is not recorded"),
        (
            {"pods": {"a": POD | {"cpu_request": 900}}}, {"pods": {"a": POD}},
            "pod a: cpu_request now 900m, we left 200m",
        ),
        (
            {"pods": {"a": POD | {"uid": "v"}, "b": POD | {"memory_limit": None}}},
            {"pods": {"a": POD, "b": POD}},
            "pod a came since, with other values, and 1 more",
        ),
        ({"pods": {"c": POD}}, {"pods": {"a": POD}}, "pod c came since, with other values"),
    ],
)  # fmt: skip
def test_what_differs_is_said_in_numbers(now: dict[str, Any], after: dict[str, Any], said: str) -> None:
    assert now_and_left(now, after) == said
