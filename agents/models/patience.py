"""How long one reply is waited for, and how often it is asked for.

| what happens | what is done |
|---|---|
| nothing comes within `timeout_s`, tries and pauses together | it is given up |
| a reply has begun, and no piece of it comes within `stall_s` | it is given up |
| 503 while the model is loaded (llama.cpp) | asked again until `timeout_s` is over |
| no connection, 408, 409, 429, another 5xx | asked again, `retries` times |
| a pause that the server asks for and that time does not allow | it is given up at once |

Nothing is asked again once a piece of the reply was heard: the person would hear it twice.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from email.utils import parsedate_to_datetime

from agents.errors import ModelUnavailable
from agents.models.endpoint import Endpoint
from agents.models.endpoint_errors import EndpointError
from agents.models.types import HeardBy, Pause

_FIRST_S, _LONGEST_S = 0.5, 5.0
_MS = "retry-after-ms"


def pause_s(tries: int) -> float:
    """Seconds before the next try, doubled from try to try up to a limit."""
    return min(_FIRST_S * 2.0 ** min(tries, 10), _LONGEST_S)


def asked_for_s(headers: Mapping[str, str]) -> float | None:
    """The pause that the server asks for: Retry-After (RFC 9110 10.2.3) in seconds, or as a date, which is taken
    against the server's own Date; or `retry-after-ms`, as Azure and OpenAI send it."""
    told, in_ms = headers.get("retry-after", "").strip(), headers.get(_MS, "").strip()
    if in_ms.isdecimal() and in_ms.isascii():
        return int(in_ms[:12]) / 1_000
    if told.isdecimal() and told.isascii():
        return float(told[:12])
    try:
        until, now = (parsedate_to_datetime(text) for text in (told, headers.get("date", "")))
        return max((until - now).total_seconds(), 0.0)
    except (ValueError, TypeError):
        return None


class Patience:
    """The patience with one reply. `heard` is told of each pause before it."""

    def __init__(self, endpoint: Endpoint, heard: HeardBy | None) -> None:
        self._endpoint, self._heard = endpoint, heard
        self._tries, self._begun = 0, False
        self._limit = asyncio.timeout(endpoint.timeout_s)

    @asynccontextmanager
    async def bounded(self) -> AsyncIterator[None]:
        """The time in which the reply has to come. Raises ModelUnavailable where it does not."""
        try:
            async with self._limit:
                yield
        except TimeoutError as error:
            raise self._expired() from error

    def came(self) -> None:
        """A piece of the reply has come: the next one has its own time."""
        self._begun = True
        self._limit.reschedule(asyncio.get_running_loop().time() + self._endpoint.stall_s)

    async def again(self, error: EndpointError) -> bool:
        """Whether to ask once more after `error`; the pause before it has been waited for then."""
        if self._begun or not error.passing or (self._tries >= self._endpoint.retries and not error.loading):
            return False
        asked = error.retry_after_s
        pause = pause_s(self._tries) if asked is None else max(asked, _FIRST_S)
        end = self._limit.when()
        if end is not None and asyncio.get_running_loop().time() + pause >= end:
            return False
        self._tries += 1
        if self._heard:
            self._heard(Pause(error.said, pause))
        await asyncio.sleep(pause)
        return True

    def _expired(self) -> ModelUnavailable:
        where, stall = self._endpoint.where, self._endpoint.stall_s
        if self._begun:
            what = f"the reply came to a stop: no piece of it within {stall} s"
            return ModelUnavailable(
                what, where=where, hint="ask again, or set model_stall to more seconds for a slow model"
            )
        return ModelUnavailable(
            f"no answer within {self._endpoint.timeout_s} s",
            where=where,
            hint="set model_timeout to more seconds, or take a smaller model or a faster endpoint",
        )
