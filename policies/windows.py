"""What was spent within a sliding time, kept in integers of the log, so that several processes never spend too much.

A window is cut into parts. Each part of time has an integer of its own, what was spent in it; one more holds the
total ever spent, and only grows. What is spent in a window is the sum of its parts, up to one part more than the
window is long: rounded to the safer side.

Two claims spend. The first adds to the total, which may then not stand above what it was when the parts were read,
by more than what was left: whoever has spent since, in whichever part, takes that from us, and the claim is lost
where it no longer fits. The second adds to the part. What is given back is taken from its part and never from the
total, so that nobody who has read before gains by it.

Read totals and parts in one look (`Gate.keys`): else a change between the two would be missed.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from base.instants import next_second
from policies.claim_keys import MAX_STORED, RADIUS, SPENT, ClaimKey
from policies.types import Claim

PARTS = 12
SHORTEST_S = 600
"""A part must be longer than what lies between a look at the log and the decision on it."""

_TOTAL = "total/"


def is_part(key: str) -> bool:
    """Whether the key is that of a part of some window, and not of a total."""
    family = next((family for family in (SPENT, RADIUS) if family.has(key)), None)
    return family is not None and not family.name_in(key).startswith(_TOTAL)


def no_longer_held_ms(key: str) -> int:
    """From when on (Unix ms of the world) nobody reads this integer of a part: its window, and a part more on either
    side, have passed."""
    family = SPENT if SPENT.has(key) else RADIUS
    part, length_s, _ = family.name_in(key).split("/", 2)
    return -(-(int(part) + PARTS + 3) * int(length_s) * 1000 // PARTS)


@dataclass(frozen=True, slots=True)
class Window:
    """`name` is what is counted, `family` where; the time is the world's, in Unix ms."""

    family: ClaimKey
    name: str
    length_s: int

    def part(self, at_ms: int) -> int:
        """The number of the part that holds this moment."""
        return at_ms * PARTS // (self.length_s * 1000)

    def holds(self, part: int, now_ms: int) -> bool:
        """Whether what was spent in that part still counts."""
        return part >= self.part(now_ms) - PARTS

    def begins_ms(self, now_ms: int) -> int:
        """The beginning of the oldest part that `keys` names."""
        return (self.part(now_ms) - PARTS - 1) * self.length_s * 1000 // PARTS

    def key(self, part: int) -> str:
        """The log's integer of a part."""
        return self.family.of(f"{part}/{self.length_s}/{self.name}")

    @property
    def total(self) -> str:
        """The log's integer of all that was ever spent."""
        return self.family.of(f"{_TOTAL}{self.length_s}/{self.name}")

    def keys(self, now_ms: int) -> Iterator[str]:
        """All that a decision within the next part of time, or one part earlier, reads."""
        now = self.part(now_ms)
        yield self.total
        yield from map(self.key, range(now - PARTS - 1, now + 3))

    def spent(self, values: Mapping[str, int], now_ms: int) -> int:
        """What the window holds now. The part that comes next counts too: another clock may be a little ahead."""
        return sum(amount for _, amount in self._held(values, now_ms))

    def room_ms(self, values: Mapping[str, int], now_ms: int, most: int) -> int:
        """From when on (Unix ms) the window holds no more than `most`, if nothing else is spent."""
        left = self.spent(values, now_ms) - most
        at = now_ms
        for part, amount in self._held(values, now_ms):
            if left <= 0:
                break
            left -= amount
            at = -(-(part + PARTS + 1) * self.length_s * 1000 // PARTS)
        return next_second(at)

    def spend(self, values: Mapping[str, int], now_ms: int, amount: int, limit: int) -> tuple[Claim, Claim]:
        """The claims that take `amount`; lost where more than `limit` would be spent by then."""
        room = limit - self.spent(values, now_ms)
        return (
            Claim("add_within", self.total, amount, values[self.total] + room),
            self.put(self.part(now_ms), amount),
        )

    def put(self, part: int, amount: int) -> Claim:
        """The claim that adds to a part what is counted elsewhere, or takes it away."""
        return Claim("add_within", self.key(part), amount, MAX_STORED)

    def _held(self, values: Mapping[str, int], now_ms: int) -> Iterator[tuple[int, int]]:
        now = self.part(now_ms)
        for part in range(now - PARTS, now + 2):
            yield part, values[self.key(part)]
