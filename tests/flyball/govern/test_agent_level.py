"""`flyball agent promote|retire` as a person types them, in the simulated cluster."""

from pathlib import Path

import pytest

from flyball.exits import Exit
from tests.kit.command_line import Flyball, make_flyball
from tests.kit.installation import LOCAL, doc, write_policy

SPEC = {"owner": "local", "roles": ["operator"], "autonomy": "autonomous"}


@pytest.fixture
def flyball(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Flyball:
    watched = doc("Agent", "nightly", {**SPEC, "promotion": {"shadow": "2d"}})
    folder = write_policy(tmp_path / "policies", [LOCAL, watched, doc("Agent", "plain", SPEC)])
    monkeypatch.setenv("FLYBALL_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("FLYBALL_PINNED", str(tmp_path / "pinned"))
    monkeypatch.setenv("FLYBALL_CONTEXT", "sandbox")
    monkeypatch.setenv("FLYBALL_POLICIES", str(folder))
    return make_flyball(monkeypatch, capsys)


def listed(flyball: Flyball) -> dict[str, tuple[str, str, str]]:
    items = flyball("agent list -o json").document["items"]
    return {one["name"]: (one["autonomy"], one["allowed"], one["state"]) for one in items}


def test_without_its_shadow_it_is_refused_and_told_how_many_days_are_missing(flyball: Flyball) -> None:
    assert listed(flyball)["nightly"] == ("recommend", "autonomous", "active")
    done = flyball("agent promote nightly --to approve --yes")
    assert done.code == Exit.REFUSED
    assert "the shadow of agent:nightly: 0 runs on 0 of 2 days" in done.out
    assert "watched on 0 of 2 days: 2 are missing" in done.err
    assert "Traceback" not in done.err
    assert listed(flyball)["nightly"][0] == "recommend"


def test_what_is_no_level_and_no_agent_is_told(flyball: Flyball) -> None:
    assert flyball("agent promote nightly --to boss --yes").code == Exit.USAGE
    for verb in ("promote", "retire"):  # a slip, told before any question
        done = flyball(f"agent {verb} nobody")
        assert (done.code, "agents: agent:nightly, " in done.err) == (Exit.USAGE, True)
    done = flyball("agent promote plain --yes")
    assert (done.code, "flyball agent show plain" in done.err) == (Exit.REFUSED, True)


def test_retired_for_good_after_a_yes(flyball: Flyball) -> None:
    assert flyball("agent retire plain", typed="n\n").code == Exit.DECLINED
    assert listed(flyball)["plain"][2] == "active"
    done = flyball("agent retire plain --yes --reason replaced -o json")
    assert (done.code, done.document["agent"]) == (Exit.DONE, "agent:plain")
    assert listed(flyball)["plain"][2] == "retired"
    again = flyball("agent retire plain --yes")
    assert again.code == Exit.REFUSED
    assert "retired, for good" in again.err
    assert flyball("agent promote plain --yes").code == Exit.REFUSED
    assert flyball("audit tail --kind agent.retired").out.count("agent.retired") == 1
    assert flyball("audit verify --full").code == Exit.DONE
