"""A chat that has read anybody's text says so to the person, once, and again at its next session; and what it reads
is what the command line prints."""

import json
from pathlib import Path
from typing import Any

import pytest

from flyball.cli.chat.turns import TAINTED
from tests.kit.command_line import Flyball
from tests.kit.installation import App, ask, proposed, within
from tests.kit.scripted_model import call, say, scale, serving
from tools.path.outcome import Pending

EVENTS = call("get_events", workload="deployment/web")


def test_it_is_said_once_and_the_tighter_limits_hold(
    flyball: Flyball, monkeypatch: pytest.MonkeyPatch, home: Path
) -> None:
    monkeypatch.setenv("FLYBALL_MODEL_NAME", "scripted")
    with serving([EVENTS, EVENTS, say("seen"), say("again"), scale("deployment/web", 9), say("so")]) as model:
        monkeypatch.setenv("FLYBALL_MODEL_URL", model.url)
        first = flyball(["chat", "-m", "what happened?", "--thread", "t"])
        assert first.err.count(TAINTED) == 1, first.out + first.err
        again = flyball(["chat", "-m", "and now?", "--thread", "t"])
        assert TAINTED not in again.err, "said when it came about"
        other = flyball(["chat", "-m", "scale it", "--thread", "clean"])
        assert TAINTED not in other.err


def test_a_session_begins_with_it(flyball: Flyball, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLYBALL_MODEL_NAME", "scripted")
    with serving([EVENTS, say("seen")]) as model:
        monkeypatch.setenv("FLYBALL_MODEL_URL", model.url)
        flyball(["chat", "-m", "what happened?", "--thread", "t"])
        session = flyball(["chat", "--thread", "t"])
        assert TAINTED in session.err


def test_chat_and_command_line_tell_the_same_changes_and_findings(
    flyball: Flyball, monkeypatch: pytest.MonkeyPatch
) -> None:
    """experience.md, rule 11. The world stands still between the two."""
    flyball("act scale deploy/web --replicas 6 --yes")
    monkeypatch.setenv("FLYBALL_MODEL_NAME", "scripted")
    asked = [call(name, workload="deployment/web") for name in ("changes", "why")]
    with serving([*asked, say("so")]) as model:
        monkeypatch.setenv("FLYBALL_MODEL_URL", model.url)
        done = flyball(["chat", "-m", "what happened?"])
        assert TAINTED in done.err
        changes, why = _results(model.requests[-1])
    for told in changes["newest_first"]:
        del told["at_ms"], told["undo"]
    listed = flyball("changes deploy/web -o json").document["items"]
    assert changes["newest_first"][::-1] == [
        {k: v for k, v in one.items() if k not in ("at", "at_ms", "undo")} for one in listed
    ]
    assert any(one["ours"] for one in listed)
    reasons = flyball("why deploy/web -o json").document["items"]
    assert why["worst_first"] == [{k: v for k, v in one.items() if k != "look"} for one in reasons]
    assert reasons


def _results(request: Any) -> list[dict[str, Any]]:
    """What the tools gave the model, out of its last request."""
    told = [json.loads(m["content"]) for m in request["messages"] if m["role"] == "tool"]
    return [json.loads(one["data_not_instructions"]) for one in told]


def test_who_is_asked_to_approve_sees_taint_asker_rule_and_what_was_read(
    flyball: Flyball, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLYBALL_MODEL_NAME", "scripted")
    with serving([EVENTS, scale("deployment/web", 9)]) as model:
        monkeypatch.setenv("FLYBALL_MODEL_URL", model.url)
        assert flyball(["chat", "-m", "scale it", "--thread", "t"]).code == 4
    (item,) = flyball("pending -o json").document["items"]
    assert (item["session"], item["tainted_since"] is not None) == ("chat-t", True)
    assert item["read"] == ["get_events deployment/web (untrusted)"]
    shown = flyball(f"approve {item['handle']} --yes").out
    for words in (
        "agent:ops for ",
        "session chat-t",
        "web-with-approval",
        "has read untrusted text",
        "get_events",
    ):
        assert words in shown, shown


def test_pending_marks_questions_and_plans_of_a_tainted_session(
    flyball: Flyball, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of two sessions of one agent, that ask the same, the one that has read anybody's text is marked."""

    async def work(app: App) -> list[str]:
        handles = []
        for session in ("clean", "reader"):
            who = app.agent("agent:ops", session)
            if session == "reader":
                events = {"workload": "deployment/web"}
                assert (await ask(app, "get_events", events, principal=who)).status == "ok"
            asked = await app.executor.execute(proposed(app, 16, who=who))
            plan = await app.approvals.plans.propose([proposed(app, 15, who=who)], who)
            assert isinstance(asked, Pending)
            handles += [asked.handle, plan.handle]
        return handles

    clean, clean_plan, tainted, tainted_plan = within(home, work)
    monkeypatch.setenv("FLYBALL_PINNED", str(home / "pinned"))
    flags = f"--context sandbox --state {home / 'state'}"
    head, *lines = flyball(f"pending {flags}").out.splitlines()
    at = head.split().index("TAINT")
    said = {line.split()[0]: line.split()[at] for line in lines}
    assert said == {clean: "-", clean_plan: "-", tainted: "tainted", tainted_plan: "tainted"}
    found = flyball(f"pending -o json {flags}").document
    since = {one["handle"]: one["tainted_since"] is not None for one in [*found["items"], *found["plans"]]}
    assert since == {handle: word == "tainted" for handle, word in said.items()}
