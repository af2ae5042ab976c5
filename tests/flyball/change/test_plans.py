"""Plans at the command line: a dry run ends with one, it is applied by its handle, approved as one, a run undone."""

import re
from pathlib import Path
from typing import Any

import pytest

from flyball.exits import Exit
from tests.kit.command_line import Done, Flyball

BUSY = "tune run --dry-run --cpu-percent 30"
"""On the default world: search and worker alone, web with an approval."""


def planned(flyball: Flyball, line: str = BUSY) -> dict[str, Any]:
    done = flyball(f"{line} -o json")
    assert done.code == Exit.DONE, done.err
    plan: dict[str, Any] = done.document["plan"]
    return plan


def statuses(done: Done) -> dict[str, str]:
    return {step["target"].partition("/")[2]: step["status"] for step in done.document["steps"]}


def suggested(done: Done, label: str) -> str:
    line = next(line for line in done.out.splitlines() if label in line)
    return line.split("flyball ", 1)[1].split("   (")[0]


def test_a_dry_run_ends_with_a_plan_and_the_command_that_applies_it(flyball: Flyball) -> None:
    done = flyball(BUSY)
    lines = done.out.splitlines()
    at = next(i for i, line in enumerate(lines) if line.startswith("plan "))
    assert lines[at].split("  ", 1)[1] == "3 changes, 1 needs approval, 0 refused"
    command = suggested(done, "apply exactly this")
    assert command == f"tune apply {lines[at].split()[1]}"
    applied = flyball(f"{command} --yes -o json")
    assert applied.code == Exit.DONE
    assert applied.document["kind"] == "PlanResult"
    assert statuses(applied) == {"search": "applied", "web": "waiting", "worker": "applied"}


def test_a_dry_run_that_would_change_nothing_ends_with_none(flyball: Flyball) -> None:
    done = flyball("tune run --dry-run -n default")
    assert done.code == Exit.DONE
    assert "plan" not in done.out
    assert flyball("tune run --dry-run -n default -o json").document["plan"] is None


def test_a_pass_shows_its_plan_and_asks(flyball: Flyball) -> None:
    assert flyball("tune run").code == Exit.USAGE, "nobody is there to answer"
    assert flyball("audit tail").out.count("run.started") == 0, "and nothing was looked at"
    for typed in ("", "n\n"):
        done = flyball("tune run", typed=typed)
        assert done.code == Exit.DECLINED
        assert "scale deployment/web 4 -> 7" in done.out
        assert "apply? [y/N]" in done.err
        assert flyball("get deploy/web -o json").document["replicas"] == 4
    assert flyball("tune run -o json", typed="n\n").document["kind"] == "Declined"
    done = flyball("tune run", typed="y\n")
    assert done.code == Exit.DONE
    assert "2 applied" in done.out
    assert flyball("get deploy/web -o json").document["replicas"] == 7


def test_yes_skips_the_question_and_never_the_diff(flyball: Flyball) -> None:
    done = flyball("tune run --yes")
    assert "scale deployment/web 4 -> 7" in done.out
    assert "[y/N]" not in done.err
    assert suggested(done, "undo:").startswith("undo --run r-")
    assert flyball("tune run --yes --dry-run --cpu-percent 60").out.count("apply exactly this") == 1


def test_a_pass_that_would_change_nothing_asks_nothing(flyball: Flyball) -> None:
    done = flyball("tune run -n default", typed="")
    assert (done.code, "apply?" in done.err) == (Exit.DONE, False)


def test_a_plan_that_is_refused_whole_is_not_offered(flyball: Flyball) -> None:
    assert flyball("tune run --yes").code == Exit.DONE
    assert flyball("act scale deploy/web --replicas 9 --yes").code == Exit.DONE
    again = "tune run --cpu-percent 60"  # only search is off its target, and it cools down
    done = flyball(again, typed="y\n")
    assert done.code == Exit.DONE
    assert "nothing of it can be applied: each step was refused" in done.out
    assert "tune apply" not in done.out
    assert "apply?" not in done.err
    plan = flyball(f"{again} --yes -o json").document["plan"]
    assert plan["refused"] == plan["changes"] == 1
    assert flyball("sandbox advance 2m").code == Exit.DONE
    refused = flyball(f"tune apply {plan['handle']} --yes")
    assert refused.code == Exit.REFUSED
    assert "each of its steps was refused" in refused.err


