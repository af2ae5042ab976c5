"""What the path decides on is asked twice. The log's indexes find records, its table of integers says what is spent,
busy or stopped, and neither of the two is signed: one acts on them only where both say the same.

| integers                                      | must be what these records lead to               |
|-----------------------------------------------|--------------------------------------------------|
| `attempt/`, `ended/`, `approval/`, `verify/`  | those of the request; `denied/` has one there    |
| `busy/`, `changed/`, `verify/`                | those of the workload's newest live intent       |
| `stop/`, `level/`, `retired/`, `paused/`      | those of the kill switch, and of every agent     |
| `spent/`, `radius/`, `moved/`, `counted/`     | those of all changes within the time that counts |
| `clock/`                                      | no earlier than that of that intent              |
| `envelope/`                                   | that of the newest that leased, ended or used it |

The records of a request are proven by the signed tree as well: no edited vote, outcome or value from before is used.
A record that was taken out of an index leads elsewhere than the integers, and so does an integer set by hand.
Who changes both alike is found by `flyball audit verify`, which trusts neither. So is who edits what the tuner learns
(`cooled/`, `score/`, `worse/`): it chooses among what policy allows, so nothing more is done for it.
"""

from collections.abc import Callable, Iterable, Mapping

from audit.errors import LogTampered
from audit.log import Entry, Log, Reads
from audit.record import Kind, Record
from audit.replay import told
from policies.claim_keys import (
    APPROVAL,
    ATTEMPT,
    BUSY,
    CHANGED,
    CLOCK,
    DENIED,
    ENDED,
    ENVELOPE,
    LEVEL,
    PAUSED,
    RETIRED,
    STOP,
    VERIFY,
)
from policies.counting import Counting
from tools.path.newest_intent import newest_intent
from tools.path.recount import Recount

SWITCHES = (STOP, LEVEL, RETIRED, PAUSED)
"""The families of integers that hold people's and policy's no to scopes and agents."""
_TELL: tuple[Kind, ...] = (
    "killswitch", "agent.demoted", "agent.promoted", "agent.retired", "tune.paused", "tune.resumed",
)  # fmt: skip


class CrossChecks:
    """Each check reads one state of the log. They raise LogTampered and LogUnavailable."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._switched: dict[str, int] = {}
        """What the records of the switches led to, as far as this process has read them."""
        self._next = 0
        self._recount = Recount()

    async def request(self, request_id: str) -> list[Entry]:
        """The records of a request, in order: what was signed for; its integers are what they lead to."""
        entries = await self._log.at_one_moment(lambda reads: _request(reads, request_id))
        await self._log.prove(entries)
        return entries

    async def before_write(
        self, key: str, counting: Counting | None, *, under: bool, simulated: bool
    ) -> None:
        """The switches as below, and what is claimed of the workload `key`: it is what its newest live intent, and
        how that ended, lead to; and what guards count for the request is what was counted. `under`: the request names
        an envelope, so which one is in force counts too. `simulated`: the time of the cluster is not that of the
        machine."""

        def ask(reads: Reads) -> None:
            self._switches(reads)
            _workload(reads, key)
            if under:
                _envelope(reads, key)
            if counting is not None:
                _refuse(self._recount.contradiction(reads, counting, simulated=simulated))

        await self._log.at_one_moment(ask)

    async def switches(self) -> None:
        """The kill switch of every scope, and the level of every agent, are as their records say."""
        await self._log.at_one_moment(self._switches)

    def _switches(self, reads: Reads) -> None:
        """Each record is read once in the life of this process."""
        for entry in reads.find(kinds=_TELL, since_seq=self._next):
            lead = told([entry.record])
            self._switched |= {key: value for key, value in lead.items() if any(s.has(key) for s in SWITCHES)}
            self._next = entry.seq + 1
        stored = {key: value for family in SWITCHES for key, value in reads.prefixed(family.prefix).items()}
        _agree(stored, self._switched, {*stored, *self._switched})


def _request(reads: Reads, request_id: str) -> list[Entry]:
    entries = reads.by_request(request_id)
    lead, attempts = told(entry.record for entry in entries), ATTEMPT.of(f"{request_id}/")
    denied = DENIED.of(request_id)
    intents = [e.record.id for e in entries if e.record.kind == "action.intent"]
    keys = [family.of(id) for family in (ENDED, VERIFY) for id in intents]
    keys += [APPROVAL.of(e.record.id) for e in entries if e.record.kind == "approval.granted"]
    stored = reads.values((denied, *keys)) | reads.prefixed(attempts)
    tries = {key for key in (*stored, *lead) if key.startswith(attempts)}
    _agree(stored, lead, {*keys, *tries})
    if all(
        e.record.kind != "approval.denied" for e in entries
    ):  # a no to many is claimed by the last of them
        _agree(stored, {}, {denied})
    return entries


def _workload(reads: Reads, key: str) -> None:
    intent = newest_live_intent(reads, key)
    lead = told(e.record for e in reads.by_request(intent.record.request_id or "")) if intent else {}
    busy, changed = BUSY.of(key), CHANGED.of(key)
    keys = {busy} if intent and changed not in lead else {busy, changed}
    keys |= {VERIFY.of(intent.record.id)} if intent else set()
    _agree(reads.values(sorted(keys)), lead, keys)
    counters = [name for name in lead if STOP.has(name) or CLOCK.has(name)]
    stored = reads.values(counters) if counters else {}
    _agree(stored, lead, {name for name in counters if stored[name] < lead[name]})  # these only move on


def _envelope(reads: Reads, key: str) -> None:
    """Which envelope is in force is what the newest intent that leased, ended or used one leads to."""
    mark, lead = ENVELOPE.of(key), dict[str, int]()
    newest = newest_live_intent(reads, key, lambda record: any(c["key"] == mark for c in record.claims))
    if newest is not None:
        lead = told(e.record for e in reads.by_request(newest.record.request_id or ""))
    _agree(reads.values((mark,)), lead, {mark})


def newest_live_intent(
    reads: Reads, resource_key: str, fits: Callable[[Record], bool] = lambda _: True
) -> Entry | None:
    """The last intent on a workload that could change it, of those that fit. Mostly it is the last of all; dry runs
    may have come after it."""
    return newest_intent(
        reads, lambda record: record.mode == "live" and fits(record), first=1, resource_key=resource_key
    )


def _agree(stored: Mapping[str, int], lead: Mapping[str, int], keys: Iterable[str]) -> None:
    for key in sorted(keys):
        has, says = stored.get(key, 0), lead.get(key, 0)
        _refuse((key, has, says) if has != says else None)


def _refuse(contradiction: tuple[str, int, int] | None) -> None:
    if contradiction is not None:
        key, has, says = contradiction
        raise LogTampered(
            f"the log's {key} is {has}, the records that are found lead to {says}",
            where="the log",
            hint="nothing was done; find what was changed: flyball audit verify",
        )
