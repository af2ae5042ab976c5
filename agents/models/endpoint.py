"""Where a model is, from the settings; imports no client library, so that looking it up is fast."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlsplit

from agents.errors import ModelMissing

LIMIT_FIELDS = ("max_tokens", "max_completion_tokens")
"""The request's field that limits a reply: what compatible servers know, and what OpenAI's newer models take."""

MOST_CONTEXT = 10_000_000
"""Tokens; more than any model's context."""

MOST_SECONDS = 3_600
"""Seconds; nobody waits for a reply for longer."""

_CONNECT = """any OpenAI-compatible endpoint will do, e.g. a local Ollama:
  export FLYBALL_MODEL_URL=http://127.0.0.1:11434/v1 FLYBALL_MODEL_NAME=qwen3
and FLYBALL_MODEL_KEY where it wants a key; or model_url, model_name, model_key in flyball.toml
without one `flyball chat` has its commands only, and `event add --words` does not work"""
_OWN_HOSTS = ("api.openai.com", ".openai.azure.com", ".cognitiveservices.azure.com", ".services.ai.azure.com")
"""Hosts of OpenAI's own models."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where the model is.

    A reply has to begin within `timeout_s`, tries and pauses together, and to go on within `stall_s` from piece to
    piece; what is not streamed has to be whole within `timeout_s`. Connection errors, 429 and 5xx are tried again
    `retries` times. An endpoint without keys needs none. `limit_field` is one of LIMIT_FIELDS; empty: by the host.
    `through` is the proxy on the way, as errors show it. `context` is how many tokens fit into the model's context;
    0: it is asked for. `ca` is the PEM file of the CA that signed its certificate; empty: the system's CAs.
    """

    url: str
    model: str
    key: str = field(default="", repr=False)
    timeout_s: int = 120
    stall_s: int = 60
    retries: int = 2
    limit_field: str = ""
    through: str = ""
    context: int = 0
    ca: str = ""

    @property
    def base(self) -> str:
        """The address before its query: what `/chat/completions` is put behind."""
        return self.url.partition("?")[0]

    @property
    def query(self) -> Mapping[str, str]:
        """What every request carries in its query, such as Azure's `api-version`."""
        return dict(parse_qsl(urlsplit(self.url).query))

    @property
    def where(self) -> str:
        """The address as errors show it: without the query, which may hold a key; with the proxy, if any."""
        return f"{self.base} through the proxy {self.through}" if self.through else self.base

    @property
    def first_limit_field(self) -> str:
        """The field that is tried first."""
        host = urlsplit(self.url).hostname or ""
        own = any(host == h or (h[0] == "." and host.endswith(h)) for h in _OWN_HOSTS)
        return self.limit_field or LIMIT_FIELDS[own]

    def check(self) -> None:
        """Raises ModelMissing, with how to connect one, where no model is configured."""
        absent = [n for n, v in (("model_url", self.url), ("model_name", self.model)) if not v]
        if absent:
            where = " and ".join(absent) + (" is" if len(absent) == 1 else " are") + " not set"
            raise ModelMissing("no model is connected", where=where, hint=_CONNECT)
        parts = urlsplit(self.url)
        if "@" in parts.netloc:
            hint = "leave it out, and set model_key (FLYBALL_MODEL_KEY)"
            raise ModelMissing("the address holds a password", where="model_url", hint=hint)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.fragment:
            raise ModelMissing(f"`{self.base}` is not an http(s) address", where="model_url", hint=_CONNECT)
        if self.limit_field not in ("", *LIMIT_FIELDS):
            hint = "leave it unset, or give " + " or ".join(LIMIT_FIELDS)
            raise ModelMissing(f"`{self.limit_field}` limits no reply", where="model_output_field", hint=hint)
