"""An OpenAI-compatible server that answers from a script, for tests and for trying the chat without a model.

    python -m tests.kit.scripted_model --port 8089 [--script FILE]
    FLYBALL_MODEL_URL=http://127.0.0.1:8089/v1 FLYBALL_MODEL_NAME=scripted flyball chat -m "scale web up"

A script is a list of steps, one a request; the last one is repeated for ever. It can do its worst: unknown
tools, arguments that are no JSON, 1 MB or 10,000 levels of them, the same call id again and again, prose that
claims an approval. Every request is kept in `requests`, every path in `seen`; `left` counts the clients that went
away while a stream stalled.
"""

import argparse
import asyncio
import json
import ssl
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from aiohttp import web
from aiohttp.typedefs import Handler

PIECE = 5
"""Characters of the text that a chunk of a stream holds."""
USAGE = {"prompt_tokens": 2_000, "completion_tokens": 20, "total_tokens": 2_020}


@dataclass(frozen=True)
class Step:
    """One answer: text and tool calls as (name, raw arguments); or, with `status` or `body`, just those and the
    `location` of a redirect.

    `gate`, where set, holds the answer back until it is released. `finish` is the finish_reason where it is not the
    usual one, `more` further fields of the message.
    """

    text: str | None = None
    calls: Sequence[tuple[str, str]] = ()
    status: int = 200
    body: bytes | None = None
    content_type: str = "application/json"
    location: str | None = None
    usage: dict[str, Any] | None = field(default_factory=lambda: dict(USAGE))
    finish: str = ""
    more: dict[str, Any] = field(default_factory=dict)
    gate: asyncio.Event | None = None
    chunks: Sequence[bytes] | None = None
    """Of a stream: the very bytes, each written by itself, in place of those that tell the answer."""
    cut: bool = False
    """The connection is cut in the middle of the stream."""
    stall: int | None = None
    """Of a stream: after so many pieces nothing comes any more, until the client leaves."""
    headers: dict[str, str] = field(default_factory=dict)
    """Further headers of an answer with `status` or `body`."""


def say(text: str) -> Step:
    """Text only."""
    return Step(text=text)


def call(name: str, **arguments: object) -> Step:
    """One well-formed tool call."""
    return Step(calls=[(name, json.dumps(arguments))])


def scale(workload: str, replicas: int) -> Step:
    """A call of the `scale` tool."""
    return call("scale", workload=workload, replicas=replicas, current_replicas=None)


def malformed() -> Step:
    """Arguments that are no JSON."""
    return Step(calls=[("scale", '{"workload": "deployment/web", "replicas": ')])


def huge() -> Step:
    """1 MB of arguments."""
    return Step(
        calls=[("scale", json.dumps({"workload": "deployment/web", "replicas": 4, "x": "a" * 1_000_000}))]
    )


def deep() -> Step:
    """10,000 levels of arguments."""
    return Step(calls=[("scale", '{"a":' * 10_000 + "1" + "}" * 10_000)])


