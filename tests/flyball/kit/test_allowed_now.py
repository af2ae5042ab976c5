"""What a refusal suggests is a command that exists, and that is not refused."""

import re
import shlex
from dataclasses import replace

import pytest

from flyball.cli.govern import question
from flyball.cli.kit.allowed_now import hints
from flyball.exits import Exit
from policies.decision import Decision, VerdictKind
from policies.types import Headroom, Principal, Request
from tests.flyball.facts import WEB
from tests.kit.command_line import Flyball
from tools import arguments
from tools.path.outcome import Refused

BEYOND = (
    "act scale deploy/web --replicas 60",
    "act scale deploy/web --replicas 1",
    "act set-resources deploy/web --cpu-request 3",
    "act set-resources deploy/web --cpu-request 0.0001",  # less than a millicore: counts as one
    "act set-resources deploy/web --cpu-request 3 --memory-request 8Gi",
    "act set-resources deploy/web --cpu-request 20m --memory-limit 16Gi",
    "act set-resources deploy/web --cpu-limit 8 --in-place",
)


@pytest.mark.parametrize("line", BEYOND)
def test_what_is_suggested_is_allowed(flyball: Flyball, line: str) -> None:
    done = flyball(f"{line} --yes")
    assert done.code == Exit.REFUSED, done.out
    suggested = re.findall(r"alone, now:  flyball (.*?)   \(", done.out)
    assert suggested, done.out
    for command in suggested:
        again = flyball([*shlex.split(command), "--dry-run"])
        assert again.code == Exit.DONE, again.out


def _refused(args: dict[str, int | str | bool | None], *headrooms: Headroom) -> Refused:
    who = Principal(agent=None, on_behalf_of="human:anna", session="s")
    request = Request(
        id="12345678", principal=who, tool="set_resources", action="set_resources", target=WEB,
        args={"workload": "deployment/web", **args}, mode="live",
    )  # fmt: skip
    decision = Decision(VerdictKind.DENY, "limits", "r", "too much", "", "", headroom=headrooms)
    return Refused(request, 1, "limits", "r", "too much", decision=decision)


def test_each_number_is_moved_as_little_as_possible_and_flags_stay() -> None:
    headrooms = (
        Headroom("r", "cpuRequest", 250, 1000, True),
        Headroom("r", "memoryLimit", 2**28, 2**30, True),
    )
    args = {"cpu_request": "3", "memory_limit": "300Mi", "in_place": True, "lower_memory_limit": None}
    (line,) = hints(_refused(args, *headrooms))
    assert "--cpu-request 1 --memory-limit 300Mi --in-place   (r: cpuRequest 250m to 1, memoryLimit" in line
    assert "lower" not in line


def test_the_bounds_of_an_hpa_are_suggested_by_the_flags_that_act_has() -> None:
    refused = _refused({"max_replicas": 20, "lower_max": None}, Headroom("r", "maxReplicas", 2, 12, True))
    (line,) = hints(
        replace(refused, request=refused.request.model_copy(update={"tool": "set_autoscaler_bounds"}))
    )
    assert (
        "flyball act set-autoscaler-bounds deployment/web -n shop --max-replicas 12   (r: maxReplicas 2"
        in line
    )
    assert question.BOUNDS == arguments.BOUNDS, "policy can-i asks by the same ones"


def test_a_rule_that_does_not_let_every_number_move_suggests_no_command() -> None:
    args = {"cpu_request": "3", "memory_limit": "300Mi"}
    (line,) = hints(_refused(args, Headroom("r", "cpuRequest", 250, 1000, True)))
    assert line == "  alone, now:  cpuRequest 250m to 1   (r)"


def test_what_is_alone_comes_first_and_nothing_helps_where_there_is_no_room() -> None:
    found = hints(
        _refused(
            {"cpu_request": "3"},
            Headroom("b", "cpuRequest", 250, 2000, False),
            Headroom("a", "cpuRequest", 250, 1000, True),
        )
    )
    assert [line.split(":")[0].strip() for line in found] == ["alone, now", "approved"]
    assert hints(_refused({"cpu_request": "3"})) == []
