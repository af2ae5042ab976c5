"""The adapter to any OpenAI-compatible endpoint (vLLM, Ollama, llama.cpp, LiteLLM, …) by Chat Completions.

The only module that imports `openai`. Nothing is asked at import or at construction.
"""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

import openai

from agents.errors import ModelError, ModelRefused, ModelUnavailable
from agents.models.endpoint import Endpoint
from agents.models.types import Message, Reply
from agents.models.wire import from_wire, to_wire

_OWN_HOSTS = ("api.openai.com", ".openai.azure.com")


def connect(endpoint: Endpoint) -> "OpenAIChat":
    """A client for `endpoint`; no call is made yet. Raises ModelMissing where none is configured."""
    endpoint.check()
    return OpenAIChat(endpoint)


class OpenAIChat:
    """A ModelClient over the openai library's async client."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._where = endpoint.url
        # An explicit key, or else the library would send OPENAI_API_KEY of the user's shell to this host.
        self._client = openai.AsyncOpenAI(
            base_url=endpoint.url,
            api_key=endpoint.key or "none",
            timeout=endpoint.timeout_s,
            max_retries=endpoint.retries,
        )
        self._client.organization = self._client.project = None
        host = urlsplit(endpoint.url).hostname or ""
        own = any(host == h or host.endswith(h) for h in _OWN_HOSTS)
        # OpenAI's newer models refuse `max_tokens`; many compatible servers know nothing else.
        self._limit = "max_completion_tokens" if own else "max_tokens"

    @property
    def model(self) -> str:
        return self._endpoint.model

    async def complete(
        self, messages: Sequence[Message], tools: Sequence[Mapping[str, object]], *, max_tokens: int
    ) -> Reply:
        body: dict[str, Any] = {"model": self.model, "messages": to_wire(messages), self._limit: max_tokens}
        if tools:
            body["tools"] = list(tools)
        try:
            raw = await self._client.chat.completions.with_raw_response.create(**body)
        except openai.APIError as e:
            raise _sorted(e, self._endpoint) from e
        return from_wire(raw.content, self._where)

    async def close(self) -> None:
        await self._client.close()


def _sorted(error: openai.APIError, endpoint: Endpoint) -> ModelError:
    """The library's error as ours, with cause and hint."""
    where, said = endpoint.url, _said(error)
    match error:
        case openai.APITimeoutError():
            return ModelUnavailable(
                f"no answer within {endpoint.timeout_s} s",
                where=where,
                hint="a smaller model, or a faster endpoint",
            )
        case openai.APIConnectionError():
            return ModelUnavailable(
                f"the model's endpoint cannot be reached ({error.__cause__ or error})",
                where=where,
                hint="is it running, and is model_url right?",
            )
        case openai.AuthenticationError() | openai.PermissionDeniedError():
            return ModelRefused(
                f"the endpoint refuses the key ({said})",
                where=where,
                hint="set model_key (FLYBALL_MODEL_KEY)",
            )
        case openai.NotFoundError():
            return ModelRefused(
                f"no model `{endpoint.model}` there ({said})",
                where=where,
                hint="check model_name, and that model_url ends before /chat/completions, usually in /v1",
            )
        case openai.RateLimitError():
            return ModelUnavailable(
                f"the endpoint takes no more requests now ({said})",
                where=where,
                hint="wait, or raise its limit",
            )
        case openai.InternalServerError():
            return ModelUnavailable(f"the endpoint failed ({said})", where=where, hint="look at its own log")
        case _:
            return ModelRefused(
                f"the endpoint does not take this request ({said})",
                where=where,
                hint="does this model take tools?",
            )


def _said(error: openai.APIError) -> str:
    status = f"HTTP {error.status_code}" if isinstance(error, openai.APIStatusError) else type(error).__name__
    body = error.body
    detail = body.get("message") if isinstance(body, dict) else body
    return f"{status}: {str(detail)[:200]}" if detail else status