class ScriptedModel:
    """The server; use as `async with`. `url` is what goes into model_url."""

    def __init__(self, steps: Sequence[Step], *, port: int = 0, tls: ssl.SSLContext | None = None) -> None:
        self.steps, self.requests, self.headers = list(steps), list[dict[str, Any]](), list[dict[str, str]]()
        self._port, self._tls = port, tls
        self.seen = list[str]()
        self.left = 0
        app = web.Application(client_max_size=64 * 2**20, middlewares=[self._note])
        app.router.add_post("/v1/chat/completions", self._complete)
        self._runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=1)

    async def __aenter__(self) -> Self:
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self._port, ssl_context=self._tls).start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._runner.cleanup()

    @property
    def url(self) -> str:
        """The base URL."""
        host, port = self._runner.addresses[0][:2]
        return f"{'https' if self._tls else 'http'}://{host}:{port}/v1"

    @web.middleware
    async def _note(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        self.seen.append(f"{request.method} {request.path_qs}")
        return await handler(request)

    def step(self) -> Step:
        """The answer to the last request."""
        return self.steps[min(len(self.requests), len(self.steps)) - 1]

    async def _complete(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(await request.json())
        self.headers.append(dict(request.headers))
        step = self.step()
        if step.gate is not None:
            await step.gate.wait()
        if step.body is not None or step.status != 200:
            return web.Response(
                body=step.body or b"{}",
                status=step.status,
                content_type=step.content_type,
                headers={**step.headers, **({"Location": step.location} if step.location else {})},
            )
        model = str(self.requests[-1].get("model"))
        if self.requests[-1].get("stream"):
            return await self._streamed(request, step, model)
        return web.json_response(completion(step, model))

    async def _streamed(self, request: web.Request, step: Step, model: str) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        pieces = step.chunks if step.chunks is not None else [*streamed(step, model)]
        if step.stall is not None:
            await self._stalled(response, pieces[: step.stall])
        for piece in pieces[: len(pieces) // 2] if step.cut else pieces:
            await response.write(piece)
        if step.cut and request.transport is not None:
            request.transport.abort()
        return response

    async def _stalled(self, response: web.StreamResponse, pieces: Sequence[bytes]) -> None:
        for piece in pieces:
            await response.write(piece)
        try:
            await asyncio.Event().wait()
        finally:
            self.left += 1


@contextmanager
def serving(steps: Sequence[Step] | ScriptedModel) -> Iterator[ScriptedModel]:
    """The server in a thread of its own, for what is driven from outside of an event loop."""
    started, ended = threading.Event(), threading.Event()
    model = steps if isinstance(steps, ScriptedModel) else ScriptedModel(steps)

    async def work() -> None:
        async with model:
            started.set()
            while not ended.is_set():
                await asyncio.sleep(0.01)

    thread = threading.Thread(target=asyncio.run, args=(work(),), daemon=True)
    thread.start()
    started.wait(10)
    try:
        yield model
    finally:
        ended.set()
        thread.join(10)


def completion(step: Step, model: str) -> dict[str, Any]:
    """A Chat Completions body; every call has the id `call_1`, as some models really do it."""
    message: dict[str, Any] = {"role": "assistant", "content": step.text, **step.more}
    if step.calls:
        message["tool_calls"] = [
            {"id": "call_1", "type": "function", "function": {"name": name, "arguments": arguments}}
            for name, arguments in step.calls
        ]
    reason = step.finish or ("tool_calls" if step.calls else "stop")
    body: dict[str, Any] = {
        "id": "chatcmpl-scripted", "object": "chat.completion", "created": 0, "model": model,
        "choices": [{"index": 0, "finish_reason": reason, "message": message}],
    }  # fmt: skip
    return body if step.usage is None else {**body, "usage": step.usage}


def streamed(step: Step, model: str) -> Iterator[bytes]:
    """The same as server-sent events: the text in pieces, a tool call's arguments in two, the usage at the end."""
    whole = completion(step, model)
    choice = whole["choices"][0]
    message = choice["message"]
    text = message.pop("content") or ""
    calls = message.pop("tool_calls", [])
    pieces: list[dict[str, Any]] = [message]
    pieces += [{"content": text[at : at + PIECE]} for at in range(0, len(text), PIECE)]
    for index, call in enumerate(calls):
        given = call["function"]["arguments"]
        half = len(given) // 2
        head = {**call, "index": index, "function": {**call["function"], "arguments": given[:half]}}
        pieces += [{"tool_calls": [head]}]
        pieces += [{"tool_calls": [{"index": index, "function": {"arguments": given[half:]}}]}]
    for piece in pieces:
        yield _event(
            {**whole, "usage": None, "choices": [{"index": 0, "delta": piece, "finish_reason": None}]}
        )
    last = {"index": 0, "delta": {}, "finish_reason": choice["finish_reason"]}
    yield _event({**whole, "usage": None, "choices": [last]})
    if "usage" in whole:
        yield _event({**whole, "choices": []})
    yield b"data: [DONE]\n\n"


def _event(chunk: dict[str, Any]) -> bytes:
    return b"data: " + json.dumps({**chunk, "object": "chat.completion.chunk"}).encode() + b"\n\n"


DEMO = (
    call("list_workloads"),
    scale("deployment/web", 60),
    scale("deployment/web", 6),
    say("60 was refused by policy [2]; web now has 6 replicas instead [3]."),
)


def load(path: Path) -> list[Step]:
    """Steps from a JSON file: a list of {"text": …} and {"calls": [[name, {arguments}], …]}."""
    return [
        Step(
            text=s.get("text"),
            calls=[(name, json.dumps(arguments)) for name, arguments in s.get("calls", [])],
        )
        for s in json.loads(path.read_text(encoding="utf-8"))
    ]


async def _serve(steps: Sequence[Step], port: int) -> None:
    async with ScriptedModel(steps, port=port) as model:
        print(f"export FLYBALL_MODEL_URL={model.url} FLYBALL_MODEL_NAME=scripted", flush=True)
        await asyncio.Event().wait()


def main() -> None:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(description="A scripted OpenAI-compatible model.")
    parser.add_argument("--port", type=int, default=8089)
    parser.add_argument("--script", type=Path)
    given = parser.parse_args()
    try:
        asyncio.run(_serve(load(given.script) if given.script else DEMO, given.port))
    except KeyboardInterrupt:
        return


if __name__ == "__main__":
    main()
