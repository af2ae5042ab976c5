"""set_resources in place, as pure functions: what is refused before any write, sent, said, put back and settled."""

from dataclasses import replace
from typing import Any

import pytest

from policies.types import Delta
from tests.tools.workloads import RESOURCES, pod, with_pods, workload
from tools.actions import registry
from tools.actions.in_place_checks import MOST_PODS
from tools.cluster.qos import qos_class
from tools.cluster_types import Container, Pod, Resources
from tools.errors import ArgumentsInvalid

RES = registry.action("set_resources")
MI = 2**20


def setting(**given: Any) -> Any:
    return registry.parse(RES.args, {"workload": "deploy/web", "in_place": True, **given})


def test_only_in_place_looks_at_the_pods() -> None:
    assert RES.pods(setting(cpu_request="1"))
    for mode in (None, False):
        assert not RES.pods(setting(cpu_request="1", in_place=mode))


def test_each_pod_that_differs_is_patched_once_and_by_name() -> None:
    seen = with_pods(pod("web-1"), pod("web-2", replace(RESOURCES, cpu_request=250)))
    (patch,) = RES.patches(setting(cpu_request="250m"), seen)
    assert (patch.subresource, patch.pod) == ("resize", "web-1")
    container = {"name": "app", "resources": {"requests": {"cpu": "250m"}}}
    assert patch.body == {"spec": {"containers": [container]}}


def test_where_nothing_differs_there_is_still_what_to_rehearse() -> None:
    seen = with_pods(pod("web-1"), pod("web-2"))
    args = setting(cpu_request="500m")
    assert [patch.pod for patch in RES.patches(args, seen)] == ["web-1", "web-2"]
    assert all(delta.before == delta.after for delta in RES.deltas(args, seen))


def test_a_view_binds_to_the_pods_as_they_are() -> None:
    seen = with_pods(pod("web-1"))
    assert RES.view(setting(cpu_request="250m"), seen) == {
        "container": "app",
        "pods": {
            "web-1": {
                "uid": "uid-web-1",
                "cpu_request": 500,
                "cpu_limit": 1000,
                "memory_request": 256 * MI,
                "memory_limit": 512 * MI,
            }
        },
    }


def test_a_change_counts_once_however_many_pods_make_it() -> None:
    mixed = [pod(f"web-{i}", replace(RESOURCES, cpu_request=250 if i else 500)) for i in range(5)]
    assert RES.deltas(setting(cpu_request="300m"), with_pods(*mixed)) == (
        Delta("cpuRequest", "app", 500, 300),
        Delta("cpuRequest", "app", 250, 300),
    )


def test_it_says_how_long_it_lasts_and_where_pods_differ() -> None:
    mixed = [pod(f"web-{i}", replace(RESOURCES, cpu_request=250 if i else 500)) for i in range(3)]
    assert RES.describe(setting(cpu_request="300m"), with_pods(*mixed)) == (
        "cpu_request 250m (2), 500m (1) -> 300m in 3 pods "
        "(in place, until they are replaced: the template keeps 500m)"
    )
    assert RES.describe(setting(cpu_request="300m", in_place=None), workload()) == (
        "cpu_request 500m -> 300m (template: a rollout, it lasts)"
    )


