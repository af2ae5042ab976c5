"""Answers that are remembered for a while, so that many who ask at once make one request."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from audit.clock import Clock

T = TypeVar("T")


class AnswerCache(Generic[T]):
    """By key, for `span_us` microseconds. What `ask` raises is not remembered."""

    def __init__(self, clock: Clock, span_us: int) -> None:
        self._clock, self._span_us = clock, span_us
        self._found: dict[str, tuple[int, T]] = {}
        self._asking = defaultdict[str, asyncio.Lock](asyncio.Lock)

    async def get(self, key: str, ask: Callable[[], Awaitable[T]]) -> T:
        """What was found for the key, or what `ask` finds now; those who come meanwhile wait for it."""
        async with self._asking[key]:
            until, found = self._found.get(key, (0, None))
            if found is None or self._clock.mono_us() >= until:
                found = await ask()
                self._found[key] = (self._clock.mono_us() + self._span_us, found)
            return found
