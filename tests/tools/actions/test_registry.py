"""The registry is closed, its specs agree with each other, and its argument models are strict."""

import json
from typing import Any

import pytest

from tests.tools.workloads import pod, with_pods, workload
from tools.actions import registry
from tools.cluster_types import Workload
from tools.errors import ArgumentsInvalid, UnknownTool

SPECS = [*registry.ACTIONS.values(), *registry.READS.values()]


def test_names_are_unique_and_the_catalogue_is_sorted() -> None:
    names = [info.name for info in registry.catalogue()]
    assert names == sorted(set(names))
    assert names == [
        "declare_event", "describe_workload", "end_envelope", "get_events", "keep_scale_point",
        "list_workloads",
        "lower_autoscaler_max", "lower_memory_limit", "read_metrics", "resize_with_restart", "restart", "scale",
        "scale_to_zero", "set_autoscaler_bounds", "set_envelope", "set_guarded_envelope",
        "set_resources",
    ]  # fmt: skip


def test_what_anybody_wrote_is_marked_as_such() -> None:
    """Whoever adds a tool that returns such text has to say so here too."""
    assert {name for name, spec in registry.READS.items() if spec.untrusted} == {
        "get_events",
        "changes",
        "why",
    }


@pytest.mark.parametrize("spec", SPECS, ids=lambda s: s.name)
def test_a_tool_reads_or_writes_and_never_more_than_it_says(spec: Any) -> None:
    writes = spec.name in registry.ACTIONS
    assert {info.access for info in spec.actions} == {"write" if writes else "read"}
    verbs = {verb for rule in spec.rbac for verb in rule.verbs}
    assert verbs <= ({"get", "list", "patch"} if writes else {"get", "list"})
    assert not {"secrets", "configmaps", "pods/exec", "pods/log"} & {rule.resource for rule in spec.rbac}


@pytest.mark.parametrize(
    "name", ["", "Scale", "scale ", "undo", "describe_workload", "__class__", "scale_to_zero"]
)
def test_what_is_not_registered_is_no_action(name: str) -> None:
    with pytest.raises(UnknownTool):
        registry.action(name)


SCALE: dict[str, Any] = {"workload": "deploy/web", "replicas": 5, "current_replicas": None}


@pytest.mark.parametrize("change", [
    {"replicas": True}, {"replicas": "5"}, {"replicas": 5.0}, {"replicas": None}, {"replicas": -1},
    {"replicas": 100_001}, {"current_replicas": False}, {"workload": 5}, {"workload": None}, {"force": True},
    {"workload": "x" * 301}, {"__class__": "x"},
], ids=str)  # fmt: skip
def test_parsing_coerces_nothing(change: dict[str, Any]) -> None:
    with pytest.raises(ArgumentsInvalid) as refused:
        registry.parse(registry.action("scale").args, SCALE | change)
    assert refused.value.where in change


def test_what_was_left_out_is_null() -> None:
    args = registry.parse(registry.action("scale").args, {"workload": "deploy/web", "replicas": 5})
    assert registry.plain(args) == SCALE


RESOURCES: dict[str, Any] = {"workload": "deploy/web", "cpu_request": "250m", "memory_limit": "1Gi"}
PODS = with_pods(pod("web-1"), pod("web-2"))
RESTARTING = with_pods(*(pod(name, restarts_on=("memory",)) for name in ("web-1", "web-2")))


@pytest.mark.parametrize(("name", "given", "seen"), [
    ("scale", SCALE, workload()),
    ("set_resources", RESOURCES, workload()),
    ("set_resources", RESOURCES | {"in_place": True}, PODS),
    ("set_resources", RESOURCES | {"in_place": True, "memory_limit": "300Mi", "lower_memory_limit": True}, PODS),
    ("set_resources", RESOURCES | {"in_place": True, "restart_containers": True}, RESTARTING),
])  # fmt: skip
def test_a_spec_agrees_with_itself(name: str, given: dict[str, Any], seen: Workload) -> None:
    """Its deltas move what its action says, its view is canonical, its inverse is parsed and leads back."""
    spec = registry.action(name)
    args = registry.parse(spec.args, given)
    info = next(i for i in spec.actions if i.name == spec.classify(args))
    assert {d.dimension for d in spec.deltas(args, seen)} <= set(info.dimensions)
    view = spec.view(args, seen)
    assert json.loads(json.dumps(view), parse_float=pytest.fail) == view
    back = registry.parse(spec.args, spec.inverse(args, view))
    forth = {(d.dimension, d.subject): (d.before, d.after) for d in spec.deltas(args, seen)}
    for delta in spec.deltas(back, seen):
        assert delta.after == forth[(delta.dimension, delta.subject)][0]
