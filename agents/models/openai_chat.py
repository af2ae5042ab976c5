"""The adapter to any OpenAI-compatible endpoint (vLLM, Ollama, llama.cpp, LiteLLM, …) by Chat Completions.

The only module that imports `openai`. Nothing is asked at import or at construction.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import openai

from agents.models.context import learnt
from agents.models.endpoint import LIMIT_FIELDS, Endpoint
from agents.models.endpoint_errors import EndpointError, error_of, inside, of_body
from agents.models.patience import Patience, asked_for_s
from agents.models.reply import document, from_document
from agents.models.stream import gathered
from agents.models.transport import http_client, proxy_to, redirected
from agents.models.types import HeardBy, Message, Reply
from agents.models.wire import names_of, to_wire
from agents.models.written_calls import wrote_calls


def connect(endpoint: Endpoint) -> "OpenAIChat":
    """A client for `endpoint`; no call is made yet. Raises ModelMissing where none is configured, and
    ModelUnavailable where proxy or CAs of the environment cannot be used."""
    endpoint.check()
    return OpenAIChat(endpoint)


_QUICK_S = 5
"""Seconds for a question that a turn can do without."""


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
            timeout=None,  # `Patience` bounds and repeats
            max_retries=0,
            http_client=http_client(endpoint, proxy),
        )
        self._client.organization = self._client.project = None
        self._limit = endpoint.first_limit_field
        self._streams = True
        self._context: int | None = endpoint.context or None
        self._context_known = bool(endpoint.context)

    @property
    def model(self) -> str:
        return self._endpoint.model

    async def complete(
        self,
        messages: Sequence[Message],
        tools: Sequence[Mapping[str, object]],
        *,
        max_tokens: int,
        heard: HeardBy | None = None,
    ) -> Reply:
        body: dict[str, Any] = {"model": self.model, "messages": to_wire(messages)}
        if tools:
            body["tools"] = list(tools)
        patience = Patience(self._endpoint, heard)
        async with patience.bounded():
            found = await self._fitted(body, max_tokens, heard, patience)
        if isinstance(found, EndpointError):
            if found.too_long and found.context:
                self._context, self._context_known = found.context, True
            raise error_of(found, self._endpoint)
        reply = from_document(found, self._endpoint.where)
        return replace(reply, wrote_calls=not reply.calls and wrote_calls(reply.text, names_of(tools)))

    async def _fitted(
        self, body: dict[str, Any], max_tokens: int, heard: HeardBy | None, patience: Patience
    ) -> dict[str, Any] | EndpointError:
        """What is asked in the form that this endpoint takes, once it is known which one it does not take."""
        found = await self._patiently(body, max_tokens, heard, patience)
        if isinstance(found, EndpointError) and found.limit_refused and not self._endpoint.limit_field:
            (self._limit,) = set(LIMIT_FIELDS) - {self._limit}  # some know one name only, some the other
            found = await self._patiently(body, max_tokens, heard, patience)
        if isinstance(found, EndpointError) and found.stream_refused and heard and self._streams:
            self._streams = False
            found = await self._patiently(body, max_tokens, heard, patience)
        return found

    async def _patiently(
        self, body: dict[str, Any], max_tokens: int, heard: HeardBy | None, patience: Patience
    ) -> dict[str, Any] | EndpointError:
        """The response, or the error that stayed."""
        while True:
            whole = {**body, self._limit: max_tokens, "extra_headers": self._headers()}
            found = await self._asked(whole, heard, patience)
            if not isinstance(found, EndpointError) or not await patience.again(found):
                return found

    async def _asked(
        self, whole: dict[str, Any], heard: HeardBy | None, patience: Patience
    ) -> dict[str, Any] | EndpointError:
        """The response, or what came instead. Raises ModelError."""
        try:
            if heard and self._streams:
                return await self._streamed(whole, heard, patience)
            raw = await self._client.chat.completions.with_raw_response.create(**whole)
        except openai.APIStatusError as e:
            if 300 <= e.status_code < 400:
                location = e.response.headers.get("location", "")
                raise redirected(e.status_code, location, self._endpoint.where) from e
            found = of_body(e.body or e.response.text, e.status_code)
            return replace(found, retry_after_s=asked_for_s(e.response.headers))
        except openai.APIError as e:
            if e.body:  # an error in the middle of a stream
                return of_body(e.body)
            return EndpointError(str(e.__cause__ or e), unreached=True)
        response = document(raw.content, self._endpoint.where)
        return inside(response) or response

    async def _streamed(
        self, whole: dict[str, Any], heard: HeardBy, patience: Patience
    ) -> dict[str, Any] | EndpointError:
        """The response put together from its stream; an endpoint that streams nothing may answer at once."""
        asked = self._client.chat.completions.with_streaming_response.create(
            stream=True, stream_options={"include_usage": True}, **whole
        )
        async with asked as response:
            if "text/event-stream" not in response.headers.get("content-type", "text/event-stream"):
                found = document(await response.read(), self._endpoint.where)
                return inside(found) or found
            return await gathered(await response.parse(), heard, patience.came, self._endpoint.where)

    async def context(self) -> int | None:
        if not self._context_known:
            self._context, self._context_known = await learnt(self._got, self.model), True
        return self._context

    async def _got(self, path: str) -> object:
        """What a server tells about itself; nothing where it does not."""
        quick = self._client.with_options(timeout=_QUICK_S, max_retries=0)
        url = self._endpoint.base.removesuffix("/").removesuffix("/v1") + path if path == "/props" else path
        try:
            return await quick.get(url, cast_to=object, options={"headers": self._headers()})
        except (openai.APIError, ValueError):
            return None

    def _headers(self) -> dict[str, Any]:
        """Azure takes a key as `api-key` where its address carries `api-version`, and as bearer elsewhere."""
        if "api-version" not in self._endpoint.query:
            return {}
        return {"Authorization": openai.Omit(), "api-key": self._endpoint.key or "none"}

    async def close(self) -> None:
        await self._client.close()
