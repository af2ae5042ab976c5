"""Drives duties by the time of a simulated world: days of unattended work pass in minutes.

The same duties as those that `serve` drives. Between two of them the world moves to when the next is due; whoever
waits meanwhile lets the world pass, so that nothing sleeps in real time. Leases stay the machine's.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from audit.clock import Clock
from flyball.service.duty import Duty
from flyball.service.rota import BACK_OFF_S, Rota, Turn

if TYPE_CHECKING:
    from sandbox.world import World

LEAST_MS = 1_000
"""The world moves at least so far between two looks at the duties: a duty that is always due cannot stop its time."""
BACK_OFF_MS = round(BACK_OFF_S[1] * 1000)
"""How long a duty whose last run failed is left alone."""

Progress = Callable[[int, int], None]


class Night:
    """The duties of a world. Their time is the world's; `clock` is that of its installation."""

    def __init__(self, world: "World", duties: Sequence[Duty], clock: Clock) -> None:
        self._world = world
        self._rota = Rota(duties, world.now_ms, clock)

    @property
    def turns(self) -> tuple[Turn, ...]:
        """How it stands with each duty."""
        return self._rota.turns

    async def run(self, seconds: int, progress: Progress = lambda _done, _of: None) -> None:
        """Let that much of the world's time pass, with every duty when it is due, also at the end.

        Cancelled, it ends with the world between two steps and everything recorded that was done. `progress` is
        called after each step with how many milliseconds of how many have passed.
        """
        begin = self._world.now_ms()
        end = begin + seconds * 1000
        with self._world.driven():
            await self._rota.once()
            while (now := self._world.now_ms()) < end:
                await asyncio.sleep(0)  # a cancellation is heard here, between two steps
                self._world.advance(-(-(min(self._next_ms(now), end) - now) // 1000))
                progress(min(self._world.now_ms(), end) - begin, end - begin)
                await self._rota.once()

    def _next_ms(self, now_ms: int) -> int:
        """When somebody has to be asked next."""
        wanted = (max(turn.next_ms, now_ms + _pause_ms(turn)) for turn in self.turns)
        return min(wanted, default=now_ms + 366 * 86_400_000)


def _pause_ms(turn: Turn) -> int:
    return BACK_OFF_MS if turn.problem else LEAST_MS
