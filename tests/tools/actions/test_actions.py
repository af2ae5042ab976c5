"""scale and set_resources as pure functions: what they touch, move, send, say, and how they go back."""

from dataclasses import replace
from typing import Any

import pytest

from policies.types import Delta
from tests.tools.workloads import RESOURCES, pod, with_pods, workload
from tools.actions import registry
from tools.actions.describe_workload import facts
from tools.cluster_types import Container, Patch, Resources
from tools.errors import ArgumentsInvalid, DefiniteConflict

SCALE, RES = registry.action("scale"), registry.action("set_resources")


def scaling(replicas: int, current: int | None = None) -> Any:
    return registry.parse(
        SCALE.args, {"workload": "deploy/web", "replicas": replicas, "current_replicas": current}
    )


def setting(**values: Any) -> Any:
    return registry.parse(RES.args, {"workload": "deploy/web", **values})


def test_scale_to_zero_is_another_action_and_minus_zero_is_zero() -> None:
    assert [SCALE.classify(scaling(n)) for n in (1, 0, -0)] == ["scale", "scale_to_zero", "scale_to_zero"]


def test_scale_sends_the_number_that_was_judged() -> None:
    args, seen = scaling(8), workload(4)
    assert SCALE.deltas(args, seen) == (Delta("replicas", "", 4, 8),)
    assert SCALE.patches(args, seen)[0].body == {"spec": {"replicas": 8}}
    assert SCALE.patches(args, seen)[0].subresource == "scale"
    assert SCALE.describe(args, seen) == "4 -> 8"
    assert SCALE.inverse(args, SCALE.view(args, seen)) == {
        "workload": "deploy/web",
        "replicas": 4,
        "current_replicas": 8,
    }


def test_a_precondition_that_does_not_hold_sends_nothing() -> None:
    assert SCALE.patches(scaling(8, 4), workload(4))
    with pytest.raises(DefiniteConflict, match="has 4 replicas, not 0"):
        SCALE.patches(scaling(8, 0), workload(4))


def test_set_resources_sends_exactly_what_was_judged() -> None:
    args, seen = setting(cpu_request="0.25", memory_limit="1G"), workload()
    assert RES.deltas(args, seen) == (
        Delta("cpuRequest", "app", 500, 250),
        Delta("memoryLimit", "app", 512 * 2**20, 10**9),
    )
    (container,) = RES.patches(args, seen)[0].body["spec"]["template"]["spec"]["containers"]  # type: ignore[index]
    assert container == {
        "name": "app", "resources": {"requests": {"cpu": "250m"}, "limits": {"memory": "1000000000"}}
    }  # fmt: skip


@pytest.mark.parametrize("text", ["0", "-1", "0.0", "NaN", "inf", "1_000", "250M m", "１", "1e", "", " 1", "0x10",
                                  "1ki",
                                  "500m\n", "--", "1Gi;rm", "9" * 41, "true"])  # fmt: skip
def test_what_is_no_quantity_above_zero_is_refused(text: str) -> None:
    for field in ("cpu_request", "cpu_limit", "memory_request", "memory_limit"):
        with pytest.raises(ArgumentsInvalid):
            setting(**{field: text}).wanted()


@pytest.mark.parametrize(("field", "text"), [
    ("memory_limit", "1e999"), ("memory_limit", "9E"), ("cpu_request", "1e400"), ("cpu_limit", "9007199254741"),
])  # fmt: skip
def test_a_quantity_beyond_all_numbers_is_refused_and_does_not_wrap(field: str, text: str) -> None:
    with pytest.raises(ArgumentsInvalid, match="is too large"):
        setting(**{field: text})


def test_a_quantity_is_rounded_up_as_kubernetes_does_and_sent_as_it_was_judged() -> None:
    args = setting(cpu_request="0.0000001", memory_limit="2000m")
    assert args.wanted() == {"cpu_request": 1, "memory_limit": 2}
    assert "'1m'" in str(RES.patches(args, workload())[0].body)
    assert setting(cpu_request="2500e-4", memory_limit="0.5Ki").wanted() == {
        "cpu_request": 250,
        "memory_limit": 512,
    }


def test_half_a_byte_of_memory_is_a_slip_and_refused() -> None:
    for field in ("memory_request", "memory_limit"):
        with pytest.raises(ArgumentsInvalid, match=r"`512m` is finer than one byte \(did you mean 512Mi\?\)"):
            setting(**{field: "512m"})


def test_plain_bytes_are_shown_with_a_unit() -> None:
    assert RES.describe(setting(memory_limit="1"), workload()).startswith("memory_limit 512Mi -> 1 byte ")


