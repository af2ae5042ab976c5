"""Where a model is, from the settings; imports no client library, so that looking it up is fast."""

from dataclasses import dataclass, field
from urllib.parse import urlsplit

from agents.errors import ModelMissing

_CONNECT = """any OpenAI-compatible endpoint will do, e.g. a local Ollama:
  export FLYBALL_MODEL_URL=http://127.0.0.1:11434/v1 FLYBALL_MODEL_NAME=qwen3
and FLYBALL_MODEL_KEY where it wants a key; or model_url, model_name, model_key in flyball.toml
everything but `flyball chat` works without a model"""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where the model is. `timeout_s` bounds one try, `retries` how often connection errors, 429 and 5xx are
    tried again. An endpoint without keys needs none."""

    url: str
    model: str
    key: str = field(default="", repr=False)
    timeout_s: int = 120
    retries: int = 2

    def check(self) -> None:
        """Raises ModelMissing, with how to connect one, where no model is configured."""
        absent = [n for n, v in (("model_url", self.url), ("model_name", self.model)) if not v]
        if absent:
            where = " and ".join(absent) + (" is" if len(absent) == 1 else " are") + " not set"
            raise ModelMissing("no model is connected", where=where, hint=_CONNECT)
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ModelMissing(f"`{self.url}` is not an http(s) address", where="model_url", hint=_CONNECT)
