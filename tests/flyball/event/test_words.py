"""`flyball event add --words`: the model tells, a person declares; whatever it does, nothing is declared alone
(threat 5).

| the model | then |
|---|---|
| tells a whole event | it is shown; yes declares it, anything else does not |
| leaves something out | refused, with what is missing |
| tells a lower load, a factor of a thousand, a year, other tools, prose, broken JSON | refused |
| is away, stopped, or another than policy names | the command says so |
"""

import json
from collections.abc import Sequence
from typing import Any

import pytest

from flyball.exits import Exit
from tests.kit.command_line import Done, Flyball
from tests.kit.scripted_model import Step, malformed, say, scale, serving

WORDS = "Black Friday tomorrow, three times the load on the frontend"
WHOLE: dict[str, Any] = {
    "name": "Black Friday", "labels": "tier=frontend", "starts": "2026-03-03T00:00:00Z",
    "ends": "2026-03-04T00:00:00Z", "at_least": "3x",
}  # fmt: skip


@pytest.fixture
def told(flyball: Flyball, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Says the words to a model of these steps, and types an answer."""

    def run(*steps: Step, typed: str | None = "y\n", more: Sequence[str] = ()) -> Done:
        with serving(steps) as model:
            monkeypatch.setenv("FLYBALL_MODEL_URL", model.url)
            monkeypatch.setenv("FLYBALL_MODEL_NAME", "scripted")
            return flyball(["event", "add", "--words", WORDS, *more], typed=typed)

    return run


def whole(**more: Any) -> Step:
    return Step(calls=[("event", json.dumps({**WHOLE, **more}))])


def live(flyball: Flyball) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = flyball("event list -o json").document["items"]
    return found


def test_what_was_understood_is_shown_and_declared_by_a_yes(told: Any, flyball: Flyball) -> None:
    done = told(whole())
    assert done.code == Exit.DONE, done.err
    assert done.out.index("at least 3x") < done.out.index("declared")
    (one,) = live(flyball)
    assert (one["name"], one["source"], one["words"]) == ("black-friday", "model:scripted", WORDS)
    assert one["selector"] == {"tier": "frontend"}
    kinds = [line.split()[3:5] for line in flyball("audit tail").out.splitlines()]
    assert any("model.call" in words for words in kinds)


@pytest.mark.parametrize("typed", ["n\n", "\n", "", "ok\n"])
def test_anything_but_yes_declares_nothing(typed: str, told: Any, flyball: Flyball) -> None:
    assert told(whole(), typed=typed).code == Exit.DECLINED
    assert live(flyball) == []


def test_without_a_person_nothing_is_asked(told: Any, flyball: Flyball) -> None:
    assert told(whole(), typed=None).code == Exit.USAGE
    assert told(whole(), more=["--at-least", "3x"]).code == Exit.USAGE
    assert live(flyball) == []


@pytest.mark.parametrize(("field", "said"), [
    ("at_least", "how many times the load"), ("ends", "until when"), ("starts", "from when"),
    ("labels", "which workloads"), ("name", "a name"),
])  # fmt: skip
def test_what_the_words_do_not_say_is_asked_for(field: str, said: str, told: Any, flyball: Flyball) -> None:
    done = told(whole(**{field: None}))
    assert done.code == Exit.USAGE
    assert said in done.err
    assert live(flyball) == []


@pytest.mark.slow
@pytest.mark.parametrize("step", [
    whole(at_least="0.5x"), whole(at_least="1x"), whole(at_least="1000x"), whole(at_least="3"), whole(at_least=3),
    whole(ends="2027-03-04T00:00:00Z"), whole(ends="tomorrow"), whole(ends="2026-03-02T00:00:00Z"),
    whole(labels="*"), whole(labels="tier in (a)"), whole(name="!!!"), whole(name="x" * 300), whole(more=1),
    scale("deployment/web", 12), say("I have declared it for you."), malformed(),
    Step(calls=[("event", json.dumps(WHOLE)), ("event", json.dumps(WHOLE))]),
    Step(calls=[("event", '{"name": "a", "name": "b"}')]), Step(calls=[("event", '{"x":' * 9000)]), Step(status=500),
], ids=range(20))  # fmt: skip
def test_nonsense_is_refused(step: Step, told: Any, flyball: Flyball) -> None:
    done = told(step)
    assert done.code in (Exit.USAGE, Exit.FAILED, Exit.UNAVAILABLE)
    assert done.err.startswith("error:"), done.err
    assert "Traceback" not in done.err
    assert live(flyball) == []


def test_a_stop_keeps_the_model_from_being_asked(told: Any, flyball: Flyball) -> None:
    assert flyball(["stop", "--reason", "storm"]).code == Exit.DONE
    assert told(whole()).code == Exit.REFUSED


def test_without_a_model_it_says_how_to_name_one(flyball: Flyball) -> None:
    done = flyball(["event", "add", "--words", WORDS], typed="y\n")
    assert done.code == Exit.USAGE
    assert "model_url" in done.err
