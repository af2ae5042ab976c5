"""The contract of a cluster behind the ports: one suite, on the simulator and on a real kube-apiserver.

Where the two differ, the simulator is wrong.

    read      workload, list, pods_of, kinds, namespaces, selector, not_found, root_owner, identity
    scale     takes, dry_run, stale_version, other_uid, recreated, negative, gone, no_op
    template  resources, dry_run, stale_version, other_uid, request_above_limit, unknown_container, no_op
    moves     labels_not_generation, annotations_generation, annotations_statefulset, status_only_version
    owns      marker_scale, marker_template, overwritten, next_intent, nothing_where_nobody_did
    owns      by_the_object, lost_by_a_no_op, scaled_without_a_time, by_a_controller, annotations_through_scale
    applies   conflict_names_manager, force_takes, same_value_shares, scale_moves_version, before_first_apply
    fence     moves_version, keeps_spec, held_write, generation_once, own_marker_stays, names_intent
    permits   expired, spent, dry_run_of_dry_run
    pods      become_ready, scale_down, rollout, statefulset_names
    usage     of_ready_pods, missing_is_no_entry
    resize    served, applied, memory_grows, dry_run, marker, no_op, stale_version, other_uid, strangers_pod
    resize    refused, quality_of_service, request_becomes_limit, not_by_a_plain_patch, only_resources
    resize    larger_than_the_node, deferred_until_there_is_room, pressed, within_the_quota, limit_range
    fence_pod holds_back, marker_stays
    events    of_a_workload, of_a_scale, not_of_others, no_room
    quota     fewer_pods, must_specify
    restraints of_a_workload
    autoscaler none, scales_up, stops_at_its_maximum
    bounds    takes, dry_run, stale_version, other_uid, of_another_workload, refused, defaults
    bounds    mark_outlives_others, fenced, two, obeyed, of_a_controller
    bounds    in_cpu, new_requests_move_no_pod_of_one_in_cpu
    envelope  is_shown_marked_and_taken_away
    restart   by_annotation, of_a_killed_container
"""

import re

import pytest

from tests.contract import bounds, happenings, ownership, reads, resizes, running, writes
from tests.contract.harness import Harness
from tests.contract.suite import CASES

AREAS = (reads, writes, ownership, running, resizes, happenings, bounds)


@pytest.mark.parametrize("name", CASES)
def test_contract(name: str, harness: Harness) -> None:
    harness.run(CASES[name])


def test_the_matrix_names_every_case() -> None:
    rows: list[tuple[str, str]] = re.findall(r"^    (\w+) +(.+)$", __doc__ or "", re.MULTILINE)
    assert {f"{area}__{one}" for area, names in rows for one in names.split(", ")} == CASES.keys()
