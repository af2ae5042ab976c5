"""What the verdicts on a strategy's changes of a workload lead to: how its score moves, and how long it cools there.

Three integers of the log for each strategy and workload, set in the very commit that records the verdict. They choose
among candidates that policy allows anyhow and give no right: who edits one is found by `flyball audit verify`, and
gains no action that policy would not have allowed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from audit.log import Log
from audit.record import Record
from policies.claim_keys import COOLED, SCORE, WORSE, ClaimKey
from policies.types import Claim, Target
from tools.path.verdict import VerdictWord

FULL = 1_000_000
"""The best score; the worst is as far below 0."""
RISE, FALL = 4, 2
"""A change that is verified takes the score a fourth of the way up (down, where it promised too much), one that made
it worse half of the way down."""
COOL_MS, LONGEST_MS = 24 * 3_600_000, 14 * 24 * 3_600_000
"""How long a strategy cools on a workload after the first change in a row that made it worse; each further one
doubles that, up to the longest."""


@dataclass(frozen=True, slots=True)
class Lesson:
    """What is known of one strategy on one workload: its `score` (-1000000 to 1000000), until when it is not chosen
    there (Unix ms of the world, 0: never), and how many of its changes in a row made it worse."""

    score: int = 0
    cooled_until_ms: int = 0
    worse_in_row: int = 0

    def after(self, word: VerdictWord, now_ms: int, *, missed: bool = False) -> "Lesson":
        """What is known after one more verdict; `inconclusive` teaches nothing. `missed`: it did no harm, and less
        good than the strategy had promised."""
        if word == "verified":
            aim = -FULL if missed else FULL
            return Lesson(self.score + (aim - self.score) // RISE, self.cooled_until_ms, 0)
        if word == "worse":
            row = self.worse_in_row + 1
            cool_ms = min(COOL_MS << min(row - 1, 8), LONGEST_MS)
            return Lesson(self.score + (-FULL - self.score) // FALL, now_ms + cool_ms, row)
        return self


Lessons = Mapping[str, Lesson]
"""By strategy."""

_FIELDS: Mapping[ClaimKey, str] = {SCORE: "score", COOLED: "cooled_until_ms", WORSE: "worse_in_row"}


async def lesson_claims(
    log: Log, intent: Record, word: VerdictWord, now_ms: int, *, missed: bool = False
) -> tuple[Claim, ...]:
    """For the commit of a verdict: what it teaches. Another verdict that is recorded in between loses this commit."""
    name = _name(intent)
    if name is None:
        return ()
    keys = {family.of(name): field for family, field in _FIELDS.items()}
    values = await log.values(tuple(keys))
    known = Lesson(**{field: values[key] for key, field in keys.items()})
    taught = known.after(word, now_ms, missed=missed)
    moved = [(key, values[key], getattr(taught, field)) for key, field in keys.items()]
    return tuple(
        claim
        for key, before, after in moved
        if before != after
        for claim in (Claim("equals", key, before), Claim("set", key, after))
    )


async def learned(log: Log, targets: Sequence[Target]) -> dict[str, Lessons]:
    """What is known of the strategies on each of these workloads, by the target's key; a strategy of which nothing is
    known is left out."""
    wanted = {target.key for target in targets}
    found: dict[str, dict[str, dict[str, int]]] = {}
    for family, field in _FIELDS.items():
        for key, value in (await log.prefixed(family.prefix)).items():
            strategy, _, target = family.name_in(key).partition("/")
            if target in wanted:
                found.setdefault(target, {}).setdefault(strategy, {})[field] = value
    return {target: {name: Lesson(**each) for name, each in all_.items()} for target, all_ in found.items()}


def _name(intent: Record) -> str | None:
    strategy = (intent.labels or {}).get("strategy")
    return f"{strategy}/{intent.resource.key}" if strategy and intent.resource else None
