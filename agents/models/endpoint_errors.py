"""What an endpoint says when it does not answer, by HTTP status or inside of HTTP 200, as our errors.

Its words are untrusted text: they are made harmless here, before anything shows or records them.
"""

import json
import re
from dataclasses import dataclass
from typing import Any

from agents.errors import ContextExceeded, ModelError, ModelRefused, ModelUnavailable
from agents.models.endpoint import LIMIT_FIELDS, Endpoint
from base.text import harmless

_MOST = 300
"""Characters of an endpoint's words that are shown."""
_TOO_LONG = re.compile(
    r"context (length|window|size)|max(imum)? context|exceed\w* [\w ]{0,40}context|(prompt|input) is too long",
    re.IGNORECASE,
)
_CONTEXT = re.compile(
    r"(?:context (?:length|window|size)(?: is| of)?|available context size) \(?([0-9][0-9,]{2,9})",
    re.IGNORECASE,
)
_DIGITS = re.compile(r"[0-9]{3}")
_LIMIT = re.compile(r"\bmax_(?:completion_)?tokens\b")
_UNKNOWN = re.compile(r"unsupported|not supported|unrecogni[sz]ed|unknown|not permitted|extra_forbidden")
_KEY = re.compile(r"\bapi[ _-]?key\b", re.IGNORECASE)
_TOOLS = re.compile(r"\b(tools?|functions?|tool_calls?|function call(ing)?)\b", re.IGNORECASE)
_WRAPPED = 4
"""How deep an error may be wrapped in lists and objects; deeper ones are shown as they are."""
_NAMED = {
    "rate_limit_exceeded": 429, "rate_limit_error": 429, "RESOURCE_EXHAUSTED": 429,
    "server_error": 500, "INTERNAL": 500, "UNAVAILABLE": 503, "overloaded_error": 529,
}  # fmt: skip
"""The HTTP status that a name stands for: OpenAI's codes, Anthropic's types, Google's statuses."""


@dataclass(frozen=True, slots=True)
class EndpointError:
    """An error as the endpoint put it. `status` is the HTTP status, or the code that stands for it in the body."""

    message: str
    status: int | None = None
    code: str = ""
    param: str = ""
    n_ctx: int | None = None
    unreached: bool = False
    retry_after_s: float | None = None
    """Seconds for which the endpoint asks to be left alone."""

    @property
    def passing(self) -> bool:
        """Whether the same request may be answered a little later."""
        if self.code == "insufficient_quota":  # OpenAI's 429 for an account without money
            return False
        again = self.status in (408, 409, 425, 429) or 500 <= (self.status or 0) != 501
        return self.unreached or again

    @property
    def loading(self) -> bool:
        """Whether the server is up and loads its model (llama.cpp: 503, "Loading model")."""
        return self.status == 503 and "loading" in self.message.lower()

    @property
    def said(self) -> str:
        """In one harmless line."""
        parts = (f"HTTP {self.status}" if self.status else "", harmless(self.message, _MOST))
        return ": ".join(filter(None, parts)) or "no reason given"

    @property
    def limit_field(self) -> str:
        """The field for the output limit that it is about; empty where it is about something else."""
        named = _LIMIT.search(self.message.lower())
        return self.param if self.param in LIMIT_FIELDS else named[0] if named else ""

    @property
    def limit_refused(self) -> bool:
        """Whether it is the name of the field for the output limit that it does not take."""
        return bool(self.limit_field and _UNKNOWN.search(f"{self.code} {self.message.lower()}"))

    @property
    def context(self) -> int | None:
        """The size of the model's context, where it is told: llama.cpp's `n_ctx`, or in words, as OpenAI, vLLM and
        others put it."""
        told = _CONTEXT.search(self.message)
        return self.n_ctx or (int(told[1].replace(",", "")) if told else None)

    @property
    def stream_refused(self) -> bool:
        """Whether it is streaming that it does not take, or to be told the usage at its end."""
        named = self.param.startswith("stream") or "stream" in self.message.lower()
        return named and self.status in (400, 404, 405, 422, 501)

    @property
    def too_long(self) -> bool:
        """Whether the conversation is longer than the model's context."""
        return self.code == "context_length_exceeded" or _TOO_LONG.search(self.message) is not None