def test_the_diffs_come_before_the_question_and_silence_is_a_no(flyball: Flyball) -> None:
    handle = planned(flyball)["handle"]
    assert flyball(f"tune apply {handle}").code == Exit.USAGE
    for typed in ("", "n\n", "yess\n"):
        done = flyball(f"tune apply {handle}", typed=typed)
        assert done.code == Exit.DECLINED
        assert "scale deployment/search 6 -> 7" in done.out
        assert "apply? [y/N]" in done.err
    assert flyball(f"tune apply {handle} -o json", typed="n\n").document["kind"] == "Declined"
    assert flyball(f"tune apply {handle}", typed="y\n").code == Exit.DONE


def test_what_is_excluded_is_shown_as_left_out(flyball: Flyball) -> None:
    handle = planned(flyball)["handle"]
    done = flyball(f"tune apply {handle} --exclude deploy/search --exclude statefulset/worker --yes")
    assert done.code == Exit.DONE
    assert done.out.count("left out") == 4, "in the plan and in what came of it"
    assert flyball(f"tune apply {handle} --exclude deploy/serach --yes").code == Exit.USAGE
    assert flyball(f"tune apply {handle} --stop-on never --yes").code == Exit.USAGE


def test_what_an_application_left_out_no_suggestion_and_no_yes_brings_back(flyball: Flyball) -> None:
    handle = planned(flyball)["handle"]
    done = flyball(f"tune apply {handle} --exclude deploy/search --yes")
    assert suggested(done, "yes:") == f"approve {handle} --exclude deployment/search"
    refused = flyball(f"approve {handle} --yes")
    assert refused.code == Exit.REFUSED
    assert f"flyball approve {handle} --exclude deployment/search" in refused.err
    assert flyball("get deploy/search -o json").document["replicas"] == 6
    approved = flyball(f"{suggested(done, 'yes:')} --yes -o json")
    assert statuses(approved) == {"search": "excluded", "web": "applied", "worker": "applied"}


def test_pending_shows_one_line_and_one_yes_does_all(flyball: Flyball) -> None:
    plan = planned(flyball)
    lines = flyball("pending").out.splitlines()
    assert len(lines) == 2
    assert lines[1].split() == [
        plan["handle"], "sandbox/shop", "plan", "1-of-3-steps", "web:4->17", "agent:tuner", "-", "local", "15m",
    ]  # fmt: skip
    (waiting,) = flyball("pending -o json").document["plans"]
    assert (waiting["open"], waiting["tainted_since"]) == ([2], None)
    declined = flyball(f"approve {plan['handle']}", typed="\n")
    assert declined.code == Exit.DECLINED
    assert "scale deployment/web 4 -> 17" in declined.out
    assert "scale deployment/search 6 -> 7" in declined.out
    done = flyball(f"approve {plan['handle']} --yes -o json")
    assert done.code == Exit.DONE
    assert set(statuses(done).values()) == {"applied"}
    assert done.document["approved"] == [2]
    assert flyball("pending").out == ""


def test_a_no_ends_the_plan(flyball: Flyball) -> None:
    handle = planned(flyball)["handle"]
    assert "declined plan" in flyball(["deny", handle, "--reason", "not \x1b[31mtoday"]).out
    for line in (f"approve {handle} --yes", f"tune apply {handle} --yes"):
        assert flyball(line).code == Exit.USAGE
    assert flyball("pending").out == ""


def test_a_plan_without_votes_is_applied_and_not_approved(flyball: Flyball) -> None:
    done = flyball("tune run --dry-run -o json").document["plan"]
    refused = flyball(f"approve {done['handle']} --yes")
    assert refused.code == Exit.USAGE
    assert f"flyball tune apply {done['handle']}" in refused.err


def test_one_question_is_approved_as_before_and_leaves_nothing_out(flyball: Flyball) -> None:
    handle = flyball("act scale deploy/web --replicas 15 --yes -o json").document["handle"]
    assert flyball(f"approve {handle} --yes --exclude deploy/web").code == Exit.USAGE
    assert flyball(f"approve {handle} --yes").code == Exit.DONE


