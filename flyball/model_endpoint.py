"""The language model that the settings name."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from agents.models.endpoint import Endpoint
    from flyball.settings import Settings


def endpoint(settings: "Settings") -> "Endpoint":
    """As it is set; whether it can be used is what `Endpoint.check` says."""
    from agents.models.endpoint import MOST_CONTEXT, MOST_SECONDS, Endpoint

    return Endpoint(
        settings["model_url"],
        settings["model_name"],
        settings["model_key"],
        timeout_s=settings.whole("model_timeout", 1, MOST_SECONDS),
        stall_s=settings.whole("model_stall", 1, MOST_SECONDS),
        limit_field=settings["model_output_field"],
        context=settings.whole("model_context", 0, MOST_CONTEXT),
        ca=settings["model_ca"],
    )


def is_configured(settings: "Settings") -> bool:
    """Whether a model is set at all."""
    return bool(settings["model_url"] and settings["model_name"])
