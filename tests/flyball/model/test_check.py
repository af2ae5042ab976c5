"""`flyball model check`: what is able is found able, and each lack is found with a hint."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest

from agents.errors import ModelUnavailable
from agents.models.check import Finding, checked
from agents.models.endpoint import Endpoint
from agents.models.openai_chat import connect
from flyball.exits import Exit
from tests.kit.command_line import Flyball
from tests.kit.scripted_model import ScriptedModel, Step, call, say, serving

VALUE = 7_341
NAMES = ["answers", "streaming", "usage", "context", "tools", "results", "parallel calls", "strict schemas"]


class Able(ScriptedModel):
    """A model that can do it all, but for what `lack` answers in its place."""

    def __init__(self, lack: Callable[[str, Step], Step] = lambda _, able: able) -> None:
        super().__init__([])
        self._lack = lack

    def step(self) -> Step:
        asked = self.requests[-1]
        kind, able = self._able(asked["messages"][-1])
        return self._lack(kind, able)

    def _able(self, last: dict[str, Any]) -> tuple[str, Step]:
        if last["role"] == "tool":
            return "results", say(f"The boiler shows {json.loads(last['content'])['shows']:,}.")
        if "Count" in last["content"]:
            return "answers", say("one, two, three, four, five")
        if "both calls" in last["content"]:
            both = [("read_gauge", json.dumps({"gauge": gauge})) for gauge in ("tank", "boiler")]
            return "parallel calls", Step(calls=both)
        if "set_gauge" in last["content"]:
            return "strict schemas", call("set_gauge", gauge="tank", level=7, note=None)
        return "tools", call("read_gauge", gauge="boiler")


def found(lack: Callable[[str, Step], Step] = lambda _, able: able, *, context: int = 8_192) -> list[Finding]:
    async def go() -> list[Finding]:
        async with Able(lack) as server:
            model = connect(Endpoint(server.url, "scripted", retries=0, context=context))
            try:
                return await checked(model, VALUE, max_tokens=100)
            finally:
                await model.close()

    return asyncio.run(go())


def instead(kind: str, step: Step) -> Callable[[str, Step], Step]:
    return lambda asked, able: step if asked == kind else able


def test_a_model_that_can_do_it_all() -> None:
    able = found()
    assert [one.name for one in able] == NAMES
    assert {one.end for one in able} == {"yes"}
    assert not any(one.hint for one in able)


REFUSED = Step(status=400, body=b'{"error": {"message": "m does not support tools"}}')
WRITTEN = say('<tool_call>{"name": "read_gauge", "arguments": {"gauge": "boiler"}}</tool_call>')


@pytest.mark.parametrize(
    ("name", "step", "seen", "hint"),
    [
        ("answers", Step(text=""), "nothing", "model"),
        ("usage", Step(text="one, two, three", usage=None), "not told", "budget"),
        ("tools", say("It shows 42."), "no call, but text", "trained to call tools"),
        ("tools", WRITTEN, "written as text", "--jinja"),
        ("tools", REFUSED, "does not support tools", "take tools"),
        ("tools", call("read_gauge", gauge="tank"), "read_gauge", "trained"),
        ("tools", call("look", gauge="boiler"), "look", "trained"),
        ("tools", Step(calls=[("read_gauge", "{")]), "read_gauge", "trained"),
        ("results", say("It shows 42."), "no call, but text", "trained"),
        ("results", call("read_gauge", gauge="boiler"), "read_gauge", "trained"),
        ("parallel calls", call("read_gauge", gauge="boiler"), "read_gauge", "one by one"),
        ("strict schemas", call("set_gauge", gauge="tank", level="7", note=None), '"7"', "strict"),
        ("strict schemas", call("set_gauge", gauge="tank", level=7), "set_gauge", "strict"),
        ("strict schemas", REFUSED, "does not support", "strict"),
    ],
)
def test_a_lack_is_found_with_a_hint(name: str, step: Step, seen: str, hint: str) -> None:
    asked = "answers" if name == "usage" else name
    one = next(each for each in found(instead(asked, step)) if each.name == name)
    assert one.end == "no"
    assert seen in one.seen
    assert hint in one.hint


def test_a_stream_that_is_none() -> None:
    whole = b'{"choices": [{"message": {"content": "one, two"}}]}'
    one = next(each for each in found(instead("answers", Step(body=whole))) if each.name == "streaming")
    assert (one.end, one.seen) == ("no", "0 pieces")
    assert "model_timeout" in one.hint


@pytest.mark.parametrize(("context", "end"), [(0, "unknown"), (2_048, "no"), (4_096, "yes")])
def test_the_context(context: int, end: str) -> None:
    one = next(each for each in found(context=context) if each.name == "context")
    assert one.end == end
    assert bool(one.hint) == (end != "yes")


def test_an_endpoint_that_is_away_is_no_finding() -> None:
    for kind in ("answers", "tools", "strict schemas"):
        with pytest.raises(ModelUnavailable):
            found(instead(kind, Step(status=500)))


def test_what_is_needed_decides_the_exit_code(flyball: Flyball, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLYBALL_MODEL_NAME", "scripted")
    for lack, code in (
        (instead("answers", Step(text="one, two, three", usage=None)), Exit.DONE),
        (instead("parallel calls", call("read_gauge", gauge="boiler")), Exit.DONE),
        (instead("tools", WRITTEN), Exit.FAILED),
    ):
        with serving(Able(lack)) as server:
            monkeypatch.setenv("FLYBALL_MODEL_URL", server.url)
            done = flyball("model check -o json")
            assert done.code == code
            assert done.document["usable"] == (code == Exit.DONE)
            told = flyball("model check")
            assert told.code == code
            assert told.out.startswith("scripted at http://127.0.0.1:")
            assert all(name in told.out for name in [one["name"] for one in done.document["items"]])
            assert all(one["hint"] in told.err for one in done.document["items"])


def test_without_a_model_it_says_how_to_connect_one(flyball: Flyball) -> None:
    done = flyball("model check")
    assert done.code == Exit.USAGE
    assert "FLYBALL_MODEL_URL=" in done.err
