"""Drafts of records: what every record says of its moment, and the records that the log writes about itself."""

from typing import Any

from pydantic import ValidationError

from audit.clock import Clock, boot_id
from audit.errors import RecordInvalid
from audit.ids import uuid7
from audit.leaf import Leaf
from audit.pinned_gap import Gap
from audit.record import MAX_TEXT, Actor, Kind, Record
from audit.timeline import Stamp, rfc3339

SYSTEM = Actor(type="system", id="flyball")


class Drafts:
    """Drafts at the times of one clock, by one software."""

    def __init__(self, clock: Clock, software: str) -> None:
        self._clock, self._boot, self._software = clock, boot_id(), software

    def draft(self, kind: Kind, *, actor: Actor, **fields: Any) -> Record:
        """A record of now, with a new id; `fields` are Record's own. Raises RecordInvalid."""
        wall_ms, world_ms = self._clock.wall_ms(), self._clock.world_ms()
        fields |= {
            "id": uuid7(wall_ms),
            "ts": rfc3339(wall_ms),
            "mono_us": self._clock.mono_us(),
            "boot_id": self._boot,
            "software": self._software,
            "kind": kind,
            "actor": actor,
        }
        if world_ms is not None:
            fields["world_ts"] = rfc3339(world_ms)
        try:
            return Record.model_validate(fields)
        except ValidationError as error:
            first = error.errors()[0]
            where = f"{kind}.{'.'.join(str(part) for part in first['loc'])}"
            raise RecordInvalid(f"{where}: {first['msg']}", where=where) from error

    def opened(self, vkey: str) -> Record:
        """The first record of a log, with the key that it is signed by."""
        return self.draft("log.opened", actor=SYSTEM, observation={"vkey": vkey})

    def refused(self, record: Record, error: RecordInvalid) -> Record:
        """That somebody tried to record what does not fit, in place of it."""
        same = {name: getattr(record, name) for name in ("resource", "run_id", "request_id", "mode")}
        labels = {"refused": record.kind, "id": record.id}
        return self.draft(
            "annotation", actor=record.actor, reason=error.what[:MAX_TEXT], labels=labels, **same
        )

    def pinned_gap(self, gap: Gap, size: int) -> Record:
        """What the pinned checkpoint does not prove of the first `size` records."""
        again = "" if gap.pinned is not None else "; it begins again here"
        reason = f"{gap.sentence(size)}{again}"
        return self.draft("pinned.anomaly", actor=SYSTEM, reason=reason, observation=gap.told(size))

    def clock_anomaly(self, back_ms: int, before: Stamp, leaf: Leaf) -> Leaf:
        """Tells of a clock that went back; its own time is that of the record it goes before."""
        seen = {"back_ms": back_ms, "before_ms": before.wall_ms, "after_ms": leaf.stamp.wall_ms}
        draft = self.draft("clock.anomaly", actor=SYSTEM, observation=seen)
        same = {"ts": leaf.record.ts, "mono_us": leaf.record.mono_us, "boot_id": leaf.record.boot_id}
        return Leaf.of(draft.model_copy(update=same))
