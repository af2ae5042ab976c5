"""`flyball edit`: another figure in place of one that waits."""

from typing import Any

import pytest

from tests.kit.command_line import Flyball


def asked(flyball: Flyball) -> str:
    """The handle of 15 replicas, which wait."""
    done = flyball("act scale deploy/web --replicas 15 --yes -o json")
    assert done.code == 4, done.err
    return str(done.document["handle"])


def waiting(flyball: Flyball) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = flyball("pending -o json").document["items"]
    return found


def test_a_figure_that_waits_too_is_a_new_question(flyball: Flyball) -> None:
    old = asked(flyball)
    done = flyball(f"edit {old} replicas=12 --yes")
    assert done.code == 4, done.err
    assert f"declined {old}, which it replaces" in done.err
    (only,) = waiting(flyball)
    assert only["args"]["replicas"] == 12
    assert only["handle"] != old


def test_a_figure_that_is_allowed_is_carried_out(flyball: Flyball) -> None:
    done = flyball(f"edit {asked(flyball)} replicas=6 --yes")
    assert done.code == 0, done.err
    assert "4 -> 6" in done.out
    assert waiting(flyball) == []


def test_a_figure_that_is_refused_leaves_the_old_one_waiting(flyball: Flyball) -> None:
    old = asked(flyball)
    assert flyball(f"edit {old} replicas=60 --yes").code == 3
    assert [one["handle"] for one in waiting(flyball)] == [old]


@pytest.mark.parametrize(
    "field", ["replicas", "replicas=many", "colour=red", "workload=deployment/search", "=", "replicas=1_0"]
)
def test_what_changes_nothing_is_a_mistake(flyball: Flyball, field: str) -> None:
    old = asked(flyball)
    done = flyball(["edit", old, field, "--yes"])
    assert done.code == 2, done.err
    assert "Traceback" not in done.err
    assert [one["handle"] for one in waiting(flyball)] == [old]