GUARANTEED = Resources(500, 500, MI, MI)
REFUSED: dict[str, tuple[dict[str, Any], list[Pod], str]] = {
    "no pods": ({"cpu_request": "1"}, [], "no running pods"),
    "too many": ({"cpu_request": "1"}, [pod(f"web-{i}") for i in range(MOST_PODS + 1)], "at most 100"),
    "request over limit": ({"cpu_request": "1100m"}, [pod()], "more than its limit 1"),
    "limit under request": ({"memory_limit": "1Mi", "lower_memory_limit": True}, [pod()], "more than its limit"),
    "leaves Guaranteed": ({"cpu_request": "250m"}, [pod(resources=GUARANTEED, qos="Guaranteed")], "QoS class"),
    "becomes Guaranteed": (
        {"cpu_request": "1", "memory_request": "512Mi"}, [pod()], "from Burstable to Guaranteed"),
    "leaves BestEffort": ({"cpu_request": "1"}, [pod(resources=Resources(), qos="BestEffort")], "QoS class"),
    "lowers memory unsaid": ({"memory_limit": "511Mi"}, [pod()], "lowers a memory limit"),
    "a first memory limit": (
        {"memory_limit": "1Gi"}, [pod(resources=Resources(500, None, None, None))], "lowers a memory limit"),
    "lowers it in one pod of two": (
        {"memory_limit": "600Mi"}, [pod(), pod("web-2", replace(RESOURCES, memory_limit=2**30))], "lowers a"),
    "says so and raises": ({"memory_limit": "1Gi", "lower_memory_limit": True}, [pod()], "lowers no memory"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED, ids=str)
def test_what_would_be_refused_or_is_another_action_is_said_before_any_write(case: str) -> None:
    given, pods, why = REFUSED[case]
    with pytest.raises(ArgumentsInvalid, match=why):
        RES.deltas(setting(**given), with_pods(*pods))


def test_where_the_class_cannot_be_reproduced_the_apiserver_judges() -> None:
    """Init containers and pod-level resources count too."""
    odd = pod(resources=GUARANTEED, qos="Burstable")
    assert RES.deltas(setting(cpu_request="250m"), with_pods(odd))
    whole = replace(pod(resources=GUARANTEED, qos="Guaranteed"), resources=Resources(2000, 2000, MI, MI))
    assert RES.deltas(setting(cpu_request="250m"), with_pods(whole))


def test_lowering_a_memory_limit_is_an_action_of_its_own() -> None:
    args = setting(memory_limit="256Mi", lower_memory_limit=True)
    assert RES.classify(args) == "lower_memory_limit"
    assert RES.deltas(args, with_pods(pod())) == (Delta("memoryLimit", "app", 512 * MI, 256 * MI),)
    assert RES.classify(setting(memory_limit="256Mi")) == "set_resources"
    done = with_pods(pod(resources=replace(RESOURCES, memory_limit=256 * MI)))
    assert RES.deltas(args, done) == (Delta("memoryLimit", "app", 256 * MI, 256 * MI),)


@pytest.mark.parametrize("given", [
    {"memory_limit": "1Gi", "lower_memory_limit": True, "in_place": None},
    {"cpu_limit": "1", "lower_memory_limit": True},
])  # fmt: skip
def test_the_word_for_it_goes_with_what_it_means(given: dict[str, Any]) -> None:
    with pytest.raises(ArgumentsInvalid, match="in_place and memory_limit only"):
        setting(**given)


def test_undo_puts_each_pod_back_where_all_were_alike() -> None:
    args, seen = setting(cpu_request="250m", memory_limit="1Gi"), with_pods(pod(), pod("web-2"))
    back = RES.inverse(args, RES.view(args, seen))
    assert registry.plain(registry.parse(RES.args, back)) == {
        "workload": "deploy/web", "container": "app", "cpu_request": "500m", "cpu_limit": None,
        "memory_request": None, "memory_limit": "512Mi", "in_place": True, "lower_memory_limit": True,
        "restart_containers": None, "hpa_target": None,
        "scale_point_held": None,
    }  # fmt: skip


@pytest.mark.parametrize("other", [replace(RESOURCES, cpu_request=1), replace(RESOURCES, cpu_request=None)])
def test_undo_of_unlike_pods_is_not_one_change(other: Resources) -> None:
    args = setting(cpu_request="250m")
    for pods in ((pod(), pod("web-2", other)), (pod(resources=other),) if other.cpu_request is None else ()):
        if pods:
            with pytest.raises(ArgumentsInvalid, match="different values before"):
                RES.inverse(args, RES.view(args, with_pods(*pods)))


def test_the_command_by_hand_resizes_each_pod() -> None:
    args = setting(cpu_request="250m")
    one = (
        "kubectl patch pod {} -n shop --context sandbox --subresource resize "
        '-p \'{{"spec":{{"containers":[{{"name":"app","resources":{{"requests":{{"cpu":"250m"}}}}}}]}}}}\''
    )
    pods = with_pods(pod("web-1"), pod("web-2"))
    assert RES.kubectl(args, pods) == f"{one.format('web-1')}; {one.format('web-2')}"
    assert RES.kubectl(args, workload()) == one.format("POD")


OWNERS = [
    # replicas' pinned, resources' pinned, in the template, in place
    (None, None, None, None),
    ("horizontalpodautoscaler/web", None, None, None),
    ("argocd/shop", None, "argocd/shop", None),
    (None, "verticalpodautoscaler/web", "verticalpodautoscaler/web", "verticalpodautoscaler/web"),
    ("argocd/shop", "verticalpodautoscaler/web", "verticalpodautoscaler/web", "verticalpodautoscaler/web"),
]


@pytest.mark.parametrize(("owner", "keeps", "template", "in_place"), OWNERS)
def test_a_vpa_keeps_resources_anywhere_and_a_deployer_the_template(
    owner: str | None, keeps: str | None, template: str | None, in_place: str | None
) -> None:
    deployer = None if owner is None or owner.startswith("horizontal") else owner
    seen = workload(owner=owner, template_owner=deployer, resources_owner=keeps)
    assert RES.owner(seen) == template
    assert RES.owner(with_pods(pod(), seen=seen)) == in_place


def given(name: str, cpu: int | None, **more: Any) -> Pod:
    """A pod that asks for 250m and was given `cpu`."""
    wanted = replace(RESOURCES, cpu_request=250)
    actual = () if cpu is None else (Container("app", "", replace(RESOURCES, cpu_request=cpu)),)
    return pod(name, wanted, actual=actual, **more)


SETTLED: dict[str, tuple[list[Pod], str | None, int, int, str]] = {
    "all": ([given("a", 250), given("b", 250)], "applied", 2, 2, "2 applied of 2"),
    "one to come": ([given("a", 250), given("b", 500)], None, 1, 2, "1 applied, 1 under way of 2"),
    "the node does not say": ([given("a", None)], None, 0, 1, "1 under way of 1"),
    "actuating": ([given("a", 250, resize="in_progress")], None, 0, 1, "1 under way of 1"),
    "not looked at yet": ([given("a", 500, resize="pending")], None, 0, 1, "1 under way of 1"),
    "deferred": ([given("a", 500, resize="deferred"), given("b", 250)], "deferred", 1, 2, "1 deferred, 1 applied"),
    "infeasible": (
        [given("a", 500, resize="infeasible", resize_message="no room"), given("b", 500, resize="deferred")],
        "infeasible", 0, 2, "pod a: no room"),
    "error": ([given("a", 500, resize="error"), given("b", 500, resize="infeasible")], "error", 0, 2, "1 error"),
    "an end waits for the others": ([given("a", 500, resize="error"), given("b", 500)], None, 0, 2, "1 error"),
    "gone": ([], "applied", 0, 0, "replaced since"),
    "going": ([given("a", 500, deleting=True), given("b", 250)], "applied", 1, 1, "1 applied of 1"),
    "never written": ([given("a", 250), pod("c")], "applied", 1, 1, "1 applied of 1"),
}  # fmt: skip


@pytest.mark.parametrize("case", SETTLED, ids=str)
def test_how_far_it_has_come_is_told_by_each_pod(case: str) -> None:
    pods, state, done, total, detail = SETTLED[case]
    found = RES.settled(setting(cpu_request="250m"), workload(), pods)
    assert (found.state, found.done, found.total) == (state, done, total)
    assert detail in found.detail


QOS = [
    ([Resources()], "BestEffort"),
    ([Resources(cpu_request=1)], "Burstable"),
    ([Resources(None, 1, None, 1)], "Guaranteed"),
    ([Resources(1, 1, 1, 1)], "Guaranteed"),
    ([Resources(1, 1, 1, 2)], "Burstable"),
    ([Resources(1, 1, None, None)], "Burstable"),
    ([Resources(1, 1, 1, 1), Resources()], "Burstable"),
    ([Resources(1, 1, 1, 1), Resources(2, 2, 3, 3)], "Guaranteed"),
    ([], "BestEffort"),
]


@pytest.mark.parametrize(("blocks", "expected"), QOS)
def test_quality_of_service_is_kubernetes_own(blocks: list[Resources], expected: str) -> None:
    assert qos_class(blocks) == expected
