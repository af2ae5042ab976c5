"""The size of a model's context, as compatible servers tell it: there is no standard field for it.

| server | where |
|---|---|
| llama.cpp | `/props`, `default_generation_settings.n_ctx`: what it runs with (`/v1/models` has its training) |
| vLLM, SGLang | `/v1/models`, `max_model_len` |
| LM Studio | `/v1/models`, `loaded_context_length`, `max_context_length` |
| OpenRouter, Groq | `/v1/models`, `context_length`, `context_window` |
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from agents.models.endpoint import MOST_CONTEXT

_FIELDS = (
    "max_model_len", "loaded_context_length", "context_length", "context_window", "max_context_length", "n_ctx",
)  # fmt: skip

Get = Callable[[str], Awaitable[object]]
"""The JSON document behind a path below the server's address (`/v1/models`) or beside it (`/props`); None where there
is none."""


async def learnt(get: Get, model: str) -> int | None:
    """Tokens of the context of `model`; None where the server does not tell."""
    settings = _mapping(_mapping(await get("/props")).get("default_generation_settings"))
    if (running := _tokens(settings.get("n_ctx"))) is not None:
        return running
    listed = _mapping(await get("/models")).get("data")
    models = [one for one in listed if isinstance(one, Mapping)] if isinstance(listed, list) else []
    named = [one for one in models if one.get("id") == model] or (models if len(models) == 1 else [])
    return next(
        (size for one in named for name in _FIELDS if (size := _tokens(one.get(name))) is not None), None
    )


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _tokens(value: object) -> int | None:
    return value if type(value) is int and 0 < value <= MOST_CONTEXT else None
