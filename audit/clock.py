"""Time comes from an injected clock, so that tests can move it forward, and also back."""

import asyncio
import time
from pathlib import Path
from typing import Protocol


class Clock(Protocol):
    """The source of time for every package; only the composition root chooses the real one."""

    def wall_ms(self) -> int:
        """Milliseconds since the Unix epoch, UTC."""

    def mono_us(self) -> int:
        """Microseconds that never go back while the machine is up, shared by all processes on it."""

    def world_ms(self) -> int | None:
        """The simulated world's time in Unix milliseconds; None where the world is real."""

    async def sleep(self, seconds: float) -> None:
        """Wait in this clock's own time."""


class SystemClock:
    """The machine's clock."""

    def wall_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def mono_us(self) -> int:
        return time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1_000

    def world_ms(self) -> int | None:
        return None

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


def boot_id() -> str:
    """The kernel's id of this boot: monotonic times compare only within one. Empty where there is none."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""
