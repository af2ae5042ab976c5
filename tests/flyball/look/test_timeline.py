"""Was it us, and who else: the merge of log, managedFields and events."""

from dataclasses import replace

import pytest

from tests.flyball.facts import NOW_MS, event, manager, pod, pods, workload
from tools.cluster_types import Change, Manager, fence_manager_of, manager_of
from tools.diagnosis.timeline import document, tally, timeline, unmarked

OURS = Change(
    NOW_MS - 300_000, "log", "human:anna", "scale 4 -> 8", "deployment/web", True, "applied", 12, True, "i-1"
)


def test_all_three_sources_newest_last() -> None:
    found = timeline(
        [OURS],
        workload(managers=(manager("kubectl-edit", 600, "spec.template"), manager(manager_of("i-1"), 300))),
        (),
        (event("ScalingReplicaSet", "Scaled up from 4 to 8", ago_s=299, source="deployment-controller"),),
        0,
    )
    assert [(c.source, c.who) for c in found] == [
        ("fields", "kubectl-edit"),
        ("log", "human:anna"),
        ("event", "deployment-controller"),
    ]
    assert [c.ours for c in found] == [False, True, False]
    assert found[1].undo, "its marker is still there"


def test_ours_that_somebody_wrote_over_cannot_be_undone() -> None:
    (only,) = timeline([OURS], workload(), (), (), 0)
    assert (only.record, only.undo) == (12, False)
    (kept,) = timeline([OURS], workload(), (pod(managers=(manager(manager_of("i-1"), 300),)),), (), 0)
    assert kept.undo


def test_a_flyball_that_this_log_does_not_know_is_somebody_else() -> None:
    (only,) = timeline([], workload(managers=(manager("flyball-elsewhere", 60),)), (), (), 0)
    assert not only.ours
    assert only.who == "another Flyball (flyball-elsewhere)"


def test_what_controllers_write_of_themselves_is_no_change() -> None:
    quiet = (manager("kube-controller-manager", 10, "status.replicas", subresource="status"),)
    noise = (event("Scheduled"), event("Pulled"), event("Unhealthy"))
    assert timeline([], workload(managers=quiet), pods(), noise, 0) == []


def test_a_resize_by_hand_is_somebody_elses_and_the_creation_is_named() -> None:
    by_hand = pod(managers=(manager("kubectl-patch", 30, "spec.containers", subresource="resize"),))
    created = replace(manager("kubectl", 90), at="2026-01-01T00:00:00Z")
    first, second = timeline([], workload(managers=(created,)), (by_hand,), (), 0)
    assert (first.who, first.what) == ("kubectl", "created it")
    assert (second.about, second.what) == ("pod/web-0", "resized in place")


def test_since_cuts_off_and_many_fields_are_counted() -> None:
    fields = tuple(f"spec.f{n}" for n in range(9))
    one = workload(managers=(manager("kubectl-edit", 600, *fields),))
    (found,) = timeline([], one, (), (), NOW_MS - 700_000)
    assert found.what == "wrote spec.f0, spec.f1, spec.f2, spec.f3, spec.f4 and 4 more"
    assert timeline([], one, (), (), NOW_MS - 500_000) == []
    assert document(found)["record"] is None


def test_a_manager_without_a_name_does_not_break_it() -> None:
    (only,) = timeline([], workload(managers=(manager("", 5),)), (), (), 0)
    assert only.who == "unnamed"


def scaling(name: str, subresource: str = "scale") -> Manager:
    return Manager(name, "Update", subresource, "", ("spec.replicas",))


def test_a_write_through_scale_has_no_time_and_stands_last() -> None:
    """As the apiserver keeps `kubectl scale` (measured on 1.36)."""
    seen = workload(managers=(scaling("kubectl"), manager("kubectl-create", 9_000, "spec.template")))
    created, scaled = timeline([], seen, (), (), 0)
    assert (created.who, scaled.who, scaled.at_ms) == ("kubectl-create", "kubectl", 0)
    assert scaled.what == "wrote spec.replicas (by /scale)"
    assert timeline([], seen, (), (), NOW_MS) == [scaled], "it may have been just now"
    assert document(scaled)["at_ms"] is None


def test_a_write_through_scale_that_changed_nothing_is_no_change() -> None:
    """It splits an entry without time and subresource off that of whoever owned the replicas before."""
    split = (scaling("kubectl-create", ""), manager("kubectl-create", 9_000, "spec.template"))
    (created,) = timeline([], workload(managers=split), (), (), 0)
    assert created.at_ms > 0


@pytest.mark.parametrize(("replicas", "managers", "said"), [
    (3, (manager("argocd", 60, "spec.template"),), True),
    (3, (), True),
    (1, (manager("argocd", 60, "spec.template"),), False),
    (3, (manager("kubectl-create", 60, "spec.replicas"),), False),
    (3, (manager("old", 60, "spec"),), False),
    (3, (scaling("kubectl"),), False),
])  # fmt: skip
def test_where_nobody_owns_the_replicas_their_writer_is_said_to_be_unknown(
    replicas: int, managers: tuple[Manager, ...], said: bool
) -> None:
    seen = workload(replicas=replicas, managers=managers)
    assert bool(unmarked(seen)) is said
    assert all(change.at_ms or change.who == "kubectl" for change in timeline([], seen, (), (), 0))


def test_a_kind_without_scale_has_no_such_writer() -> None:
    target = workload().target.model_copy(update={"kind": "daemonset"})
    assert unmarked(workload(target=target, replicas=3)) == {}


def test_our_own_mark_and_fence_without_a_time_are_known() -> None:
    by_annotation = manager(fence_manager_of("i-1"), 30, "metadata.annotations")
    marks = (scaling(manager_of("i-1")), scaling(fence_manager_of("i-1")), by_annotation)
    assert timeline([OURS], workload(managers=marks), (), (), 0) == [OURS]
    strangers = timeline([OURS], workload(managers=(scaling(fence_manager_of("i-2")),)), (), (), 0)
    assert [change.who for change in strangers] == ["human:anna", "another Flyball (flyball-fence-i-2)"]


def test_pods_one_by_one_are_told_of_statefulsets_only() -> None:
    made = [event("SuccessfulCreate", about=about) for about in ("replicaset/web-1", "statefulset/db")]
    assert [c.about for c in timeline([], workload(), (), made, 0)] == ["statefulset/db"]


def test_changes_of_one_instant_stand_in_the_logs_order() -> None:
    twice = [replace(OURS, record=68, what="z"), replace(OURS, record=112, what="a")]
    assert [c.record for c in timeline(twice, workload(), (), (), 0)] == [68, 112]


def test_what_others_wrote_is_harmless_and_short() -> None:
    evil = "x\ny \x1b[31m\u202e password=hunter22 " + "z" * 900
    told = timeline(
        [], workload(managers=(manager(evil, 60, f"f:{evil}"),)), (), [event("Evicted", evil, source=evil)], 0
    )
    assert len(told) == 2
    for one in told:
        for text, most in ((one.who, 128), (one.what, 240)):
            assert text.isprintable()
            assert "hunter22" not in text
            assert len(text) <= most


def test_they_are_counted_by_where_they_are_known_from() -> None:
    fields = timeline([], workload(managers=(manager("kubectl-edit", 60),)), (), (), 0)
    assert tally([OURS, *fields, *fields]) == {"ours": 1, "others": 2, "events": 0}
