"""The log's integers that claims use: every key is named, made and explained here, and nowhere else.

To the log a claim is a key and integers (audit.claims); what a key means is said here. The names stand in every
log that was ever written, so none of them ever changes; a new meaning takes a new name. The log keeps one key of
its own beside these, `log/opened` (audit.log).
"""

from dataclasses import dataclass
from typing import Literal

ClaimKind = Literal["once", "equals", "raise", "min_gap", "set", "add_within"]
MAX_STORED = 2**53 - 1
"""The largest integer that a record, and so a claim, can hold."""


@dataclass(frozen=True, slots=True)
class ClaimKey:
    """A family of keys `prefix` + name, one integer each, 0 where nothing was ever stored.

    `names` says what the name is, `means` what the integer says, `claims` how it is claimed, `set_back` who makes
    it what it was before; "nobody" where it only ever moves on.
    """

    prefix: str
    names: str
    means: str
    claims: tuple[ClaimKind, ...]
    set_back: str = "nobody"

    def of(self, name: str) -> str:
        """The key of one integer of the family."""
        return self.prefix + name

    def has(self, key: str) -> bool:
        """Whether the key is one of the family."""
        return key.startswith(self.prefix)

    def name_in(self, key: str) -> str:
        """What `of` made the key from."""
        return key.removeprefix(self.prefix)


