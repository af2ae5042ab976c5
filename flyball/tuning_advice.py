"""Who advises an agent's run: the model that the settings name, or nobody."""

from functools import partial
from typing import TYPE_CHECKING

from agents.tuner.ports import Adviser, Alone
from flyball.model_endpoint import endpoint, is_configured

if TYPE_CHECKING:
    from flyball.wiring import App
    from policies.types import AgentName


async def adviser(app: "App", name: "AgentName") -> Adviser:
    """The model, within the budget of the agent; nothing is asked yet. Raises UsageError for an invalid setting."""
    if not is_configured(app.settings):
        return Alone()
    from agents.advice.adviser import ModelAdviser
    from agents.models.openai_chat import connect
    from flyball.open_chat import budget_of

    model = partial(connect, endpoint(app.settings))
    return ModelAdviser(model, app.toolbox, app.recorder, await budget_of(app, name), app.context.clock)
