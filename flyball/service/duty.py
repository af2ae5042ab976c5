"""What a duty is: one kind of work that comes back, driven by `flyball serve` in real time or by a world's time."""

from typing import Protocol, runtime_checkable


class Duty(Protocol):
    """Work that comes back. Time is the gate's, in Unix ms (`Context.now_ms`): a duty never sleeps and never asks
    another clock. What must outlive the process lies in the log's integers or in `jobs.db`, never in the duty."""

    name: str

    def due_ms(self, now_ms: int) -> int:
        """When it wants to run next; at or before `now_ms` means at once. Asked again after each run."""

    async def run(self, now_ms: int) -> None:
        """One whole pass; never two at once. A FlyballError is said, and the duty goes on next time."""


@runtime_checkable
class Rests(Protocol):
    """A duty that leaves something safer behind when its process stops in good order."""

    async def rest(self, now_ms: int) -> None:
        """What must not go on while nobody works; after the last run. Best effort: what fails is said."""
