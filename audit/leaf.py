"""What goes into the tree and into a row: a record's canonical bytes, their hash, and the columns they fill."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from audit.canonical import encode
from audit.claims import Claim, as_json
from audit.errors import RecordInvalid
from audit.record import Record
from audit.timeline import Stamp, wall_ms
from audit.tree import leaf_hash


class Leaf(NamedTuple):
    """A record ready to be stored: its hash, when it happened, and the columns after `seq`."""

    record: Record
    hash: bytes
    stamp: Stamp
    columns: tuple[object, ...]

    @classmethod
    def of(cls, record: Record) -> "Leaf":
        """Raises RecordInvalid where the record does not fit the canonical profile."""
        body = encode(record)
        digest = leaf_hash(body)
        stamp = Stamp(wall_ms(record.ts), record.mono_us, record.boot_id)
        return cls(record, digest, stamp, (*_columns(record, stamp), digest, body))


def _columns(record: Record, stamp: Stamp) -> tuple[object, ...]:
    """The searchable columns between `seq` and `leaf_hash`; all of them follow from the record."""
    return (
        record.id,
        stamp.wall_ms * 1_000_000,
        record.kind,
        record.run_id,
        record.actor.id,
        record.request_id,
        record.request_digest,
        record.resource.key if record.resource else None,
        record.decision.verdict if record.decision else None,
    )


@dataclass(slots=True)
class Submission:
    """What one caller wants committed as a whole, and how it ended.

    `lost` gives the refusal that is stored in place of `leaves` when a claim is lost; it may be asked twice.
    """

    leaves: Sequence[Leaf]
    claims: Sequence[Claim]
    spend: bool
    lost: Callable[[Claim, int], Leaf] | None
    first_seq: int = -1
    error: BaseException | None = None


def leaves_of(records: Sequence[Record], claims: Sequence[Claim]) -> list[Leaf]:
    """The records as leaves; the last tells what was claimed. Raises RecordInvalid."""
    for record in records:
        if record.claims:
            raise RecordInvalid("`claims` is written by commit", hint="leave it empty in the draft")
    return [Leaf.of(record) for record in (_telling(records, claims) if claims else records)]


def _telling(records: Sequence[Record], claims: Sequence[Claim]) -> list[Record]:
    """The records, the last of which tells what was claimed."""
    if not records:
        raise RecordInvalid("claims without a record", hint="nothing is claimed that the log does not tell")
    for claim in claims:
        if not claim.key or not claim.key.isascii() or not claim.key.isprintable():
            raise RecordInvalid(f"claim key {claim.key!a} is not printable ASCII", where=claim.key)
    taken = records[-1].model_copy(update={"claims": tuple(as_json(claim) for claim in claims)})
    return [*records[:-1], taken]