@pytest.mark.parametrize(("seen", "outlook"), [
    ({}, "a rollout, it lasts"),
    ({"paused": True}, "4 pods, none until it is resumed (paused); it lasts"),
    ({"strategy": "Recreate"},
     "4 pods, all at once: none runs until they are replaced (strategy Recreate); it lasts"),
    ({"strategy": "OnDelete"}, "4 pods, none until it is deleted (update strategy OnDelete); it lasts"),
    ({"strategy": "Unknown"}, "4 pods, by an update strategy that is not known; it lasts"),
    ({"partition": 2}, "2 of 4 pods, one after another (partition 2 keeps the others); it lasts"),
    ({"partition": 4}, "none of 4 pods (partition 4 keeps them all); it lasts"),
    ({"replicas": 0}, "no pod: it is scaled to zero; it lasts"),
    ({"replicas": 0, "partition": 4}, "no pod: it is scaled to zero; it lasts"),
])  # fmt: skip
def test_the_line_promises_no_rollout_where_none_follows(seen: dict[str, Any], outlook: str) -> None:
    line = RES.describe(setting(cpu_request="300m"), replace(workload(), **seen))
    assert line == f"cpu_request 500m -> 300m (template: {outlook})"


def test_a_container_is_named_where_there_are_two() -> None:
    two = workload(4, Container("app", "i", RESOURCES), Container("proxy", "i", RESOURCES))
    for name in (None, "", "APP", "app ", "sidecar"):
        with pytest.raises(ArgumentsInvalid, match=r"it has (2 containers|no container `)"):
            RES.deltas(setting(container=name, cpu_request="1"), two)
    assert RES.deltas(setting(container="proxy", cpu_request="1"), two)[0].subject == "proxy"


def test_a_native_sidecar_is_named_and_written_where_it_stands() -> None:
    proxy = Container("proxy", "i", RESOURCES, native_sidecar=True)
    two, args = (
        workload(4, Container("app", "i", RESOURCES), proxy),
        setting(container="proxy", cpu_request="1"),
    )
    spec = {"initContainers": [{"name": "proxy", "resources": {"requests": {"cpu": "1"}}}]}
    assert RES.patches(args, two) == (Patch("", {"spec": {"template": {"spec": spec}}}),)
    assert "-c proxy" in RES.kubectl(args, two)  # kubectl looks for it among init containers too
    seen = with_pods(pod(containers=(proxy,)), seen=two)
    in_place = setting(container="proxy", cpu_request="1", in_place=True)
    assert RES.patches(in_place, seen) == (Patch("resize", {"spec": spec}, "web-1"),)


def test_nothing_to_set_is_a_mistake() -> None:
    with pytest.raises(ArgumentsInvalid, match="nothing to set"):
        RES.deltas(setting(), workload())


def test_what_was_not_set_before_cannot_be_put_back() -> None:
    bare = workload(4, Container("app", "i", Resources()))
    args = setting(cpu_request="1")
    with pytest.raises(ArgumentsInvalid, match="was not set before"):
        RES.inverse(args, RES.view(args, bare))


def test_an_autoscaler_keeps_replicas_a_deployer_the_template_too_and_a_controller_all() -> None:
    restart = registry.action("restart")
    for ownership, kept in (
        ({"owner": "horizontalpodautoscaler/web"}, ("horizontalpodautoscaler/web", None, None)),
        ({"owner": "scaledobject/web", "template_owner": "argocd"}, ("scaledobject/web", "argocd", None)),
        ({"owner": "argocd", "template_owner": "argocd"}, ("argocd", "argocd", None)),
        ({"template_owner": "argocd"}, (None, "argocd", None)),
        (dict.fromkeys(("owner", "template_owner", "controller"), "kind/main"), ("kind/main",) * 3),
    ):
        seen = workload(**ownership)  # type: ignore[arg-type]
        assert (SCALE.owner(seen), RES.owner(seen), restart.owner(seen)) == kept


def test_the_command_by_hand_says_the_same() -> None:
    assert SCALE.kubectl(scaling(8), workload()) == (
        "kubectl scale deployment/web -n shop --context sandbox --replicas=8"
    )
    assert RES.kubectl(setting(cpu_request="250m", memory_limit="1Gi"), workload()) == (
        "kubectl set resources deployment/web -n shop --context sandbox -c app"
        " --requests=cpu=250m --limits=memory=1Gi"
    )


def test_a_description_holds_neither_annotations_nor_images() -> None:
    said = str(facts(workload(), [], []))
    assert "canary" not in said
    assert "registry.invalid" not in said
