"""How long a reply is waited for, and how often it is asked for."""

import asyncio
import json
import time
from pathlib import Path
from typing import Any

import pytest

from agents.errors import ModelError, ModelRefused, ModelUnavailable
from agents.models.endpoint import Endpoint
from agents.models.openai_chat import connect
from agents.models.patience import asked_for_s, pause_s
from agents.models.types import Delta, Pause, Reply
from agents.ops.events import Event, Retrying, Said, Stopped
from tests.agents.chat import agent, run
from tests.agents.fakes import FakeToolbox
from tests.kit.scripted_model import ScriptedModel, Step, say

LOADING = Step(status=503, body=b'{"error": {"message": "Loading model", "code": 503}}')
BUSY = Step(status=429, body=b'{"error": {"message": "slow down"}}')


def asked(*steps: Step, **more: Any) -> tuple[Reply | ModelError, list[Delta | Pause], ScriptedModel]:
    """The reply or the error, what was heard before it, and the server."""

    async def go() -> tuple[Reply | ModelError, list[Delta | Pause], ScriptedModel]:
        heard = list[Delta | Pause]()
        async with ScriptedModel(steps) as server:
            model = connect(Endpoint(server.url, "scripted", **more))
            try:
                found: Reply | ModelError = await model.complete([], [], max_tokens=9, heard=heard.append)
            except ModelError as error:
                found = error
            await model.close()
            await asyncio.sleep(0.05)
            return found, heard, server

    return asyncio.run(go())


def pauses(heard: list[Delta | Pause]) -> list[float]:
    return [one.seconds for one in heard if isinstance(one, Pause)]


@pytest.mark.slow
def test_a_model_that_loads_is_waited_for_longer_than_other_failures() -> None:
    reply, heard, server = asked(*[LOADING] * 3, say("ready"), retries=1)
    assert isinstance(reply, Reply)
    assert reply.text == "ready"
    assert pauses(heard) == [0.5, 1.0, 2.0]
    assert heard[0] == Pause("HTTP 503: Loading model", 0.5)
    assert len(server.requests) == 4


def test_a_model_that_goes_on_loading_is_given_up_in_time_and_says_so() -> None:
    began = time.monotonic()
    error, _, _ = asked(LOADING, timeout_s=1)
    assert time.monotonic() - began < 2
    assert isinstance(error, ModelUnavailable)
    assert "still loads its model" in error.what
    assert "model_timeout" in error.hint


@pytest.mark.parametrize("status", [408, 409, 429, 500, 502, 503, 529])
def test_what_may_pass_is_asked_again_a_few_times(status: int) -> None:
    failing = Step(status=status, headers={"retry-after-ms": "1"})
    error, heard, server = asked(failing, retries=2)
    assert isinstance(error, ModelError)
    assert len(server.requests) == 3
    assert pauses(heard) == [0.5, 0.5]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422, 501])
def test_what_will_not_pass_is_asked_once(status: int) -> None:
    _, heard, server = asked(Step(status=status, body=b'{"error": {"message": "no"}}'), retries=2)
    assert (heard, len(server.requests)) == ([], 1)


def test_an_account_without_money_is_not_asked_again() -> None:
    empty = Step(status=429, body=b'{"error": {"message": "no quota", "code": "insufficient_quota"}}')
    error, _, server = asked(empty, retries=2)
    assert isinstance(error, ModelUnavailable)
    assert len(server.requests) == 1


def test_the_servers_pause_is_kept() -> None:
    reply, heard, _ = asked(Step(status=429, headers={"Retry-After": "1"}), say("now"), retries=1)
    assert isinstance(reply, Reply)
    assert pauses(heard) == [1.0]


def test_a_pause_that_time_does_not_allow_ends_it_at_once() -> None:
    began = time.monotonic()
    error, heard, server = asked(Step(status=429, headers={"Retry-After": "600"}), retries=2, timeout_s=30)
    assert time.monotonic() - began < 5
    assert isinstance(error, ModelUnavailable)
    assert "wait 600 s" in error.hint
    assert (heard, len(server.requests)) == ([], 1)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "7", "retry-after-ms": "250"}, 0.25),
        ({"retry-after": "Wed, 21 Oct 2026 07:28:30 GMT", "date": "Wed, 21 Oct 2026 07:28:00 GMT"}, 30.0),
        ({"retry-after": "Wed, 21 Oct 2026 07:27:00 GMT", "date": "Wed, 21 Oct 2026 07:28:00 GMT"}, 0.0),
        ({"retry-after": "Wed, 21 Oct 2026 07:28:30 GMT"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-1"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "\u0663"}, None),
        ({"retry-after": "9" * 400}, 999999999999.0),
    ],
)
def test_a_pause_as_servers_write_it(headers: dict[str, str], seconds: float | None) -> None:
    assert asked_for_s(headers) == seconds


