"""What an endpoint says when it does not answer, by HTTP status or inside of HTTP 200, as our errors.

Its words are untrusted text: they are made harmless here, before anything shows or records them.
"""

import re
from dataclasses import dataclass
from typing import Any

from agents.errors import ModelError, ModelRefused, ModelUnavailable
from agents.models.endpoint import LIMIT_FIELDS, Endpoint
from base.text import harmless

_MOST = 300
"""Characters of an endpoint's words that are shown."""
_TOO_LONG = re.compile(
    r"context (length|window|size)|max(imum)? context|exceed\w* [\w ]{0,40}context", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class EndpointError:
    """An error as the endpoint put it. `status` is the HTTP status, or the code that stands for it in the body."""

    message: str
    status: int | None = None
    code: str = ""
    param: str = ""

    @property
    def said(self) -> str:
        """In one harmless line."""
        status = f"HTTP {self.status}" if self.status else ""
        return (
            ": ".join(part for part in (status, harmless(self.message, _MOST)) if part) or "no reason given"
        )

    @property
    def limit_refused(self) -> bool:
        """Whether it is the name of the field for the output limit that it does not take."""
        words = self.message.lower()
        named = self.param in LIMIT_FIELDS or any(f"'{field}'" in words for field in LIMIT_FIELDS)
        return named and ("unsupported" in f"{self.code} {words}" or "not supported" in words)

    @property
    def too_long(self) -> bool:
        """Whether the conversation is longer than the model's context."""
        return self.code == "context_length_exceeded" or _TOO_LONG.search(self.message) is not None


def of_body(body: object, status: int | None = None) -> EndpointError:
    """The error in what came with an HTTP status, or in an `error` object, in any of the forms in use."""
    if isinstance(body, dict):
        inner = body.get("error")
        if isinstance(inner, dict | str) and inner:
            return of_body(inner, status)
        told = body.get("message") or body.get("detail") or ""
        code = body.get("code")
        message = told if isinstance(told, str) else str(told)
        return EndpointError(message, status or _status(code), str(code or ""), str(body.get("param") or ""))
    return EndpointError(str(body or ""), status)


def inside(document: dict[str, Any]) -> EndpointError | None:
    """The error that a response of HTTP 200 is; None where it is none."""
    choices = document.get("choices")
    first = choices[0] if isinstance(choices, list) and choices else None
    if document.get("error") or document.get("object") == "error":
        return of_body(document)
    if isinstance(first, dict) and first.get("error"):
        return of_body(first)
    if choices is None and (document.get("message") or document.get("detail")):
        return of_body(document)
    return None


def error_of(e: EndpointError, endpoint: Endpoint) -> ModelError:
    """The endpoint's error as ours, with cause and hint."""
    if e.status == 429:
        what, hint = "the endpoint takes no more requests now", "wait, or raise its limit"
        return ModelUnavailable(f"{what} ({e.said})", where=endpoint.where, hint=hint)
    if e.status is not None and e.status >= 500:
        what, hint = "the endpoint failed", "look at its own log"
        return ModelUnavailable(f"{what} ({e.said})", where=endpoint.where, hint=hint)
    what, hint = _refusal(e, endpoint)
    return ModelRefused(f"{what} ({e.said})", where=endpoint.where, hint=hint)


def _refusal(e: EndpointError, endpoint: Endpoint) -> tuple[str, str]:
    """What was refused, and what to do about it."""
    if e.status in (401, 403):
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
    if e.limit_refused:
        return "the endpoint does not take the output limit", f"set model_output_field to {LIMIT_FIELDS[1]}"
    if e.code == "content_filter":
        return "the endpoint's content filter refuses this conversation", "begin a new --thread"
    hint = "does this model take tools?" if e.status in (400, 422) else "look at the endpoint's own log"
    return "the endpoint does not take this request", hint


def _status(code: object) -> int | None:
    """An error's code where it is an HTTP status."""
    number = int(code) if isinstance(code, int) or (isinstance(code, str) and code.isdecimal()) else 0
    return number if 400 <= number < 600 else None
