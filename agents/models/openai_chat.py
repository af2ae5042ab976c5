"""The adapter to any OpenAI-compatible endpoint (vLLM, Ollama, llama.cpp, LiteLLM, …) by Chat Completions.

The only module that imports `openai`. Nothing is asked at import or at construction.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import openai

from agents.errors import ModelError, ModelUnavailable
from agents.models.endpoint import LIMIT_FIELDS, Endpoint
from agents.models.endpoint_errors import EndpointError, error_of, inside, of_body
from agents.models.reply import document, from_document
from agents.models.transport import http_client, proxy_to, redirected
from agents.models.types import Message, Reply
from agents.models.wire import to_wire
from base.text import harmless


def connect(endpoint: Endpoint) -> "OpenAIChat":
    """A client for `endpoint`; no call is made yet. Raises ModelMissing where none is configured, and
    ModelUnavailable where proxy or CAs of the environment cannot be used."""
    endpoint.check()
    return OpenAIChat(endpoint)


class OpenAIChat:
    """A ModelClient over the openai library's async client."""

    def __init__(self, endpoint: Endpoint) -> None:
        proxy = proxy_to(endpoint)
        self._endpoint = replace(endpoint, through=str(proxy or ""))
        # An explicit key, or else the library would send OPENAI_API_KEY of the user's shell to this host.
        self._client = openai.AsyncOpenAI(
            base_url=endpoint.base,
            api_key=endpoint.key or "none",
            default_query=endpoint.query,
            timeout=endpoint.timeout_s,
            max_retries=endpoint.retries,
            http_client=http_client(endpoint, proxy),
        )
        self._client.organization = self._client.project = None
        self._limit = endpoint.first_limit_field

    @property
    def model(self) -> str:
        return self._endpoint.model

    async def complete(
        self, messages: Sequence[Message], tools: Sequence[Mapping[str, object]], *, max_tokens: int
    ) -> Reply:
        body: dict[str, Any] = {"model": self.model, "messages": to_wire(messages)}
        if tools:
            body["tools"] = list(tools)
        found = await self._asked(body, max_tokens)
        if isinstance(found, EndpointError) and found.limit_refused and not self._endpoint.limit_field:
            (self._limit,) = set(LIMIT_FIELDS) - {self._limit}  # some know one name only, some the other
            found = await self._asked(body, max_tokens)
        if isinstance(found, EndpointError):
            raise error_of(found, self._endpoint)
        return from_document(found, self._endpoint.where)

    async def _asked(self, body: dict[str, Any], max_tokens: int) -> dict[str, Any] | EndpointError:
        """The response, or the error that the endpoint answered with. Raises ModelError."""
        try:
            raw = await self._client.chat.completions.with_raw_response.create(
                **{**body, self._limit: max_tokens}, extra_headers=self._headers()
            )
        except openai.APIStatusError as e:
            if 300 <= e.status_code < 400:
                location = e.response.headers.get("location", "")
                raise redirected(e.status_code, location, self._endpoint.where) from e
            return of_body(e.body or e.response.text, e.status_code)
        except openai.APIError as e:
            raise _away(e, self._endpoint) from e
        found = document(raw.content, self._endpoint.where)
        return inside(found) or found

    def _headers(self) -> dict[str, Any]:
        """Azure takes a key as `api-key` where its address carries `api-version`, and as bearer elsewhere."""
        if "api-version" not in self._endpoint.query:
            return {}
        return {"Authorization": openai.Omit(), "api-key": self._endpoint.key or "none"}

    async def close(self) -> None:
        await self._client.close()


def _away(error: openai.APIError, endpoint: Endpoint) -> ModelError:
    """No answer at all, as our error, with cause and hint."""
    if isinstance(error, openai.APITimeoutError):
        return ModelUnavailable(
            f"no answer within {endpoint.timeout_s} s",
            where=endpoint.where,
            hint="a smaller model, or a faster endpoint",
        )
    cause = harmless(str(error.__cause__ or error), 300)
    return ModelUnavailable(
        f"the model's endpoint cannot be reached ({cause})",
        where=endpoint.where,
        hint="is it running, and is model_url right?",
    )
