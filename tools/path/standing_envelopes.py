"""The envelopes that stand on a cluster by the log: in force, or over and not yet put back."""

from dataclasses import dataclass

from audit.log import Entry, Reads
from audit.record import Record
from base.instants import utc_ms
from policies.claim_keys import ENVELOPE, first_bits
from policies.envelopes import SET
from policies.types import Target
from tools.arguments import SetEnvelopeArgs
from tools.path.context import Context
from tools.path.leased import args_of, human_of
from tools.path.loop_records import LOOP, closed
from tools.path.newest_intent import newest_intent
from tools.path.rollback import applied_end, tool_of


@dataclass(frozen=True, slots=True)
class Standing:
    """The newest lease of a workload, or its end. `applied`: it is known to have been carried out."""

    target: Target
    intent: Entry
    args: SetEnvelopeArgs
    human: str
    applied: bool

    @property
    def uid(self) -> str:
        """The object that it is of."""
        where = self.intent.record.resource
        return (where.uid if where else None) or ""

    def over(self, now_ms: int) -> bool:
        """Whether nothing may move under it any more, by the log."""
        return not self.applied or self.args.until is None or now_ms >= utc_ms(self.args.until)


class Envelopes:
    """Reads them; what was found once is not looked for again while the log's integer is the same."""

    def __init__(self, context: Context) -> None:
        self._c = context
        self._known: dict[str, tuple[int, Standing]] = {}

    async def standing(self) -> list[Standing]:
        """Those of this cluster, by target. Raises LogUnavailable."""
        family = ENVELOPE.of(f"{self._c.cluster.name}/")
        marks = {key: mark for key, mark in (await self._c.log.prefixed(family)).items() if mark}
        self._known = {key: known for key, known in self._known.items() if marks.get(key) == known[0]}
        for key, mark in marks.items():
            known = self._known.get(key)
            if known is None or not known[1].applied:
                await self._look(key, mark)
        return [self._known[key][1] for key in sorted(self._known)]

    async def close(self, one: Standing, why: str) -> None:
        """Record that the object of a lease is gone for good: there is no floor to put back any more. Nothing where
        the lease is not known to have been carried out, or another has taken its place. Raises LogUnavailable."""
        mark = first_bits(one.intent.record.request_digest or "")
        if one.applied:
            record = self._c.journal.closed(one.intent.record, LOOP, why)
            await closed(self._c.log, record, ENVELOPE.of(one.target.key), mark)

    async def _look(self, key: str, mark: int) -> None:
        name = ENVELOPE.name_in(key)
        intent = await self._c.log.at_one_moment(lambda reads: _lease(reads, name, mark))
        where = intent.record.resource if intent else None
        if intent is None or where is None or where.cluster != self._c.cluster.name:
            return  # a cluster's name may begin with another's and a `/`
        target = Target(cluster=where.cluster, namespace=where.namespace, kind=where.kind, name=where.name)
        applied = await applied_end(self._c.journal, intent) is not None
        human = human_of(intent.record) or ""
        self._known[key] = mark, Standing(target, intent, args_of(intent.record), human, applied)


def _lease(reads: Reads, resource_key: str, mark: int) -> Entry | None:
    """The lease that the integer names; its moves came after it."""

    def named(record: Record) -> bool:
        return tool_of(record) == SET and first_bits(record.request_digest or "") == mark

    return newest_intent(reads, named, first=8, resource_key=resource_key)
