"""A conversation with the ops agent on an opened installation: every front end calls this, none builds its own."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from policies.types import AgentName, Mode

if TYPE_CHECKING:
    from agents.models.endpoint import Endpoint
    from agents.ops.agent import OpsAgent
    from agents.ops.budget import Budget
    from flyball.wiring import App

OPS: AgentName = "agent:ops"


@asynccontextmanager
async def open_chat(app: "App", endpoint: "Endpoint", mode: Mode) -> "AsyncIterator[OpsAgent]":
    """The ops agent for the person at this installation; it records its own trail. Raises what `connect` raises."""
    from agents.models.openai_chat import connect
    from agents.ops.agent import OpsAgent

    model = connect(endpoint)
    try:
        async with OpsAgent(
            model,
            app.toolbox,
            app.recorder,
            checkpoints=app.place.folder / "threads.db",
            leases=app.context.leases,
            principal=app.agent(OPS),
            where=str(app.place),
            namespace=app.place.namespace,
            mode=mode,
            budget=await budget_of(app, OPS),
            clock=app.context.clock,
        ) as ops:
            yield ops
    finally:
        await model.close()


async def read_untrusted(app: "App", thread: str) -> bool:
    """Whether the thread's session has read untrusted text (it is tainted then)."""
    from agents.ops.trail import session_of
    from policies.claim_keys import TAINT

    key = TAINT.of(session_of(thread))
    return bool((await app.log.values((key,)))[key])


async def budget_of(app: "App", name: AgentName) -> "Budget":
    """The budget of a turn by the settings, narrowed by what policy gives the agent. Raises UsageError."""
    from agents.ops.budget import MOST_OUTPUT, Budget

    budget = Budget(output_tokens=app.settings.whole("model_output_tokens", 100, MOST_OUTPUT))
    agent = (await app.context.gate()).snapshot.agents.get(name)
    if agent is None:
        return budget
    limits = agent.spec.budgets
    return replace(
        budget,
        steps=min(budget.steps, limits.steps or budget.steps),
        tokens=min(budget.tokens, limits.tokens or budget.tokens),
    )
