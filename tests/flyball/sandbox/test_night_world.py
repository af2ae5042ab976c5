"""A night of the shipped world under the shipped policy: one change kept, one rolled back, one left to its owner, one
that waits for a person; and the morning after, in words."""

import pytest

from flyball.cli.sandbox.demo_night import NIGHT
from flyball.exits import Exit
from tests.kit.command_line import Done, Flyball


@pytest.fixture
def morning(flyball: Flyball) -> list[Done]:
    """What the demo's second act prints, a command each."""
    seen = [flyball([*step.words, "--context", "sandbox"]) for step in NIGHT]
    assert [one.code for one in seen] == [step.code for step in NIGHT], [one.err for one in seen]
    return seen


@pytest.mark.slow
def test_a_night_and_the_morning_after(flyball: Flyball, morning: list[Done]) -> None:
    begun, passed, ran, kept, undone, waits, told = (one.out for one in morning)
    assert "a new world" in begun
    assert "meanwhile 1 run, 3 changes, 2 verdicts, 1 rolled back, 0 refused, 1 asked" in passed
    assert "agent:night" in ran
    assert "scale 8 -> 4" in kept
    assert "(undo)" not in kept
    assert "scale 6 -> 3" in undone
    assert "scale 3 -> 6 (undo)" in undone
    assert "1-of-3-steps" in waits
    assert "search:" in waits
    assert "ROLLED-BACK  shop/deployment/exports" in told
    assert "LEFT-ALONE   shop/deployment/payments  owned-by-argocd" in told
    assert flyball("audit verify --context sandbox").code == Exit.DONE


@pytest.mark.slow
def test_the_person_agrees_in_the_morning(flyball: Flyball, morning: list[Done]) -> None:
    handle = flyball("pending -o json --context sandbox").document["plans"][0]["handle"]
    done = flyball(["approve", handle, "--yes", "--context", "sandbox"])
    assert done.code == Exit.DONE, done.err
    assert flyball("get deploy/search -n shop -o json --context sandbox").document["replicas"] == 3
    assert flyball("tune history --context sandbox -o json").document["items"][0]["plan"] == {"applied": 3}


@pytest.mark.slow
def test_each_night_is_a_run(flyball: Flyball, morning: list[Done]) -> None:
    done = flyball("sandbox advance 1d --context sandbox -o json")
    assert done.document["happened"]["runs"] == 1
    assert len(flyball("tune history --context sandbox -o json").document["items"]) == 2


@pytest.mark.slow
def test_the_default_worlds_night_leases_web_and_is_refused_nothing(flyball: Flyball) -> None:
    assert flyball("sandbox reset --history 8d --context sandbox").code == Exit.DONE
    done = flyball("sandbox advance 14h --context sandbox -o json")
    assert (done.document["happened"]["runs"], done.document["happened"]["refused"]) == (1, 0)
    (leased,) = flyball("tune envelopes --context sandbox -o json").document["items"]
    assert (leased["target"], leased["agent"]) == ("deployment/web", "agent:night")