def of_body(body: object, status: int | None = None) -> EndpointError:
    """The error in what came with an HTTP status, or in an `error` object, in any of the forms in use: plain, in
    `error`, in a list (Google's), in `errors` (Cloudflare's), in a list as `detail` (FastAPI's)."""
    for _ in range(_WRAPPED):
        inner = _wrapped(body)
        if not inner:
            break
        status = status or (_status(body) if isinstance(body, dict) else None)
        body = inner
    if not isinstance(body, dict):
        return EndpointError(
            body if isinstance(body, str) else json.dumps(body)[:_MOST] if body else "", status
        )
    told = body.get("message") or body.get("detail") or body.get("msg") or ""
    code, path = body.get("code") or body.get("type"), body.get("loc")
    param = body.get("param") or (path[-1] if isinstance(path, list) and path else "")
    message = told if isinstance(told, str) else json.dumps(told)[:_MOST]
    n_ctx = body.get("n_ctx")
    known = n_ctx if type(n_ctx) is int and n_ctx > 0 else None
    return EndpointError(message, status or _status(body), str(code or ""), str(param), known)


def _wrapped(body: object) -> object:
    """What this is only a wrapping of, if it is one."""
    if isinstance(body, list):
        return body[0] if body else None
    if not isinstance(body, dict):
        return None
    inner = body.get("error") or body.get("errors")
    if isinstance(inner, dict | list | str) and inner:
        return inner
    detail = body.get("detail")
    return detail if isinstance(detail, list) and not body.get("message") else None


def inside(document: dict[str, Any]) -> EndpointError | None:
    """The error that a response of HTTP 200 is; None where it is none."""
    choices = document.get("choices")
    first = choices[0] if isinstance(choices, list) and choices else None
    if document.get("error") or document.get("object") == "error":
        return of_body(document)
    if isinstance(first, dict) and first.get("error"):
        return of_body(first)
    if choices is None and any(document.get(key) for key in ("message", "detail", "errors")):
        return of_body(document)
    return None


def error_of(e: EndpointError, endpoint: Endpoint) -> ModelError:
    """The endpoint's error as ours, with cause and hint."""
    if e.unreached or e.status == 429 or (e.status or 0) >= 500:
        what, hint = _unavailable(e)
        return ModelUnavailable(f"{what} ({e.said})", where=endpoint.where, hint=hint)
    what, hint = _refusal(e, endpoint)
    refused = ContextExceeded if e.too_long else ModelRefused
    return refused(f"{what} ({e.said})", where=endpoint.where, hint=hint)


def _unavailable(e: EndpointError) -> tuple[str, str]:
    """What is in the way for now, and what to do about it."""
    if e.unreached:
        return "the model's endpoint cannot be reached", "is it running, and is model_url right?"
    if e.loading:
        return "the endpoint still loads its model", "wait, or set model_timeout to more seconds"
    if e.status != 429:
        return "the endpoint failed", "look at its own log"
    wait = "wait" if e.retry_after_s is None else f"wait {e.retry_after_s:.0f} s, as it asks"
    return "the endpoint takes no more requests now", f"{wait}, or raise its limit"


def _refusal(e: EndpointError, endpoint: Endpoint) -> tuple[str, str]:
    """What was refused, and what to do about it."""
    if e.status in (401, 403) or (e.status == 400 and _KEY.search(e.message)):
        return "the endpoint refuses the key", "set model_key (FLYBALL_MODEL_KEY)"
    if e.status == 404:
        return (
            f"no model `{endpoint.model}` there",
            "check model_name, and that model_url ends before /chat/completions, usually in /v1",
        )
    if e.too_long:
        return (
            "the conversation is longer than the model's context",
            "begin a new --thread, lower model_output_tokens, or give the model a longer context",
        )
    if e.limit_field:
        other = LIMIT_FIELDS[e.limit_field == LIMIT_FIELDS[0]]
        hint = f"set model_output_field to {other}" if e.limit_refused else "lower model_output_tokens"
        return "the endpoint does not take the output limit", hint
    if e.code == "content_filter":
        return "the endpoint's content filter refuses this conversation", "begin a new --thread"
    hint = "does this model take tools?" if _TOOLS.search(e.message) else "look at the endpoint's own log"
    return "the endpoint does not take this request", hint


def _status(body: dict[str, Any]) -> int | None:
    """The HTTP status that an error names by its code, status or type."""
    for told in (body.get("code"), body.get("status"), body.get("type")):
        if isinstance(told, str) and told in _NAMED:
            return _NAMED[told]
        number = (
            int(told) if isinstance(told, int) or (isinstance(told, str) and _DIGITS.fullmatch(told)) else 0
        )
        if 400 <= number < 600:
            return number
    return None