def test_what_has_changed_since_is_refused(flyball: Flyball) -> None:
    handle = planned(flyball)["handle"]
    assert flyball("act scale deploy/web --replicas 5 --yes").code == Exit.DONE
    done = flyball(f"approve {handle} --yes -o json")
    assert statuses(done)["web"] == "refused"
    assert flyball("act scale deploy/web --replicas 5 --dry-run -o json").document["diff"] == "5 -> 5"


def test_a_run_is_undone_and_the_undo_too(flyball: Flyball) -> None:
    run = flyball("tune run --yes -o json").document["run_id"]
    shown = flyball(f"undo --run {run} --dry-run")
    assert shown.code == Exit.DONE
    assert "scale deployment/web 7 -> 4" in shown.out
    assert flyball(f"undo --run {run}").code == Exit.USAGE
    assert flyball(f"undo --run {run}", typed="n\n").code == Exit.DECLINED
    done = flyball(f"undo --run {run} --yes")
    assert done.code == Exit.DONE
    assert "2 applied" in done.out
    again = flyball(f"undo --run {run} --yes -o json")
    assert (again.code, again.document["steps"]) == (Exit.DONE, [])
    assert len(again.document["not_undone"]) == 2
    assert "undone already" in flyball(f"undo --run {run} --yes").out
    forth = suggested(done, "undo:")
    assert flyball("sandbox advance 2m").code == Exit.DONE  # others-scaling cools down for a minute
    assert set(statuses(flyball(f"{forth} --yes -o json")).values()) == {"applied"}


def test_the_plan_of_an_undo_is_applied_by_its_handle(flyball: Flyball) -> None:
    run = flyball("tune run --yes -o json").document["run_id"]
    command = suggested(flyball(f"undo --run {run} --dry-run"), "apply exactly this")
    assert set(statuses(flyball(f"{command} --yes -o json")).values()) == {"applied"}


@pytest.mark.parametrize(
    "line",
    [
        "undo --run r-nobody --yes",
        "undo 5 --run r-1",
        "undo --last --run r-1",
        "undo --run r-1 --wait 5m --yes",
        "undo --run r-1 --request-id some-other-id --yes",
        "undo --run r-1 --dry-run=none",
        "tune apply deadbeef --yes",
        "tune apply short --yes",
        "tune apply",
    ],
)
def test_usage(flyball: Flyball, line: str) -> None:
    flyball("tune run --dry-run")
    assert flyball(line).code == Exit.USAGE


def test_the_kill_switch_stops_a_plan_and_it_is_counted(flyball: Flyball) -> None:
    handle = planned(flyball)["handle"]
    assert flyball("stop --reason drill").code == Exit.DONE
    done = flyball(f"tune apply {handle} --yes -o json")
    assert done.document["counts"] == {"refused": 2, "waiting": 1}


def test_the_pages_commands_run(flyball: Flyball) -> None:
    """docs/path.md, in order, with the handle and the run that the first one prints."""
    page = (Path(__file__).parents[3] / "docs" / "path.md").read_text()
    lines = [
        line.removeprefix("flyball ")
        for line in re.findall(r"```sh\n(.*?)```", page, re.DOTALL)[0].splitlines()
    ]
    assert len(lines) >= 6
    first = flyball(lines[0])
    handle, run = suggested(first, "apply exactly").split()[-1], first.out.split("run ", 1)[1].split()[0]
    for line in lines[1:]:
        line = line.replace("9b73ab7a", handle).replace("r-f3c67d3fa28a", run)
        assert flyball(line).code == Exit.DONE, line


def test_an_undo_of_which_each_step_is_refused_asks_nothing(flyball: Flyball) -> None:
    run = flyball("tune run --yes -o json").document["run_id"]
    flyball("stop --reason drill")
    for line in (f"undo --run {run} --dry-run", f"undo --run {run} --yes"):
        done = flyball(line)
        assert done.code == Exit.REFUSED
        assert "denied: all is stopped" in done.out
        assert "tune apply" not in done.out
        assert flyball(f"{line} -o json").document["exit_code"] == Exit.REFUSED
    assert flyball("get deploy/web -o json").document["replicas"] == 7
