"""An ops agent over the real openai client and a scripted server, in one call."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from agents.models.endpoint import Endpoint
from agents.models.openai_chat import OpenAIChat, connect
from agents.models.types import ModelClient
from agents.ops.agent import OpsAgent
from agents.ops.budget import Budget
from agents.ops.events import Calling, Changed, Event, Heard, Retrying
from audit.clock import SystemClock
from policies.types import Mode
from tests.agents.fakes import HUMAN, FakeRecorder, FakeToolbox, FileLeases
from tests.kit.scripted_model import ScriptedModel, Step
from tools.toolbox.port import Toolbox

ASIDE = (Heard, Retrying, Calling, Changed)


def client(url: str, *, retries: int = 0, timeout_s: int = 20, key: str = "k") -> OpenAIChat:
    """The real client against `url`."""
    return connect(Endpoint(url, "scripted", key, timeout_s=timeout_s, retries=retries))


def agent(
    model: ModelClient,
    toolbox: Toolbox,
    folder: Path,
    *,
    budget: Budget | None = None,
    mode: Mode = "live",
    where: str = "sandbox/shop",
    recorder: FakeRecorder | None = None,
) -> OpsAgent:
    """An ops agent whose threads and leases live in `folder`."""
    return OpsAgent(
        model,
        toolbox,
        recorder or FakeRecorder(),
        checkpoints=folder / "threads.db",
        leases=FileLeases(folder),
        principal=HUMAN,
        where=where,
        namespace="shop",
        mode=mode,
        budget=budget or Budget(),
        clock=SystemClock(),
    )


@asynccontextmanager
async def chatting(
    steps: Sequence[Step], toolbox: Toolbox, folder: Path, **more: Any
) -> AsyncIterator[tuple[OpsAgent, ScriptedModel]]:
    """An opened agent and the server that it talks to."""
    async with ScriptedModel(steps) as server:
        model = client(server.url)
        async with agent(model, toolbox, folder, **more) as ops:
            yield ops, server
        await model.close()


def leases_of(ops: OpsAgent) -> FileLeases:
    """The leases that the agent was given."""
    assert isinstance(ops._leases, FileLeases)
    return ops._leases


async def said(ops: OpsAgent, text: str, thread: str = "t", **more: Any) -> list[Event]:
    """The events of one turn, but for those that only tell of the others."""
    return [event async for event in ops.turn(thread, text, **more) if not isinstance(event, ASIDE)]


async def resumed(ops: OpsAgent, thread: str = "t") -> list[Event]:
    """The events of a turn that goes on, told as `said` does."""
    return [event async for event in ops.resume(thread) if not isinstance(event, ASIDE)]


def one_turn(
    steps: Sequence[Step], folder: Path, toolbox: Toolbox | None = None, **more: Any
) -> tuple[list[Event], list[dict[str, Any]], Toolbox]:
    """One turn from beginning to end: its events, what the server was asked, and the toolbox."""
    box = toolbox or FakeToolbox()

    async def go() -> tuple[list[Event], list[dict[str, Any]], Toolbox]:
        async with chatting(steps, box, folder, **more) as (ops, server):
            return await said(ops, "scale web up"), server.requests, box

    return asyncio.run(go())


def run(work: Callable[[], Awaitable[None]]) -> None:
    """Run an async test."""

    async def inside() -> None:
        await work()

    asyncio.run(inside())
