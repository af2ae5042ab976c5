"""What an unattended stretch came to, counted from the log while it goes on."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass

from audit.record import Kind, Record
from flyball.wiring import App


@dataclass
class Happened:
    """How many runs ended, live changes were made, verdicts given, changes rolled back, live requests refused, and
    questions asked of people."""

    runs: int = 0
    changes: int = 0
    verdicts: int = 0
    rolled_back: int = 0
    refused: int = 0
    asked: int = 0

    def __str__(self) -> str:
        told = {
            f"run{'' if self.runs == 1 else 's'}": self.runs,
            f"change{'' if self.changes == 1 else 's'}": self.changes,
            f"verdict{'' if self.verdicts == 1 else 's'}": self.verdicts,
            "rolled back": self.rolled_back,
            "refused": self.refused,
            "asked": self.asked,
        }
        return ", ".join(f"{count} {name}" for name, count in told.items())

    def document(self) -> dict[str, int]:
        return asdict(self)


def _changed(record: Record) -> bool:
    done = record.outcome is not None and record.outcome.status in ("applied", "in_part")
    return done and record.mode == "live"


def _refused(record: Record) -> bool:
    denied = record.decision is not None and record.decision.verdict == "deny"
    return denied and record.mode == "live"


_COUNTS: Mapping[Kind, tuple[str, Callable[[Record], bool]]] = {
    "run.finished": ("runs", lambda _: True),
    "action.outcome": ("changes", _changed),
    "action.verified": ("verdicts", lambda _: True),
    "action.rolled_back": ("rolled_back", lambda _: True),
    "policy.decision": ("refused", _refused),
    "approval.requested": ("asked", lambda _: True),
}


class Tally:
    """Counts from where the log ends when it is begun."""

    def __init__(self, app: App, since_seq: int) -> None:
        self._app, self._next = app, since_seq
        self.so_far = Happened()

    @classmethod
    async def begin(cls, app: App) -> "Tally":
        newest = await app.log.find(newest_first=True, limit=1)
        return cls(app, newest[0].seq + 1 if newest else 0)

    async def count(self) -> Happened:
        """Everything up to now."""
        for entry in await self._app.log.find(kinds=tuple(_COUNTS), since_seq=self._next):
            name, counts = _COUNTS[entry.record.kind]
            setattr(self.so_far, name, getattr(self.so_far, name) + counts(entry.record))
            self._next = entry.seq + 1
        return self.so_far