def test_pauses_grow_up_to_a_limit() -> None:
    assert [pause_s(tries) for tries in (0, 1, 2, 3, 4, 10_000)] == [0.5, 1.0, 2.0, 4.0, 5.0, 5.0]


def test_silence_is_given_up_once_and_the_server_is_left() -> None:
    error, heard, server = asked(Step(stall=0), retries=2, timeout_s=1)
    assert isinstance(error, ModelUnavailable)
    assert "no answer within 1 s" in error.what
    assert "model_timeout" in error.hint
    assert (heard, len(server.requests), server.left) == ([], 1, 1)


def test_a_reply_that_comes_to_a_stop_is_given_up_and_not_begun_again() -> None:
    error, heard, server = asked(Step(text="web has 4", stall=3), retries=2, timeout_s=20, stall_s=1)
    assert isinstance(error, ModelUnavailable)
    assert "within 1 s" in error.what
    assert "model_stall" in error.hint
    assert heard
    assert (len(server.requests), server.left) == (1, 1)


def test_chunks_without_anything_keep_no_reply_alive() -> None:
    class Pinging(ScriptedModel):
        async def _stalled(self, response: Any, pieces: Any) -> None:
            empty = {"choices": [{"delta": {"role": "assistant", "content": ""}}]}
            while True:
                await response.write(b": ping\n\ndata: " + json.dumps(empty).encode() + b"\n\n")
                await asyncio.sleep(0.1)

    async def go() -> None:
        async with ScriptedModel([]) as _, Pinging([Step(stall=0)]) as server:
            model = connect(Endpoint(server.url, "scripted", timeout_s=1))
            with pytest.raises(ModelUnavailable, match="no answer within 1 s"):
                await model.complete([], [], max_tokens=9, heard=lambda _: None)
            await model.close()

    asyncio.run(go())


def test_a_long_reply_outlasts_the_time_in_which_it_had_to_begin() -> None:
    class Slow(ScriptedModel):
        async def _stalled(self, response: Any, pieces: Any) -> None:
            for piece in pieces:
                await asyncio.sleep(0.15)
                await response.write(piece)

    async def go() -> Reply:
        async with Slow([Step(text="a" * 60, stall=12)]) as server:
            model = connect(Endpoint(server.url, "scripted", timeout_s=1, stall_s=1))
            try:
                return await model.complete([], [], max_tokens=9, heard=lambda _: None)
            finally:
                await model.close()

    assert asyncio.run(go()).text.startswith("a" * 60)


def test_a_cancelled_turn_leaves_the_server(tmp_path: Path) -> None:
    async def go() -> None:
        async with ScriptedModel([Step(text="web has 4 replicas", stall=3)]) as server:
            model = connect(Endpoint(server.url, "scripted"))
            async with agent(model, FakeToolbox(), tmp_path) as ops:
                events = list[Event]()
                async for event in ops.turn("t", "look"):
                    events.append(event)
                    ops.cancel()
            for _ in range(100):
                if server.left:
                    break
                await asyncio.sleep(0.02)
            await model.close()
            assert server.left == 1
        assert any(isinstance(one, Stopped) and one.reason == "cancelled" for one in events)

    run(go)


def test_a_turn_tells_of_each_pause(tmp_path: Path) -> None:
    async def go() -> None:
        async with ScriptedModel([BUSY, say("fine")]) as server:
            model = connect(Endpoint(server.url, "scripted"))
            async with agent(model, FakeToolbox(), tmp_path) as ops:
                events = [event async for event in ops.turn("t", "look")]
            await model.close()
        assert Retrying("HTTP 429: slow down", 0.5) in events
        assert Said("fine") in events

    run(go)


def test_a_key_that_is_refused_is_no_matter_of_patience() -> None:
    error, _, _ = asked(Step(status=401, body=b'{"error": {"message": "bad key"}}'))
    assert isinstance(error, ModelRefused)
