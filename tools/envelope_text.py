"""An envelope as it stands on its workload: the annotation `flyball.io/envelope`, for people with kubectl.

It gives no right: what is in force is what the log says. Taken away or made narrower it takes room away.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from base.instants import InstantInvalid, utc_ms
from policies.types import digest_of

ANNOTATION = "flyball.io/envelope"
_WRITTEN = re.compile(
    r"(?P<low>[1-9]\d{0,5})\.\.(?P<high>[1-9]\d{0,5}) until (?P<until>\S{20}), "
    r"(?:HPA at (?P<guard>[1-9]\d{0,2})%, )?then at least (?P<floor>[1-9]\d{0,5})"
    r"(?: at (?P<target>[1-9]\d{0,2})%)?, for (?P<agent>agent:[a-z0-9](?:[-.a-z0-9]{0,61}[a-z0-9])?)",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class Written:
    """A range of replicas, until when, the least number afterwards, and the agent that may move in it. `guard` is the
    CPU target of its HPA meanwhile and `target` the one afterwards; None where the lease leaves it alone."""

    low: int
    high: int
    until: str
    floor: int
    agent: str
    guard: int | None = None
    target: int | None = None

    def __str__(self) -> str:
        meanwhile = "" if self.guard is None else f"HPA at {self.guard}%, "
        again = "" if self.target is None else f" at {self.target}%"
        lasts = f"{self.low}..{self.high} until {self.until}"
        return f"{lasts}, {meanwhile}then at least {self.floor}{again}, for {self.agent}"


def written(annotations: Mapping[str, str]) -> Written | None:
    """The envelope that an object bears; None where there is none, or anything else stands there."""
    found = _WRITTEN.fullmatch(annotations.get(ANNOTATION, ""))
    if found is None:
        return None
    low, high, floor = (int(found[name]) for name in ("low", "high", "floor"))
    guard, target = (int(found[name]) if found[name] else None for name in ("guard", "target"))
    if (guard is None) is not (target is None):
        return None
    try:
        utc_ms(found["until"])
    except InstantInvalid:
        return None
    return Written(low, high, found["until"], floor, found["agent"], guard, target) if low <= high else None


def unread(annotations: Mapping[str, str]) -> str:
    """A digest of what stands there and is no envelope: anybody's text, told apart and not passed on; else empty."""
    text = annotations.get(ANNOTATION, "")
    return "" if not text or written(annotations) is not None else f"sha256:{digest_of(text)[:16]}"