STOP = ClaimKey(
    "stop/",
    "`all`, `cluster/<name>`, or an agent as `agent:<name>`",
    "the kill switch of a scope: a counter, odd while the scope is stopped",
    ("equals", "set"),
    "`flyball resume`, by counting on",
)
POLICY_EPOCH = ClaimKey(
    "policy/epoch/",
    "a cluster; its inventory is part of the policy's digest, and contexts share a log",
    "which policy is in force: the first 52 bits of its digest",
    ("equals", "set"),
)
CLOCK = ClaimKey(
    "clock/",
    "a cluster",
    "the latest time at which it was changed (Unix ms of the world): time may not go back behind it",
    ("min_gap",),
)
CHANGED = ClaimKey(
    "changed/",
    "a target's key",
    "when it was last changed (Unix ms of the world): cooldowns count from there",
    ("equals", "min_gap", "set"),
    "a write that is known never to have happened",
)
TAINT = ClaimKey(
    "taint/",
    "an agent's session",
    "when it last read untrusted text (Unix ms of the world); 0: it is clean",
    ("equals", "set"),
)
APPROVAL = ClaimKey(
    "approval/",
    "the id of a vote's record",
    "1: the vote was used",
    ("once", "set"),
    "a write that is known never to have happened",
)
ATTEMPT = ClaimKey(
    "attempt/",
    "a request's id, `/`, and the number of the try, from 1",
    "1: that try of the request has begun",
    ("once", "equals"),
)
NONCE = ClaimKey("nonce/", "a permit's nonce", "1: the permit was used", ("once",))
FENCE = ClaimKey(
    "fence/",
    "a lease's key",
    "the highest fencing token that has worked under the lease: a holder with a lower one is too late",
    ("raise",),
)
BUSY = ClaimKey(
    "busy/",
    "a target's key",
    "1: a live intent stands open on the workload, in flight or in doubt",
    ("once", "set"),
    "the one who records how the intent ended, in the same commit",
)
ENDED = ClaimKey(
    "ended/",
    "an intent's id",
    "1: it was said how the intent ended, by its own process, a resolver or a person; only one of them can",
    ("once",),
)
RESOLVING = ClaimKey(
    "resolving/",
    "an intent's id",
    "1: a resolver looks into the intent: a process that still writes under it stops",
    ("set",),
)
SETTLED = ClaimKey(
    "settled/", "an intent's id", "1: it was said how the change ended in the cluster", ("once",)
)
VERIFY = ClaimKey(
    "verify/",
    "an intent's id",
    "when the verdict on the change is due (Unix ms of the world); 1: it was `worse`, and its rollback is owed",
    ("equals", "set"),
    "who records the verdict, or how the rollback ended",
)
DENIED = ClaimKey("denied/", "the id of a request or a plan", "1: a person declined it", ("equals", "set"))
PLAN = ClaimKey(
    "plan/",
    "a plan's id",
    "which proposal under this id is the newest: the first 52 bits of its digest",
    ("equals", "set"),
)
EVENT = ClaimKey(
    "event/",
    "the key of the event's target",
    "until when the declared event holds (Unix ms of the world); 0: it has ended",
    ("equals", "set"),
    "who ends it, or records that it ran out",
)
FINDING = ClaimKey(
    "finding/",
    "what is foreseen, `/`, and a target's key",
    "since when the sentinel's finding is open (Unix ms of the world); 0: it is not",
    ("equals", "set"),
    "the sentinel, once it is gone",
)
NOTIFIED = ClaimKey(
    "notified/",
    "a cluster, `/`, and a receiver's name",
    "the number of the first record that the receiver was not yet told of, plus 1; 0: it was never told anything",
    ("equals", "set"),
)
ENVELOPE = ClaimKey(
    "envelope/",
    "a target's key",
    "which request leased the range that the fast loop may move in, or ended it: the first 52 bits of its digest; "
    "0: there was none, or what it had moved is put back",
    ("equals", "set"),
    "a write that is known never to have happened; the loop, where the object is gone",
)
COOLED = ClaimKey(
    "cooled/",
    "a strategy, `/`, and a target's key",
    "until when the strategy is not chosen for that workload again (Unix ms of the world)",
    ("equals", "set"),
)
SCORE = ClaimKey(
    "score/",
    "a strategy, `/`, and a target's key",
    "how its changes of that workload fared: from -1000000 (each made it worse) to 1000000; 0: nothing is known",
    ("equals", "set"),
    "each further verdict, either way",
)
WORSE = ClaimKey(
    "worse/",
    "a strategy, `/`, and a target's key",
    "how many of its changes in a row made that workload worse: each doubles how long it cools",
    ("equals", "set"),
    "a change of it that is verified there",
)
ROLLBACKS = ClaimKey(
    "rollbacks/",
    "an agent",
    "how many of its changes made something worse since its level was last changed",
    ("equals", "set"),
    "a demotion or a promotion, to 0",
)
ROLLED_BACK = ClaimKey(
    "rolled_back/",
    "an agent, `/`, and the number of the rollback, from 1",
    "when that was (Unix ms of the world)",
    ("set",),
    "the rollback of that number after the next change of level",
)
LEVEL = ClaimKey(
    "level/",
    "an agent",
    "how far it may act at most: 1 observe, 2 recommend, 3 approve, 4 autonomous; 0: as policy says",
    ("equals", "set"),
    "`flyball agent promote`",
)
RETIRED = ClaimKey("retired/", "an agent", "1: it is retired, and never acts again", ("equals", "once"))
SPENT = ClaimKey(
    "spent/",
    "`total` or the number of a part of time, `/`, the window in seconds, `/`, and what a budget counts for whom",
    "what was spent of the budget, in all or in that part of time",
    ("add_within",),
    "a write that is known never to have happened, of a part only",
)
MOVED = ClaimKey(
    "moved/",
    "`up` or `down`, `/`, a dimension, `/`, and a target's key",
    "when the number was last moved that way (Unix ms of the world)",
    ("set",),
    "a write that is known never to have happened",
)
RADIUS = ClaimKey(
    "radius/",
    "`total` or the number of a part of time, `/`, the window in seconds, `/`, a ceiling, a cluster and a namespace",
    "how many workloads were changed, in all, or last in that part of time",
    ("add_within",),
    "a write that is known never to have happened, of a part only",
)
COUNTED = ClaimKey(
    "counted/",
    "a ceiling's window in seconds, `/`, its name, `/`, and a target's key",
    "the part of time in which the workload is counted under `radius/`",
    ("set",),
    "a write that is known never to have happened",
)

PAUSED = ClaimKey(
    "paused/",
    "`all`, or an agent as `agent:<name>`",
    "1: its tuning is paused: no run begins, the fast loop stands",
    ("equals", "set"),
    "`flyball tune resume`",
)

ALL = (
    STOP, POLICY_EPOCH, CLOCK, CHANGED, TAINT, APPROVAL, ATTEMPT, NONCE,
    FENCE, BUSY, ENDED, RESOLVING, SETTLED, VERIFY, DENIED, PLAN,
    EVENT, FINDING, NOTIFIED, ENVELOPE,
    COOLED, SCORE, WORSE, ROLLBACKS, ROLLED_BACK, LEVEL, RETIRED,
    SPENT, MOVED, RADIUS, COUNTED, PAUSED,
)  # fmt: skip


def first_bits(digest: str) -> int:
    """The first 52 bits of a digest in hex: what a record can hold as an integer (at most 2**53-1)."""
    return int(digest[:13], 16)
