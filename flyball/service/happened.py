"""What an unattended stretch came to, counted from the log while it goes on."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass

from audit.record import Kind, Record
from flyball.tuning_log import asked_of_a_person, told_apart, was_changed, was_refused
from flyball.wiring import App


@dataclass
class Happened:
    """How many runs ended, live changes were made, verdicts given, changes rolled back, requests refused (live ones,
    and what scheduled runs wanted), and questions asked of people."""

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

    def __bool__(self) -> bool:
        """Whether anything happened."""
        return any(self.document().values())

    def document(self) -> dict[str, int]:
        return asdict(self)


def _changed(record: Record) -> str | None:
    return record.id if was_changed(record) else None


def _refused(record: Record) -> str | None:
    return told_apart(record) if was_refused(record) else None


def _asked(record: Record) -> str | None:
    return told_apart(record) if asked_of_a_person(record) else None


_COUNTS: Mapping[Kind, tuple[str, Callable[[Record], str | None]]] = {
    "run.finished": ("runs", lambda record: record.run_id),
    "action.outcome": ("changes", _changed),
    "action.verified": ("verdicts", lambda record: record.id),
    "action.rolled_back": ("rolled_back", lambda record: record.id),
    "policy.decision": ("refused", _refused),
    "plan.step": ("asked", _asked),
    "approval.requested": ("asked", _asked),
}
"""What of a kind is counted, and by what it is told apart: a run that carries out its plan ends twice, a step that
waits may ask again."""


class Tally:
    """Counts from where the log ends when it is begun."""

    def __init__(self, app: App, since_seq: int) -> None:
        self._app, self._next = app, since_seq
        self._counted = set[tuple[str, str]]()
        self.so_far = Happened()

    @classmethod
    async def begin(cls, app: App) -> "Tally":
        newest = await app.log.find(newest_first=True, limit=1)
        return cls(app, newest[0].seq + 1 if newest else 0)

    async def count(self) -> Happened:
        """Everything up to now."""
        for entry in await self._app.log.find(kinds=tuple(_COUNTS), since_seq=self._next):
            self._next = entry.seq + 1
            name, told_apart = _COUNTS[entry.record.kind]
            one = told_apart(entry.record)
            if one is not None and (name, one) not in self._counted:
                self._counted.add((name, one))
                setattr(self.so_far, name, getattr(self.so_far, name) + 1)
        return self.so_far
