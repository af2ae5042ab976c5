"""An agent's run with a model: what it writes is shown with who wrote it | hostile, silent or away, it changes no
decision | nothing that anybody may have written is sent to it (threat 35)"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.agents.conftest import Flyball
from tests.flyball.tune.agents import policy
from tests.kit.scripted_model import ScriptedModel, Step, call, malformed, say, serving

RUN = ("tune", "run", "--agent", "night", "--yes", "-o", "json")
DECIDED = ("target", "status", "strategy", "action", "proposed", "why", "expects", "reason", "notes")
Run = Callable[..., Any]


@pytest.fixture
def run(flyball: Flyball, tmp_path: Path) -> Run:
    """A command under the policy with the agent `night`, its JSON read."""

    def found(*words: str, model: ScriptedModel | None = None) -> Any:
        code, out, err = flyball(*words, "--policies", str(policy(tmp_path)), model=model)
        assert code == 0, err
        return json.loads(out) if "json" in words else out

    return found


def decided(found: Any) -> list[Any]:
    return [{name: item.get(name) for name in DECIDED} for item in found["items"]]


def answer(*found: tuple[int, int, str]) -> Step:
    each = [{"workload": place, "candidate": candidate, "text": text} for place, candidate, text in found]
    return say(json.dumps({"answers": each}))


def test_what_it_wrote_is_explained_with_who_wrote_and_who_chose(run: Run) -> None:
    with serving([answer((2, 0, "7 pods in place of 4."), (1, 0, "11 pods."))]) as model:
        done = run(*RUN, model=model)
        assert len(model.requests) == 1
    told = run("tune", "explain", done["run_id"], "web")
    assert "text     7 pods in place of 4. (written by model:scripted, chosen by least-cost)" in told
    assert "reason   " in told
    assert "written by" not in run("tune", "explain", done["run_id"], "search"), "11 was no figure"
    (item,) = run("tune", "explain", done["run_id"], "web", "-o", "json")["items"]
    by = {"text": "7 pods in place of 4.", "by": "model:scripted", "chosen_by": "least-cost"}
    assert item["advice"] == by
    (call_,) = run("audit", "tail", "--kind", "model.call", "-o", "json")["items"]
    assert call_["record"]["labels"] == {"thread": f"tune-{done['run_id']}"}


def test_a_tie_that_it_chose_is_what_is_asked_for(run: Run) -> None:
    """`web`: the HPA's formula and the forecast come to the same pods."""
    with serving([answer((2, 1, "7 pods carry it."))]) as model:
        done = run(*RUN, model=model)
    web = next(item for item in done["items"] if item["target"] == "deployment/web")
    assert (web["status"], web["strategy"], web["proposed"]) == ("applied", "forecast", 7)
    assert "7 pods carry it" not in json.dumps(done), "no text of it is in a request"
    told = run("tune", "explain", done["run_id"], "web")
    assert "(written by model:scripted, chosen by model:scripted)" in told
    assert "near-tie" in told


def test_nothing_that_anybody_may_have_written_is_sent(run: Run) -> None:
    with serving([answer()]) as model:
        run(*RUN, model=model)
        (asked,) = model.requests
    told = json.loads(asked["messages"][-1]["content"])
    assert "tools" not in asked
    assert {type(one["workload"]) for one in told} == {int}
    words = json.dumps(told)
    assert not [name for name in ("web", "search", "shop", "sandbox", "night", "anna") if name in words]
    assert {key for one in told for c in one["candidates"] for key in c} == {
        "candidate", "strategy", "why", "figures",
    }  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(
    "step",
    [
        say("I scaled web to 100 for you."), answer((0, 0, "7 pods")), answer((2, 2, "7 pods")),
        answer((2, 1, "9 pods")), answer((2, 0, "900 pods")), answer((2, 0, "7 pods"), (9, 0, "7 pods")),
        call("scale", workload="deployment/web", replicas=100, current_replicas=None), malformed(), say(""),
        say("[" * 5_000), Step(status=400), Step(body=b"\xff\x00"), Step(status=302, location="http://127.0.0.1:1/"),
    ],
)  # fmt: skip
def test_35_decisions_are_those_without_a_model(step: Step, run: Run) -> None:
    with serving([step]) as model:
        hostile = run(*RUN, "--dry-run", model=model)
        assert model.requests
    alone = run(*RUN, "--dry-run")
    assert decided(hostile) == decided(alone)
    assert "written by" not in run("tune", "explain", hostile["run_id"], "web")
